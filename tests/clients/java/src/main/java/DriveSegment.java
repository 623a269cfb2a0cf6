import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.AliasMessage;
import com.segment.analytics.messages.GroupMessage;
import com.segment.analytics.messages.IdentifyMessage;
import com.segment.analytics.messages.Message;
import com.segment.analytics.messages.MessageBuilder;
import com.segment.analytics.messages.PageMessage;
import com.segment.analytics.messages.ScreenMessage;
import com.segment.analytics.messages.TrackMessage;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Drives analytics-java: what these releases have in common is enough. */
public final class DriveSegment {
  private static final PrintStream OUT =
      new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] arguments) throws Exception {
    JsonObject request = parse(arguments[0]).getAsJsonObject();
    JsonArray script =
        parse(Files.readString(Path.of(text(request, "script")))).getAsJsonArray();

    // The SDK mints a messageId in build(): the interceptor is called in the order of enqueue().
    Queue<String> order = new ArrayDeque<>();
    Map<String, String> labels = new ConcurrentHashMap<>();
    CountDownLatch untold = new CountDownLatch(script.size());
    Analytics analytics =
        Analytics.builder(text(request, "writeKey"))
            .endpoint(text(request, "host"))
            .flushQueueSize(5)
            .flushInterval(1, TimeUnit.SECONDS)
            .messageInterceptor(
                message -> {
                  labels.put(message.messageId(), order.remove());
                  return message;
                })
            .callback(
                new Callback() {
                  @Override
                  public void success(Message message) {
                    tell("acked", labels.get(message.messageId()), message.messageId(), null);
                    untold.countDown();
                  }

                  @Override
                  public void failure(Message message, Throwable why) {
                    tell("failed", labels.get(message.messageId()), message.messageId(), why);
                    untold.countDown();
                  }
                })
            .build();

    for (JsonElement element : script) {
      JsonObject event = element.getAsJsonObject();
      order.add(text(event, "label"));
      analytics.enqueue(message(event));
    }
    analytics.flush();
    untold.await();
    analytics.shutdown();
    System.exit(0);
  }

  private static MessageBuilder<?, ?> message(JsonObject event) {
    MessageBuilder<?, ?> builder = ofType(event);
    if (event.has("userId")) builder.userId(text(event, "userId"));
    if (event.has("anonymousId")) builder.anonymousId(text(event, "anonymousId"));
    if (event.has("messageId")) builder.messageId(text(event, "messageId"));
    if (event.has("timestamp")) {
      builder.timestamp(Date.from(Instant.parse(text(event, "timestamp"))));
    }
    if (event.has("context")) builder.context(map(event, "context"));
    map(event, "integrations")
        .forEach((name, isOn) -> builder.enableIntegration(name, (Boolean) isOn));
    return builder;
  }

  private static MessageBuilder<?, ?> ofType(JsonObject event) {
    Map<String, Object> traits = map(event, "traits");
    Map<String, Object> properties = map(event, "properties");
    switch (text(event, "type")) {
      case "track":
        return TrackMessage.builder(text(event, "event")).properties(properties);
      case "page":
        return PageMessage.builder(text(event, "name")).properties(properties);
      case "screen":
        return ScreenMessage.builder(text(event, "name")).properties(properties);
      case "identify":
        return IdentifyMessage.builder().traits(traits);
      case "group":
        return GroupMessage.builder(text(event, "groupId")).traits(traits);
      case "alias":
        return AliasMessage.builder(text(event, "previousId"));
      default:
        throw new IllegalArgumentException(text(event, "type"));
    }
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(JsonObject event, String key) {
    return event.has(key) ? (Map<String, Object>) plain(event.get(key)) : new HashMap<>();
  }

  /** Gson's own maps would turn every number into a double. */
  private static Object plain(JsonElement element) {
    if (element.isJsonNull()) return null;
    if (element.isJsonArray()) {
      List<Object> list = new ArrayList<>();
      element.getAsJsonArray().forEach(item -> list.add(plain(item)));
      return list;
    }
    if (element.isJsonObject()) {
      Map<String, Object> map = new LinkedHashMap<>();
      element.getAsJsonObject().entrySet().forEach(e -> map.put(e.getKey(), plain(e.getValue())));
      return map;
    }
    JsonPrimitive value = element.getAsJsonPrimitive();
    if (value.isBoolean()) return value.getAsBoolean();
    if (value.isString()) return value.getAsString();
    boolean isWhole = value.getAsString().matches("-?\\d+");
    return isWhole ? (Object) value.getAsLong() : (Object) value.getAsDouble();
  }

  private static synchronized void tell(
      String fate, String label, String messageId, Throwable why) {
    JsonObject line = new JsonObject();
    line.addProperty(fate, label);
    line.addProperty("messageId", messageId);
    if (why != null) line.addProperty("why", why.toString());
    OUT.println(new Gson().toJson(line));
  }

  private static String text(JsonObject object, String key) {
    return object.get(key).getAsString();
  }

  @SuppressWarnings("deprecation") // the static parse came in Gson 2.8.6; 2.1.1 brings an older one
  private static JsonElement parse(String json) {
    return new JsonParser().parse(json);
  }
}

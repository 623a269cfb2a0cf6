import com.mixpanel.mixpanelapi.ClientDelivery;
import com.mixpanel.mixpanelapi.MessageBuilder;
import com.mixpanel.mixpanelapi.MixpanelAPI;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONObject;

/** Drives mixpanel-java: all messages in one delivery, which the SDK sends in batches. */
public final class DriveMixpanel {
  private static final PrintStream OUT =
      new PrintStream(System.out, true, StandardCharsets.UTF_8);

  public static void main(String[] arguments) throws Exception {
    JSONObject request = new JSONObject(arguments[0]);
    JSONArray script = new JSONArray(Files.readString(Path.of(request.getString("script"))));
    String host = request.getString("host");
    MessageBuilder builder = new MessageBuilder(request.getString("writeKey"));

    ClientDelivery delivery = new ClientDelivery();
    for (int i = 0; i < script.length(); i++) {
      messages(builder, script.getJSONObject(i)).forEach(delivery::addMessage);
    }
    try (MixpanelAPI api =
        new MixpanelAPI(
            host + "/track", host + "/engage", host + "/groups", host + "/import", true)) {
      api.deliver(delivery);
    }
    for (int i = 0; i < script.length(); i++) {
      String label = script.getJSONObject(i).getString("label");
      OUT.println(new JSONObject().put("acked", label).put("messageId", label));
    }
  }

  private static List<JSONObject> messages(MessageBuilder builder, JSONObject step) {
    String who = step.optString("who");
    JSONObject properties = step.optJSONObject("properties");
    switch (step.getString("do")) {
      case "track":
        return List.of(builder.event(who, step.getString("event"), properties));
      case "import":
        properties.put("time", step.getLong("time"));
        return List.of(builder.importEvent(who, step.getString("event"), properties));
      case "track bulk":
      case "import bulk":
        String kind = step.getString("do").replace(" bulk", "");
        List<JSONObject> all = new ArrayList<>();
        for (Object one : step.getJSONArray("events")) {
          all.addAll(messages(builder, ((JSONObject) one).put("do", kind)));
        }
        return all;
      case "alias":
        return List.of(
            builder.event(
                step.getString("former"), "$create_alias", new JSONObject().put("alias", who)));
      case "charge":
        return List.of(builder.trackCharge(who, step.getDouble("value"), null));
      case "people":
        return List.of(person(builder, who, step));
      case "groups":
        return List.of(group(builder, step));
      default:
        throw new IllegalArgumentException(step.getString("do"));
    }
  }

  private static JSONObject person(MessageBuilder builder, String who, JSONObject step) {
    switch (step.getString("operation")) {
      case "$set":
        return builder.set(who, step.getJSONObject("value"));
      case "$set_once":
        return builder.setOnce(who, step.getJSONObject("value"));
      case "$add":
        return builder.increment(who, numbers(step.getJSONObject("value")));
      case "$append":
        return builder.append(who, step.getJSONObject("value"));
      case "$union":
        return builder.union(who, lists(step.getJSONObject("value")));
      case "$remove":
        return builder.remove(who, step.getJSONObject("value"));
      case "$unset":
        return builder.unset(who, names(step.getJSONArray("value")));
      case "$delete":
        return builder.delete(who);
      default:
        throw new IllegalArgumentException(step.getString("operation"));
    }
  }

  private static JSONObject group(MessageBuilder builder, JSONObject step) {
    String key = step.getJSONArray("group").getString(0);
    String id = step.getJSONArray("group").getString(1);
    switch (step.getString("operation")) {
      case "$set":
        return builder.groupSet(key, id, step.getJSONObject("value"));
      case "$set_once":
        return builder.groupSetOnce(key, id, step.getJSONObject("value"));
      case "$union":
        return builder.groupUnion(key, id, lists(step.getJSONObject("value")));
      case "$remove":
        return builder.groupRemove(key, id, step.getJSONObject("value"));
      case "$unset":
        return builder.groupUnset(key, id, names(step.getJSONArray("value")));
      case "$delete":
        return builder.groupDelete(key, id);
      default:
        throw new IllegalArgumentException(step.getString("operation"));
    }
  }

  private static Map<String, Long> numbers(JSONObject value) {
    Map<String, Long> numbers = new HashMap<>();
    value.keySet().forEach(key -> numbers.put(key, value.getLong(key)));
    return numbers;
  }

  private static Map<String, JSONArray> lists(JSONObject value) {
    Map<String, JSONArray> lists = new HashMap<>();
    value.keySet().forEach(key -> lists.put(key, value.getJSONArray(key)));
    return lists;
  }

  private static List<String> names(JSONArray value) {
    List<String> names = new ArrayList<>();
    value.forEach(name -> names.add((String) name));
    return names;
  }
}

import { jitsuAnalytics } from "@jitsu/js";

let jitsu;

window.start = ({ url, writeKey }) => {
  jitsu = jitsuAnalytics({ host: url, writeKey });
  return null;
};

// Settles when the SDK has an answer to each event.
window.send = async (events) => {
  for (const { type, ...event } of events) {
    const given = {
      track: () => [event.event, event.properties],
      page: () => [{ name: event.name, ...event.properties }],
      identify: () => [event.userId, event.traits],
      group: () => [event.groupId, event.traits],
    }[type]();
    await jitsu[type](...given);
  }
  return {};
};

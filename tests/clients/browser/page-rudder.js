import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

let rudder;

window.start = ({ url, writeKey, options }) =>
  new Promise((resolve) => {
    rudder = new RudderAnalytics();
    rudder.load(writeKey, url, { configUrl: url, ...options, onLoaded: () => resolve(null) });
  });

// The messageId of each label, as soon as the SDK has made the event.
window.send = (events) =>
  Promise.all(
    events.map(
      ({ label, type, context, integrations, timestamp, messageId, ...event }) =>
        new Promise((resolve) => {
          const options = { context, integrations, originalTimestamp: timestamp };
          const given = {
            track: () => [event.event, event.properties],
            page: () => ["", event.name, event.properties],
            identify: () => [event.userId, event.traits],
            group: () => [event.groupId, event.traits],
            alias: () => [event.userId, event.previousId],
          }[type]();
          rudder[type](...given, options, (made) => resolve([label, made.messageId]));
        }),
    ),
  ).then(Object.fromEntries);

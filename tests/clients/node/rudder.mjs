// Drives @rudderstack/rudder-sdk-node.
import { readFileSync } from "node:fs";
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { told } from "./told.mjs";

const { host, writeKey, script } = JSON.parse(process.argv[2]);
const rudder = new RudderAnalytics(writeKey, { dataPlaneUrl: host, flushAt: 5, flushInterval: 50 });
const untold = new Set();

for (const { label, type, timestamp, ...event } of JSON.parse(readFileSync(script, "utf8"))) {
  const messageId = event.messageId ?? `rudder-${label}-${process.pid}`;
  const when = timestamp && { originalTimestamp: new Date(timestamp) };
  untold.add(label);
  rudder[type]({ ...event, ...when, messageId }, (error) => {
    told(label, messageId, error);
    untold.delete(label);
    if (untold.size === 0) process.exit(0);
  });
}
rudder.flush();

// Drives analytics-node 6, whose callback gets the whole batch: the label in each context finds the
// message.
import { readFileSync } from "node:fs";
import Analytics from "analytics-node-6";
import { told } from "./told.mjs";

const { host, writeKey, script } = JSON.parse(process.argv[2]);
const analytics = new Analytics(writeKey, { host, flushAt: 5, flushInterval: 50, errorHandler: () => {} });

for (const { label, type, timestamp, ...event } of JSON.parse(readFileSync(script, "utf8"))) {
  const when = timestamp && { timestamp: new Date(timestamp) };
  const message = { ...event, ...when, context: { ...event.context, label } };
  analytics[type](message, (error, { batch }) => {
    const { messageId } = batch.find((sent) => sent.context.label === label);
    told(label, messageId, error);
  });
}
await analytics.flush();

// Drives @segment/analytics-node, 2 or 3.
import { readFileSync } from "node:fs";
import { streamed, told } from "./told.mjs";

const { host, writeKey, sdk, script, stream } = JSON.parse(process.argv[2]);
const { Analytics } = await import(sdk);
const analytics = new Analytics({ host, writeKey, flushAt: 5, flushInterval: 50 });

function send({ label, type, timestamp, ...event }) {
  const when = timestamp && { timestamp: new Date(timestamp) };
  analytics[type]({ ...event, ...when }, (error, context) => told(label, context.event.messageId, error));
}

if (stream) for await (const event of streamed(sdk)) send(event);
else JSON.parse(readFileSync(script, "utf8")).forEach(send);
await analytics.closeAndFlush({ timeout: 60_000 });

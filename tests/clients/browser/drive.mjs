// Drives browser SDKs in headless Chromium. Takes one JSON object a line on standard input and
// answers each with a line:
//
//   {"open": "npm-1.84" | "npm-1.81" | "snippet", "gateway", "apiHost", "protocol", "writeKey",
//    "delivery"}          → {"opened": …}: a page of another origin than the gateway runs analytics.js
//   {"open": "<name>", "start": {…}}   → the same, with the SDK of page-<name>.js
//   {"send": [events]}    → {"sent": {"<label>": "<messageId>"}}
//                           (or whatever `send` of page-<name>.js answers)
//   {"leave": true}       → {"left": …}: the person walks off to a page without the SDK
//
// When standard input closes it says {"strays": [urls]}: what asked for anything but loopback.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { snippet } from "./snippet.mjs";

const PAGE = `<!doctype html><meta charset="utf-8"><title>Żurek shop</title><link rel="icon" href="data:,">`;

const site = createServer(({ url }, response) => {
  const bundle = /^\/(page-[\w.]+\.js)$/.exec(url);
  response.setHeader("Content-Type", bundle ? "text/javascript" : "text/html");
  response.end(bundle ? readFileSync(new URL(`build/${bundle[1]}`, import.meta.url)) : PAGE);
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
const origin = `http://localhost:${site.address().port}`;

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
  ],
});
const context = await browser.newContext();
const page = await context.newPage();
const strays = new Set();
context.on("request", (request) => {
  const { protocol, hostname } = new URL(request.url());
  if (protocol !== "data:" && hostname !== "localhost" && hostname !== "127.0.0.1") strays.add(request.url());
});
page.on("pageerror", (error) => process.stderr.write(`page: ${error.stack}\n`));
page.on("console", (line) => process.stderr.write(`page: ${line.text()}\n`));

async function open({ open: how, start, gateway, apiHost, protocol, writeKey, delivery, query = "" }) {
  await page.goto(`${origin}/shop/${query}`);
  if (start) {
    await page.addScriptTag({ url: `/page-${how}.js` });
    await page.evaluate((given) => window.start(given), start);
    return { opened: how };
  }
  const segment = { deliveryStrategy: delivery, ...(apiHost && { apiHost, protocol }) };
  const options = { integrations: { "Segment.io": segment } };
  if (how === "snippet") {
    await page.evaluate(snippet, { cdn: gateway, writeKey, options });
  } else {
    await page.addScriptTag({ url: `/page-${how.slice(4)}.js` });
    await page.evaluate(
      ([settings, options]) => {
        window.analytics = window.AnalyticsBrowser.load(settings, options);
        return window.analytics.ready().then(() => null);
      },
      [{ writeKey, cdnURL: gateway }, options],
    );
  }
  return { opened: how };
}

// Runs in the page. A promise of the SDK settles when it has sent the event, or put it aside to try
// again.
function send(events) {
  if (window.send) return window.send(events);
  const calls = {
    track: ({ event, properties }, options) => analytics.track(event, properties, options),
    page: ({ category, name, properties }, options) => analytics.page(category, name, properties, options),
    screen: ({ category, name, properties }, options) => analytics.screen(category, name, properties, options),
    identify: ({ userId, traits }, options) => analytics.identify(userId, traits, options),
    group: ({ groupId, traits }, options) => analytics.group(groupId, traits, options),
    alias: ({ userId, previousId }, options) => analytics.alias(userId, previousId, options),
  };
  return Promise.all(
    events.map(async ({ label, messageId, timestamp, context, integrations, ...event }) => {
      const options = { context, ...(messageId && { messageId }), ...(timestamp && { timestamp }), integrations };
      const sent = await calls[event.type](event, options);
      return [label, sent.event.messageId];
    }),
  ).then(Object.fromEntries);
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  if (command.open) answer = await open(command);
  else if (command.send) answer = { sent: await page.evaluate(send, command.send) };
  else answer = { left: (await page.goto(`${origin}/elsewhere`)).status() };
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.stdout.write(JSON.stringify({ strays: [...strays] }) + "\n");
await browser.close();
site.close();

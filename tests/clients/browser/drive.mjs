// Drives browser SDKs in headless Chromium. The first argument is the browser; a second one may be
// {"hosts": {"<name>": "<address>:<port>"}, "home": "<folder>"}: names that lead elsewhere than they
// do, and a home whose certificate store is believed, where without one every certificate is.
//
// Takes one JSON object a line on standard input and answers each with a line:
//
//   {"open": "npm-1.84" | "npm-1.81" | "snippet", "gateway", "apiHost", "protocol", "writeKey",
//    "delivery"}          → {"opened": …}: a page of another origin than the gateway runs analytics.js
//   {"open": "<name>", "start": {…}}   → the same, with the SDK of page-<name>.js
//   {"visit": url, "start": {…}}   → {"opened": url}: a page that brings an SDK; `start` is called
//   {"pulse": {…}}        → {"pulsed": …}: what `pulse` of the page answers
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

const { hosts = {}, home } = JSON.parse(process.argv[3] ?? "{}");
const led = Object.entries(hosts).map(([name, address]) => `MAP ${name}:443 ${address}`);
const nowhere = ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"];
const known = ["127.0.0.1", "localhost", ...Object.keys(hosts)];

const browser = await chromium.launch({
  executablePath: process.argv[2],
  ...(home && { env: { ...process.env, HOME: home } }),
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    ...(home ? [] : ["--ignore-certificate-errors"]),
    `--host-resolver-rules=${[...led, ...nowhere].join(", ")}`,
  ],
});
const context = await browser.newContext();
const page = await context.newPage();
const strays = new Set();
context.on("request", (request) => {
  const { protocol, hostname } = new URL(request.url());
  if (protocol !== "data:" && !known.includes(hostname)) strays.add(request.url());
});
page.on("pageerror", (error) => process.stderr.write(`page: ${error.stack}\n`));
page.on("console", (line) => process.stderr.write(`page: ${line.text()}\n`));

async function visit({ visit: url, start }) {
  await page.goto(url);
  await page.evaluate((given) => window.start(given), start);
  return { opened: url };
}

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
  else if (command.visit) answer = await visit(command);
  else if (command.pulse) answer = { pulsed: await page.evaluate((body) => window.pulse(body), command.pulse) };
  else if (command.send) answer = { sent: await page.evaluate(send, command.send) };
  else answer = { left: (await page.goto(`${origin}/elsewhere`)).status() };
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.stdout.write(JSON.stringify({ strays: [...strays] }) + "\n");
await browser.close();
site.close();

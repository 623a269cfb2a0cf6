// A person at the settings page, in Chromium without scripts. Takes one JSON object a line on
// standard input and answers each with a line:
//
//   {"goto": url}                   → what the page shows
//   {"fill": value, "into": name}   → the same; types into a field
//   {"set": {name: bool}}           → the same; turns switches
//   {"follow": text}                → the same, of the page that the link leads to
//   {"press": text}                 → the same, of the page that the button leads to
import { createInterface } from "node:readline";
import { chromium } from "../clients/browser/node_modules/playwright-core/index.mjs";

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true });
const page = await context.newPage();
const asked = [];
page.on("request", (request) => asked.push(request.url()));

async function shown() {
  const switches = {};
  for (const one of await page.getByRole("switch").all())
    switches[await one.getAttribute("name")] = { on: await one.isChecked(), locked: await one.isDisabled() };
  return {
    url: page.url(),
    title: await page.locator("h1").innerText(),
    notices: await page.locator(".notice").allInnerTexts(),
    text: await page.locator("main").innerText(),
    switches,
    asked: asked.splice(0),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.goto) await page.goto(command.goto);
  if (command.follow)
    await Promise.all([page.waitForNavigation(), page.getByRole("link", { name: command.follow }).click()]);
  if (command.fill) await page.locator(`[name=${command.into}]`).fill(command.fill);
  for (const [name, on] of Object.entries(command.set ?? {})) await page.locator(`#${name}`).setChecked(on);
  if (command.press)
    await Promise.all([
      page.waitForNavigation(),
      page.getByRole("button", { name: command.press }).click(),
    ]);
  process.stdout.write(JSON.stringify(await shown()) + "\n");
}
await browser.close();

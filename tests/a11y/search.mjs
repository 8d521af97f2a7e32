// Searches a site with the keyboard alone, then reads it from a plain folder: node search.mjs ADDRESS FOLDER
import { strict as assert } from "node:assert";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { findBrowser, FLAGS } from "./browser.mjs";

const [address, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: findBrowser(), headless: true, args: FLAGS });
try {
  const page = await browser.newPage();
  const elsewhere = [];
  page.on("request", (request) => { if (!request.url().startsWith(address) && !request.url().startsWith("data:")) elsewhere.push(request.url()); });
  await page.goto(`${address}/chats/lampchat/2015-03-10/q2.html`);
  for (let at = 0; at < 9 && await page.evaluate(() => document.activeElement?.id) !== "q"; at++) await page.keyboard.press("Tab");
  await page.keyboard.type("moonlight");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/search.html?q=moonlight");
  await page.waitForSelector("#hits li");
  assert.equal(await page.locator("#hits li").count(), 2);
  assert.match(await page.locator("#found").innerText(), /^2 posts/);
  assert.deepEqual([...new Set(await page.locator("#hits mark").allInnerTexts())], ["Moonlight"]);
  assert.equal(await page.locator("#folder").isVisible(), false);
  await page.locator("#q").fill("wick -moonlight");
  await page.waitForFunction(() => /wick/i.test(document.querySelector("#hits mark")?.textContent ?? ""));
  assert.match(page.url(), /q=wick/);
  await page.locator("#q").fill("moonlight");
  await page.waitForFunction(() => document.querySelector("#hits mark")?.textContent === "Moonlight");
  await page.locator("#hits .where").first().focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/2015-03-1*.html#p-x-*");
  assert.equal(await page.evaluate(() => Boolean(document.querySelector(":target"))), true);
  assert.deepEqual(elsewhere, []);

  await page.goto(pathToFileURL(resolve(join(folder, "index.html"))).href);
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).margin), "8px", "the style sheet is read");
  await page.locator("main a[href*='2015-03-10.html']").first().click();
  assert.match(await page.locator("main").innerText(), /Moonlight/);
  await page.locator("#q").fill("moonlight");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/search.html?q=moonlight");
  assert.equal(await page.locator("#folder").isVisible(), true);
} finally {
  await browser.close();
}

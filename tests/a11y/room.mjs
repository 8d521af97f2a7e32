// Finds a half-remembered post in a reading room, reads its conversation and cites it: by keyboard alone, on a phone, and
// without JavaScript.
//
//   node tests/a11y/room.mjs ADDRESS OUT
//
// Screenshots of every step go to OUT. Fails where a step cannot be done, or where the keyboard's place cannot be seen.

import { strict as assert } from "node:assert";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { findBrowser, FLAGS } from "./browser.mjs";

const [address, out] = process.argv.slice(2);
const ENTRY = /^@misc\{x-2,\n {2}author = \{\{Ada \(@ada\)\}\},\n/;
mkdirSync(out, { recursive: true });

async function enter(browser, name, options) {
  const context = await browser.newContext(options);
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: address });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) problems.push(message.text()); });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => { if (!request.url().startsWith(address) && !request.url().startsWith("data:")) problems.push(request.url()); });
  let step = 0;
  const shot = () => page.screenshot({ path: join(out, `${name}-${++step}.png`) });
  const leave = async () => {
    await context.close();
    assert.deepEqual(problems, []);
  };
  return { page, shot, leave };
}

const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

// Goes on with the Tab key to what fits, and sees to it that the way there can be seen.
async function tabTo(page, wanted, most = 60) {
  for (let times = 0; times < most; times++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((selector) => {
      const here = document.activeElement;
      const style = getComputedStyle(here);
      const box = here.getBoundingClientRect();
      const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
      const isVisible = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
      return { fits: here.matches(selector), seen: (ring || here === document.body) && (isVisible || here === document.body), html: here.outerHTML.slice(0, 120) };
    }, wanted);
    assert.ok(found.seen, `the keyboard's place cannot be seen: ${found.html}`);
    if (found.fits) return;
  }
  assert.fail(`no Tab leads to ${wanted}`);
}

async function byKeyboard(browser) {
  const { page, shot, leave } = await enter(browser, "keyboard", { viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
  await page.goto(address);
  await shot();
  await tabTo(page, "#q");
  await page.keyboard.type("wikis");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/search?q=wikis");
  assert.match(await page.locator(".found").innerText(), /^3 posts/);
  await shot();
  await tabTo(page, "summary");
  await page.keyboard.press("Enter");
  await shot();
  await tabTo(page, ".facets a[href*='on%3Ax']");
  await page.keyboard.press("Enter");
  await page.waitForURL("**on%3Ax**");
  assert.match(await page.locator(".found").innerText(), /^2 posts/);
  await tabTo(page, "#p-x-2 .place a[href='/posts/x:2']");
  await shot();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/posts/x:2");
  assert.equal(await page.locator(".chosen").getAttribute("id"), "p-x-2");
  assert.equal(await page.locator(".conversation article").count(), 3);
  await shot();
  await tabTo(page, ".chosen a[href='/cite/posts/x:2']");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/cite/posts/x:2");
  await tabTo(page, "section:has(#bibtex) button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("section:has(#bibtex) [role=status]:has-text('Copied.')");
  assert.match(await clipboard(page), ENTRY);
  await shot();
  await page.goBack();
  await page.waitForURL("**/posts/x:2");
  await leave();
}

async function whileTyping(browser) {
  const { page, shot, leave } = await enter(browser, "typing", { viewport: { width: 1280, height: 900 }, colorScheme: "dark" });
  await page.goto(`${address}/search`);
  await page.locator("#q").pressSequentially("candle");
  await page.waitForFunction(() => /^1 post/.test(document.querySelector(".found")?.textContent ?? ""));
  assert.match(page.url(), /q=candle$/);
  assert.equal(await page.title(), "candle, search");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await shot();
  await page.reload();
  assert.deepEqual(await page.locator("#results mark").allInnerTexts(), ["Candles"]);
  await leave();
}

async function onAPhone(browser) {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: "dark" };
  const { page, shot, leave } = await enter(browser, "phone", phone);
  await page.goto(address);
  await shot();
  await page.locator("#q").tap();
  await page.keyboard.type("wikis");
  await page.locator(".bar button").tap();
  await page.waitForURL("**/search?q=wikis");
  await shot();
  await page.locator("summary").tap();
  await shot();
  await page.locator(".facets a[href*='on%3Ax']").tap();
  await page.waitForURL("**on%3Ax**");
  for (const link of await page.locator("main a").all()) {
    const box = await link.boundingBox();
    assert.ok(!box?.height || box.height >= 18, `${box.height}: ${await link.evaluate((one) => one.outerHTML.slice(0, 150))}`); // nothing too small for a finger beside its neighbours
  }
  await page.locator("#p-x-2 a[href='/posts/x:2']").tap();
  await page.waitForURL("**/posts/x:2");
  await shot();
  await page.locator(".chosen a[href='/cite/posts/x:2']").tap();
  await page.waitForURL("**/cite/posts/x:2");
  await page.locator("section:has(#bibtex) button").tap();
  await page.waitForSelector("section:has(#bibtex) [role=status]:has-text('Copied.')");
  assert.match(await clipboard(page), ENTRY);
  await shot();
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= screen, `scrolls sideways: ${wide} of ${screen}`);
  await leave();
}

async function withoutJavaScript(browser) {
  const { page, shot, leave } = await enter(browser, "plain", { viewport: { width: 1280, height: 900 }, javaScriptEnabled: false });
  await page.goto(address);
  await page.locator("#q").fill("wikis");
  await page.locator(".bar button").click();
  await page.waitForURL("**/search?q=wikis");
  await page.locator("summary").click();
  await page.locator(".facets a[href*='on%3Ax']").click();
  await page.waitForURL("**on%3Ax**");
  await shot();
  await page.locator("#p-x-2 a[href='/posts/x:2']").click();
  await page.waitForURL("**/posts/x:2");
  await page.locator(".chosen a[href='/cite/posts/x:2']").click();
  await page.waitForURL("**/cite/posts/x:2");
  assert.equal(await page.locator("button:visible").count(), 1); // the search's: what would copy is not offered
  assert.match(await page.locator("section:has(#bibtex) pre").innerText(), ENTRY);
  await shot();
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator("section:has(#bibtex) a").click()]);
  assert.equal(file.suggestedFilename(), "citation.bib");
  assert.match(readFileSync(await file.path(), "utf8"), ENTRY);
  await leave();
}

const browser = await chromium.launch({ executablePath: findBrowser(), headless: true, args: FLAGS });
try {
  for (const journey of [byKeyboard, whileTyping, onAPhone, withoutJavaScript]) await journey(browser);
} finally {
  await browser.close();
}

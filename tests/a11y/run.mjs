// Looks at rendered pages in a real browser, as a person with a laptop or a phone would, by day and by night.
//
//   npm install --prefix tests/a11y && node tests/a11y/run.mjs [--out DIR] [--json] FILE.html|URL…
//
// Fails (1) on a serious or critical finding of axe-core, on a page wider than its screen, on any request beyond the
// file itself or, of a page that is served, beyond its server, and on anything the browser complains about (a blocked style, a script error). Screenshots go to DIR.
// Chromium comes from the system: $CHROMIUM, or the usual names.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { findBrowser, FLAGS } from "./browser.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };
const SCHEMES = ["light", "dark"];
const NARROWEST = 320; // CSS pixels: WCAG 2.2, 1.4.10 Reflow
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const { values, positionals } = parseArgs({
  options: { out: { type: "string", default: "build/a11y" }, json: { type: "boolean", default: false } },
  allowPositionals: true,
});
if (positionals.length === 0) {
  console.error("usage: node run.mjs [--out DIR] [--json] FILE.html|URL…");
  process.exit(2);
}

function nameOf(url) {
  const { pathname, search } = new URL(url);
  return (pathname + search).replace(/[^A-Za-z0-9.-]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 100) || "home";
}

async function look(browser, file, size, scheme) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const served = /^https?:/.test(file);
  const url = served ? new URL(file).href : pathToFileURL(resolve(file)).href;
  const problems = [];
  await context.route("**/*", (route) => {
    const asked = route.request().url();
    if (asked === url || (served && new URL(asked).origin === new URL(url).origin)) return route.continue();
    problems.push(`request to ${asked}`);
    return route.abort();
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`browser says: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`script error: ${error.message}`));
  await page.goto(url, { waitUntil: "load" });

  const name = `${served ? nameOf(url) : basename(file, ".html")}-${size}-${scheme}`;
  await page.screenshot({ path: join(values.out, `${name}.png`) });
  await page.screenshot({ path: join(values.out, `${name}-full.png`), fullPage: true });

  // What is folded counts too.
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  const width = () => page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  for (const narrow of size === "phone" ? [SIZES.phone.width, NARROWEST] : [SIZES[size].width]) {
    await page.setViewportSize({ width: narrow, height: SIZES[size].height });
    const [wide, screen] = await width();
    if (wide > screen) problems.push(`scrolls sideways: ${wide} of ${screen} pixels`);
  }
  await page.setViewportSize(SIZES[size]);
  await page.evaluate(AXE);
  const { violations, incomplete } = await page.evaluate(
    (tags) => globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations", "incomplete"] }), RULES,
  );
  await context.close();
  return {
    file, size, scheme, problems,
    violations: violations.map(({ id, impact, help, nodes }) => ({
      id, impact, help, nodes: nodes.length, first: nodes[0]?.html.slice(0, 160), why: nodes[0]?.failureSummary,
    })),
    undecided: incomplete.map(({ id, nodes }) => ({ id, nodes: nodes.length })),
  };
}

mkdirSync(values.out, { recursive: true });
const browser = await chromium.launch({ executablePath: findBrowser(), headless: true, args: FLAGS });
const results = [];
try {
  for (const file of positionals) {
    for (const size of Object.keys(SIZES)) {
      for (const scheme of SCHEMES) results.push(await look(browser, file, size, scheme));
    }
  }
} finally {
  await browser.close();
}
const bad = results.filter(
  ({ problems, violations }) => problems.length || violations.some(({ impact }) => ["serious", "critical"].includes(impact)),
);
if (values.json) {
  console.log(JSON.stringify(results, null, 2));
} else {
  for (const { file, size, scheme, problems, violations, undecided } of results) {
    const open = undecided.map(({ id, nodes }) => `${id} ×${nodes}`).join(", ");
    console.log(`${/^https?:/.test(file) ? file : basename(file)} ${size} ${scheme}: ${violations.length} violations, ${problems.length} problems${open ? ` (for a person to judge: ${open})` : ""}`);
    for (const { id, impact, help, nodes, first, why } of violations) {
      console.log(`  ${impact} ${id} ×${nodes}: ${help}\n    ${first}\n    ${why?.replaceAll("\n", "\n    ")}`);
    }
    for (const problem of new Set(problems)) console.log(`  ${problem}`);
  }
}
process.exit(bad.length ? 1 : 0);

// Asks a site's finder from the command line: node find.mjs SITE < ["query", …] > [[page, …], …]
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const site = process.argv[2];
const { Finder, words } = await import(pathToFileURL(join(site, "finder.js")));
const finder = new Finder(async (path) => JSON.parse(await readFile(join(site, path), "utf8").catch(() => "null")));
const asked = JSON.parse(await new Response(process.stdin).text());
const answers = [];
for (const query of asked.queries ?? []) {
  const { total, hits, notes } = await finder.search(query, 10);
  answers.push({ total, notes, pages: hits.map(({ page }) => page), people: (await finder.people(query)).map((one) => one[2]) });
}
console.log(JSON.stringify({ answers, words: (asked.texts ?? []).map((text) => words(text)) }));

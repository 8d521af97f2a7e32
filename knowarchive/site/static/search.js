// The search page: what is typed is looked up in files beside it. Nothing of a post becomes markup.
import { Finder, marked } from "./finder.js";

const STEP = 20;
const NETWORKS = { x: "X", bluesky: "Bluesky", mastodon: "Mastodon" };
const [field, found, named, hits, more] = ["q", "found", "named", "hits", "more"].map((id) => document.getElementById(id));
const finder = new Finder(async (path) => {
  const answer = await fetch(path);
  return answer.ok ? answer.json() : null;
});
let asked = 0, shown = STEP, waiting;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function card({ page, name, handle, person, at, text, network, where }, meant) {
  const moment = new Date(at * 1000).toISOString();
  const who = make("span", { class: "who" });
  if (name) who.append(make("bdi", { class: "name" }, name), " ");
  const called = handle ? `@${handle}` : name ? "" : "Unknown account";
  if (called) who.append(person ? make("a", { class: "handle", href: person }, make("bdi", {}, called)) : make("bdi", { class: "handle" }, called));
  const body = make("div", { class: "body", dir: "auto" });
  for (const [part, isMeant] of marked(text, meant)) body.append(isMeant ? make("mark", {}, part) : part);
  const label = make("span", { class: "hidden" }, `, the post by ${handle || name || "somebody"} of ${moment.slice(0, 10)}`);
  return make("li", {}, make("article", { class: "post hit" },
    make("div", { class: "by" }, who, make("span", { class: "when" }, make("time", { datetime: moment }, `${moment.slice(0, 10)} ${moment.slice(11, 16)} UTC`), ` on ${NETWORKS[network] ?? network}`)),
    body,
    make("p", { class: "about place" }, make("a", { class: "where", href: page }, where, label))));
}

async function look() {
  const mine = ++asked;
  const typed = field.value.trim();
  if (!typed) {
    found.textContent = "";
    named.replaceChildren();
    hits.replaceChildren();
    more.hidden = true;
    return;
  }
  try {
    const [{ total, hits: best, notes, meant }, people] = await Promise.all([finder.search(typed, shown), finder.people(typed)]);
    if (mine !== asked) return;
    found.textContent = [`${total.toLocaleString("en")} ${total === 1 ? "post" : "posts"}`, ...notes].join(". ");
    named.replaceChildren(...people.map(([name, handle, page]) => make("li", {}, make("a", { href: page }, make("bdi", {}, name || `@${handle}`)))));
    hits.replaceChildren(...best.map((hit) => card(hit, meant)));
    more.hidden = best.length < shown || best.length >= total;
  } catch {
    if (mine === asked) found.textContent = "The search could not be read. Look again in a moment.";
  }
}

function begin() {
  if (location.protocol === "file:") return; // where nothing can be fetched
  document.getElementById("folder").hidden = true;
  field.value = new URLSearchParams(location.search).get("q") ?? "";
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      shown = STEP;
      const here = new URL(location.href);
      here.search = field.value ? new URLSearchParams({ q: field.value }) : "";
      history.replaceState(null, "", here);
      look();
    }, 200);
  });
  more.querySelector("button").addEventListener("click", async () => {
    const before = hits.children.length;
    shown += STEP;
    await look();
    hits.children[before]?.querySelector("a")?.focus();
  });
  look();
}

begin();

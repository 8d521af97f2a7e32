// Results while somebody types. Without it, the form does the same when it is sent.
const field = document.querySelector("#q");
const results = document.querySelector("#results");
let asked = 0;
let waiting;

async function look() {
  const mine = ++asked;
  const here = new URL(location.href);
  here.search = new URLSearchParams({ q: field.value });
  const part = new URL(here);
  part.searchParams.set("part", "results");
  const answer = await fetch(part).catch(() => null);
  if (!answer?.ok || mine !== asked) return;
  const text = await answer.text();
  if (mine !== asked) return;
  const page = new DOMParser().parseFromString(text, "text/html"); // written by our templates, which escape
  results.replaceChildren(...page.body.childNodes);
  history.replaceState(null, "", here);
  document.title = `${field.value || "Everything"}, search`;
}

field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(look, 150);
});

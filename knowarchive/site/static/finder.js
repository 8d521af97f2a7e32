// Looks up posts in the files that knowarchive/site/finding.py writes, and ranks them as the reading room does (BM25 with
// k1 = 1.2 and b = 0.75, weighed by a post's worth). It knows no page: `read(path)` gives a file as JSON, or null.

const K1 = 1.2, B = 0.75;
const FORM = 0.7, NAME = 0.5; // what another form of a word, or it in the author's name, counts against the word itself
const STEPS = 128; // of worth
const SAME = 2 * 86400; // seconds within which equal texts are one post on several networks
const FAR = 1 << 21; // more documents than any segment has
const FILTERS = { from: "from", author: "from", chat: "chat", on: "on", platform: "on", network: "on", year: "year", tag: "tag", question: "question", topic: "question", has: "has" };
const NETWORKS = { twitter: "x", bsky: "bluesky", fediverse: "mastodon" };

const UNSPACED = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3005-\\u3007\\u3041-\\u30ff\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
const MARKS = "\\u0300-\\u036f\\u0483-\\u0487\\u0591-\\u05c7\\u0610-\\u061a\\u064b-\\u0670\\u06d6-\\u06ed\\u0900-\\u0963\\u0966-\\u0dff\\u1ab0-\\u1aff\\u200c\\u200d";
const EMOJI = "\\u2300-\\u23ff\\u2600-\\u27bf\\u2b00-\\u2bff\\u{1f000}-\\u{1f1e5}\\u{1f200}-\\u{1f3fa}\\u{1f400}-\\u{1faff}";
const LETTER = `(?![${UNSPACED}])[\\p{L}\\p{N}_]`;
const WORD = new RegExp(`[${UNSPACED}]|[\\u{1f1e6}-\\u{1f1ff}]{2}|[${EMOJI}]|${LETTER}(?:${LETTER}|[${MARKS}])*(?:['’](?:[dmst]|ll|re|ve)(?![\\p{L}\\p{N}_]))?`, "giu");
const UNDECOMPOSED = { "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "\u200c": "", "\u200d": "", "’": "", "'": "", "ß": "ss", "ς": "σ" };
const LEFT_OFF = /[\u0301\u0308\u0591-\u05c7\u064b-\u0652\u0670]/u;

export function plain(word) {
  let folded = word.normalize("NFKC").toLowerCase();
  if (/^[a-z0-9_]*$/.test(folded)) return folded.slice(0, 64);
  folded = [...folded].map((letter) => UNDECOMPOSED[letter] ?? letter).join("").normalize("NFD");
  let base = "", kept = "";
  for (const letter of folded) {
    if (!/\p{M}/u.test(letter)) base = letter;
    else if (base <= "\u03ff" || LEFT_OFF.test(letter)) continue;
    kept += letter;
  }
  return [...kept.normalize("NFC")].slice(0, 64).join("");
}

export function words(text) {
  return [...text.normalize("NFKC").matchAll(WORD)].map((match) => plain(match[0])).filter(Boolean);
}

// The query as groups that must all hold; what is not understood is told in `notes`.
export function parse(typed) {
  const text = typed.slice(0, 300).replace(/[“”„‟«»＂]/g, '"').replace(/：/g, ":");
  const terms = [], notes = [];
  for (const [, sign, field, phrase, word] of text.matchAll(/([-−–+]?)(?:([A-Za-z]{2,12}):(?=[^\s/]))?(?:"([^"]*)"?|([^\s"]+))/g)) {
    const negated = sign !== "" && sign !== "+";
    const value = phrase ?? word;
    const filter = FILTERS[field?.toLowerCase()];
    if (filter) {
      const folded = filter === "question" ? value.toUpperCase().replace(/^Q?(\d+)$/, "Q$1") : plain(value.replace(/^[@#]/, ""));
      const whole = filter === "from" ? value.replace(/^@/, "").normalize("NFKC").toLowerCase() : NETWORKS[folded] ?? folded;
      terms.push({ kind: "filter", mark: `${filter}=${whole}`, name: filter === "from" ? words(value) : [], negated });
      continue;
    }
    if (["OR", "AND", "NOT"].includes(word)) { notes.push(`${word} is not understood here and was left out`); continue; }
    if (field && ["since", "until", "session", "lang", "link", "is", "to", "mentions", "role"].includes(field.toLowerCase())) {
      notes.push(`${field}: cannot be asked for here and was left out`);
      continue;
    }
    if (word?.startsWith("#") && words(word).length === 1) {
      terms.push({ kind: "filter", mark: `tag=${plain(word.slice(1))}`, name: [], negated });
      continue;
    }
    const found = words(field ? `${field}:${value}` : value);
    if (!found.length) continue;
    if (word?.endsWith("*") && found.length === 1 && found[0].length > 2) terms.push({ kind: "prefix", words: found, negated });
    else terms.push({ kind: found.length > 1 ? "phrase" : "word", words: found, negated });
  }
  return { terms: terms.slice(0, 16), notes };
}

function shardOf(key, shards) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key.includes("=") ? key : [...key].slice(0, 3).join(""))) {
    value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  }
  return value % shards;
}

export class Finder {
  constructor(read) {
    this.read = read;
    this.cache = new Map();
  }

  file(path) {
    if (!this.cache.has(path)) this.cache.set(path, this.read(path));
    return this.cache.get(path);
  }

  async index() {
    const index = await this.file("search/index.json");
    if (!index) throw new Error("no index");
    return index;
  }

  // What every segment's shard says of a key: [[segment's place, shard]]
  async shards(key) {
    const { segments } = await this.index();
    const found = await Promise.all(segments.map(({ name, shards }) => this.file(`search/${name}/w${shardOf(key, shards)}.json`)));
    return found.map((shard, place) => [place, shard ?? {}]);
  }

  // Documents by their key (segment and place), with what the index says of a word there.
  async postings(kind, word) {
    const found = new Map();
    for (const [segment, shard] of await this.shards(word)) {
      const list = shard[kind]?.[word] ?? [];
      let doc = -1;
      for (let at = 0; at < list.length;) {
        doc += list[at];
        const [length, worth, times] = [list[at + 1], list[at + 2], list[at + 3]];
        at += 4;
        const places = [];
        if (kind === "words") {
          let place = 0;
          for (const end = at + times; at < end; at++) places.push(place += list[at]);
        }
        found.set(segment * FAR + doc, { length, worth, times, places });
      }
    }
    return found;
  }

  async marked(mark) {
    const found = new Map();
    for (const [segment, shard] of await this.shards(mark)) {
      let doc = -1;
      for (const step of shard.marks?.[mark] ?? []) found.set(segment * FAR + (doc += step), 0);
    }
    return found;
  }

  async totals() {
    const { segments } = await this.index();
    const sum = (name) => segments.reduce((all, one) => all + one[name], 0);
    return { docs: sum("docs"), words: sum("words"), names: sum("names") };
  }

  async forms(word) {
    const found = new Set();
    for (const [, shard] of await this.shards(word)) for (const form of shard.forms?.[word] ?? []) found.add(form);
    return [...found];
  }

  async beginning(start, fits) {
    const found = new Map();
    for (const [, shard] of await this.shards(start)) {
      for (const [word, list] of Object.entries(shard.words ?? {})) if (fits(word)) found.set(word, (found.get(word) ?? 0) + list.length);
    }
    return [...found.keys()].sort((one, other) => found.get(other) - found.get(one)).slice(0, 24);
  }

  async scored(kind, word, boost, totals, scores, worths) {
    const found = await this.postings(kind, word);
    const rarity = Math.log(1 + (totals.docs - found.size + 0.5) / (found.size + 0.5));
    const mean = totals[kind] / totals.docs;
    for (const [doc, { length, worth, times }] of found) {
      const score = boost * rarity * (1 + K1) * times / (times + K1 * (1 - B + B * length / mean));
      scores.set(doc, (scores.get(doc) ?? 0) + score);
      worths.set(doc, worth);
    }
    return found.size;
  }

  async phrase(sequence, totals, scores, worths) {
    const each = await Promise.all(sequence.map((word) => this.postings("words", word)));
    const rarity = each.reduce((all, found) => all + Math.log(1 + (totals.docs - found.size + 0.5) / (found.size + 0.5)), 0);
    const mean = totals.words / totals.docs;
    for (const [doc, first] of each[0]) {
      const others = each.slice(1).map((found) => found.get(doc));
      if (others.some((one) => !one)) continue;
      const times = first.places.filter((place) => others.every((one, away) => one.places.includes(place + away + 1))).length;
      if (!times) continue;
      scores.set(doc, (scores.get(doc) ?? 0) + rarity * (1 + K1) * times / (times + K1 * (1 - B + B * first.length / mean)));
      worths.set(doc, first.worth);
    }
  }

  // One term: the documents that fulfil it, with what that counts.
  async term(term, totals, worths, meant, notes) {
    const scores = new Map();
    if (term.kind === "filter") {
      for (const doc of (await this.marked(term.mark)).keys()) scores.set(doc, 0);
      if (term.name.length > 1) {
        const each = await Promise.all(term.name.map((word) => this.postings("names", word)));
        for (const doc of each[0].keys()) if (each.every((found) => found.has(doc))) scores.set(doc, 0);
      }
      return scores;
    }
    if (term.kind === "prefix") {
      const [start] = term.words;
      const found = await this.beginning(start, (word) => word.startsWith(start));
      for (const word of found) await this.scored("words", word, 1, totals, scores, worths);
      meant.push(...found.map((word) => [word]));
      return scores;
    }
    if (term.kind === "phrase") {
      await this.phrase(term.words, totals, scores, worths);
      const named = await Promise.all(term.words.map((word) => this.postings("names", word)));
      const both = [...named[0].keys()].filter((doc) => named.every((found) => found.has(doc)));
      if (both.length) {
        for (const word of term.words) {
          const own = new Map();
          await this.scored("names", word, NAME, totals, own, worths);
          for (const doc of both) scores.set(doc, (scores.get(doc) ?? 0) + (own.get(doc) ?? 0));
        }
      }
      meant.push(term.words);
      return scores;
    }
    const [word] = term.words;
    let sum = await this.scored("words", word, 1, totals, scores, worths);
    const forms = await this.forms(word);
    for (const form of forms) sum += await this.scored("words", form, FORM, totals, scores, worths);
    sum += await this.scored("names", word, NAME, totals, scores, worths);
    const own = await this.marked(`from=${word}`);
    if (own.size) {
      const rarity = Math.log(1 + (totals.docs - own.size + 0.5) / (own.size + 0.5));
      for (const doc of own.keys()) scores.set(doc, (scores.get(doc) ?? 0) + NAME * rarity);
      sum += own.size;
    }
    meant.push(...[word, ...forms].map((one) => [one]));
    if (!sum && word.length > 3) {
      const most = word.length < 8 ? 1 : 2;
      const close = await this.beginning(word, (other) => !differs(word, other, most));
      for (const other of close) await this.scored("words", other, 1, totals, scores, worths);
      meant.push(...close.map((other) => [other]));
      notes.push(close.length ? `no post has “${word}”; showing ${close.slice(0, 3).join(", ")}` : `no post has “${word}”, or a word like it`);
    }
    return scores;
  }

  // Posts that fit, the best first: {total, hits: [{page, name, handle, …, meant}], notes}
  async search(typed, limit = 10) {
    const { terms, notes } = parse(typed);
    const [totals, { segments, block }] = await Promise.all([this.totals(), this.index()]);
    const worths = new Map(), meant = [];
    let fitting = null;
    const asked = terms.filter((term) => !term.negated);
    for (const term of asked) {
      const scores = await this.term(term, totals, worths, meant, notes);
      fitting = fitting ? new Map([...fitting].filter(([doc]) => scores.has(doc)).map(([doc, score]) => [doc, score + scores.get(doc)])) : scores;
    }
    if (!fitting) {
      fitting = new Map();
      if (terms.length) segments.forEach(({ docs }, segment) => { for (let doc = 0; doc < docs; doc++) fitting.set(segment * FAR + doc, 0); });
    }
    for (const term of terms.filter((one) => one.negated)) {
      for (const doc of (await this.term(term, totals, new Map(), [], [])).keys()) fitting.delete(doc);
    }
    const order = [...fitting].map(([doc, score]) => [doc, score * Math.log2(2 + (worths.get(doc) ?? 0) / STEPS)]); // as tantivy weighs
    order.sort((one, other) => other[1] - one[1] || other[0] - one[0]);
    const hits = [], leaders = new Map();
    for (let at = 0; at < order.length && hits.length < limit; at += limit) {
      const some = order.slice(at, at + limit);
      const records = await Promise.all(some.map(([doc]) => this.record(segments[Math.floor(doc / FAR)].name, doc % FAR, block)));
      records.forEach((record, place) => {
        if (!record || hits.length >= limit) return;
        const [page, name, handle, person, moment, text, network, where, twin] = record;
        const same = (leaders.get(twin) ?? []).some((when) => Math.abs(when - moment) <= SAME);
        if (same) return;
        leaders.set(twin, [...(leaders.get(twin) ?? []), moment]);
        hits.push({ page, name, handle, person, at: moment, text, network, where, score: some[place][1] });
      });
    }
    return { total: order.length, hits, notes, meant };
  }

  async record(segment, doc, block) {
    const records = await this.file(`search/${segment}/d${Math.floor(doc / block)}.json`);
    return records?.[doc % block];
  }

  // People whose names hold all the words that were typed: [[name, handle, page]]
  async people(typed) {
    const { people } = await this.index();
    const named = words(typed.replace(/\b(?:from|author):/gi, ""));
    if (!named.length || named.length > 4) return [];
    const each = await Promise.all(named.map(async (word) => (await this.file(`search/people/${shardOf(word, people)}.json`))?.[word] ?? []));
    return each[0].filter(([, , page]) => each.every((found) => found.some((one) => one[2] === page)));
  }
}

export function differs(one, other, most) {
  if (Math.abs(one.length - other.length) > most) return true;
  let row = [...Array(other.length + 1).keys()];
  for (let i = 1; i <= one.length; i++) {
    const line = [i];
    for (let j = 1; j <= other.length; j++) line.push(Math.min(row[j] + 1, line[j - 1] + 1, row[j - 1] + (one[i - 1] !== other[j - 1])));
    row = line;
  }
  return row[other.length] > most;
}

// A text in stretches, each with whether a query meant it: [[text, marked]]. Of a long one the part where that begins.
export function marked(text, meant, length = 280) {
  const found = [...text.matchAll(WORD)].map((match) => [plain(match[0]), match.index, match.index + match[0].length]);
  const spans = [];
  for (const sequence of meant) {
    for (let at = 0; at + sequence.length <= found.length; at++) {
      if (sequence.every((word, away) => found[at + away][0] === word)) spans.push([found[at][1], found[at + sequence.length - 1][2]]);
    }
  }
  spans.sort((one, other) => one[0] - other[0]);
  const start = text.length <= length ? 0 : Math.max(0, Math.min((spans[0]?.[0] ?? 0) - length / 3 | 0, text.length - length));
  const cut = start ? text.indexOf(" ", start) + 1 || start : 0;
  const end = Math.min(text.length, cut + length);
  const parts = cut ? [["…", false]] : [];
  let done = cut;
  for (const [low, high] of spans) {
    if (low < done || high > end) continue;
    if (low > done) parts.push([text.slice(done, low), false]);
    parts.push([text.slice(low, high), true]);
    done = high;
  }
  if (done < end) parts.push([text.slice(done, end), false]);
  if (end < text.length) parts.push(["…", false]);
  return parts;
}

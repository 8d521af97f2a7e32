"""What the site's search looks up: small files that a page fetches as it needs them, made so that it ranks as the room does.

Posts lie in segments, a year each, and the months of the newest year one each, so that a new session changes one small
segment. In a segment, words lie in shards by their first letters. `finder.js` reads what is written here. Pure.

- `search/index.json`: {"segments": [{"name", "docs", "words", "names", "shards"}], "people": shards}, the oldest first
- `search/<segment>/w<shard>.json`: {"words": {word: postings}, "forms": {word: other words of its stem}, "names": {word:
  postings}, "marks": {"from=ada": documents}}. Postings are a flat list: for each document its distance from the one
  before, the number of its words, its worth in 128ths, how often the word is there, and where: distances again. Names have
  no places.
- `search/<segment>/d<block>.json`: documents as lists, in the order of `RECORD`, `BLOCK` to a file, the oldest first
- `search/people/<shard>.json`: {word of a name: [[name, handle, address]]}
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from transcripts.search import words
from transcripts.search.posts import STEPS, IndexedPost, seconds, twin, worth
from transcripts.search.schema import beside, short_handles
from transcripts.writers.text import clean, clean_line

RECORD = ("page", "name", "handle", "person", "at", "text", "network", "place", "twin")
BLOCK = 40  # documents to a file
SHARDS = (16, 64, 256)  # of a segment; the fewest whose files stay small
A_SHARD = 400  # documents that one more shard is worth
PEOPLE_SHARDS = 64
MOST_PEOPLE = 12  # of one name, those who said most
MOST_FORMS = 16  # of a word, as the room has them
LONGEST_TEXT = 2_000  # characters that a result can show of
FOLDER = "search"
GAP = 2  # places between what is said in two places, which no phrase spans

_encode = msgspec.json.Encoder(order="sorted").encode
File = tuple[str, bytes]


class Found(NamedTuple):
    """A post that can be found, with where it stands: its page with the anchor, and its author's page."""

    post: IndexedPost
    page: str
    person: str | None
    place: str


class Segment(msgspec.Struct, frozen=True):
    """What the finder must know of a segment: how many documents it has, how many words and words of names, and shards."""

    name: str
    docs: int
    words: int
    names: int
    shards: int


def segment_of(month: str, newest: str) -> str:
    """The segment in which a month ("2015-05") lies, if `newest` is the newest."""
    return month if month[:4] == newest[:4] else month[:4]


def shard_of(key: str, shards: int) -> int:
    """In which shard a word lies: FNV-1a of its first three letters; of a mark, of all."""
    value = 0x811C9DC5
    for byte in (key if "=" in key else key[:3]).encode("utf-8", "replace"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % shards


def write_segment(name: str, posts: Iterable[Found]) -> tuple[Segment, Iterator[File]]:
    """Write a segment.

    Args:
        name: its folder.
        posts: what is in it.

    Returns:
        What the finder must know of it, and its files.
    """
    found = sorted(posts, key=lambda one: (one.post.created_at, one.post.uid))
    postings: defaultdict[str, list[int]] = defaultdict(list)
    names: defaultdict[str, list[int]] = defaultdict(list)
    marks: defaultdict[str, list[int]] = defaultdict(list)
    word_at: dict[str, int] = {}  # the last document in which each stands
    name_at: dict[str, int] = {}
    mark_at: dict[str, int] = {}
    languages: set[str] = set()
    total = total_names = 0
    records = []
    for place, one in enumerate(found):
        post = one.post
        text = words.words(words.without_links(post.text or ""))
        languages.add(words.stemmer_of(post.lang))
        spots: dict[str, list[int]] = {}
        at = length = 0
        for field in (text, *(each.split() for each in beside(post))):
            for spot, word in enumerate(field, at):
                if word in spots:
                    spots[word] += (spot - sum(spots[word]),)
                else:
                    spots[word] = [spot]
            length += len(field)
            at += len(field) + GAP
        total += length
        value = round(worth(post) * STEPS)
        for word, steps in spots.items():
            postings[word] += (place - word_at.get(word, -1), length, value, len(steps), *steps)
        word_at.update(dict.fromkeys(spots, place))
        named = words.words(post.author_name or "")
        total_names += len(named)
        for word in dict.fromkeys(named):
            names[word] += (place - name_at.get(word, -1), len(named), value, named.count(word))
        name_at.update(dict.fromkeys(named, place))
        marked = _marks(post)
        for mark in marked:
            marks[mark].append(place - mark_at.get(mark, -1))
        mark_at.update(dict.fromkeys(marked, place))
        records.append(_record(one, twin(post, text)))
    shards = next((size for size in SHARDS if size * A_SHARD >= len(found)), SHARDS[-1])
    about = Segment(name, len(found), total, total_names, shards)
    return about, _files(about, records, postings, names, marks, languages)


def _files(
    about: Segment,
    records: Sequence[list[object]],
    postings: dict[str, list[int]],
    names: dict[str, list[int]],
    marks: dict[str, list[int]],
    languages: Iterable[str],
) -> Iterator[File]:
    forms = _forms(postings, languages)
    kinds: dict[str, dict[str, list[int]] | dict[str, list[str]]] = {
        "words": postings, "names": names, "marks": marks, "forms": forms
    }  # fmt: skip
    shards: list[dict[str, dict[str, object]]] = [{} for _ in range(about.shards)]
    for kind, by_key in kinds.items():
        for key, value in by_key.items():
            shards[shard_of(key, about.shards)].setdefault(kind, {})[key] = value
    for shard, content in enumerate(shards):
        yield f"{FOLDER}/{about.name}/w{shard}.json", _encode(content)
    for block in range(0, len(records), BLOCK):
        yield f"{FOLDER}/{about.name}/d{block // BLOCK}.json", _encode(records[block : block + BLOCK])


def write_people(people: Iterable[tuple[str, str | None, str, int]]) -> Iterator[File]:
    """Write who can be found: name, handle, address and number of posts of each."""
    by_word: defaultdict[str, list[tuple[int, str, str | None, str]]] = defaultdict(list)
    for name, handle, page, posts in people:
        shown = clean_line(name or "")
        short = clean_line(handle or "").removeprefix("@")
        for word in {*words.words(shown), *words.words(short), words.exact(short)} - {""}:
            by_word[word].append((-posts, shown, short or None, page))
    shards: list[dict[str, list[object]]] = [{} for _ in range(PEOPLE_SHARDS)]
    for word, found in by_word.items():
        best = sorted(found, key=lambda one: (one[0], one[3]))[:MOST_PEOPLE]
        shards[shard_of(word, PEOPLE_SHARDS)][word] = [list(one[1:]) for one in best]
    for shard, content in enumerate(shards):
        yield f"{FOLDER}/people/{shard}.json", _encode(content)


def write_index(segments: Iterable[Segment]) -> File:
    """Write what the finder reads first."""
    listed = sorted(segments, key=lambda one: one.name)
    return f"{FOLDER}/index.json", _encode({"segments": listed, "people": PEOPLE_SHARDS, "block": BLOCK})


def _record(one: Found, alike: int) -> list[object]:
    post = one.post
    return [
        one.page,
        clean_line(post.author_name or ""),
        clean_line(post.author_handle or "").removeprefix("@"),
        one.person,
        seconds(post.created_at),
        clean(post.text or "")[:LONGEST_TEXT] if not post.warning else clean_line(f"Content warning: {post.warning}"),
        post.platform,
        one.place,
        alike,
    ]


def _marks(post: IndexedPost) -> list[str]:
    """What else can be asked for, as `name=value`."""
    found = {f"on={post.platform}", f"year={post.created_at.year}"}
    found |= {f"chat={one.chat}" for one in post.filed}
    found |= {f"question={one.topic}" for one in post.filed if one.topic}
    found |= {f"tag={words.exact(tag)}" for tag in post.hashtags}
    if post.author_handle:
        handle = words.exact(post.author_handle.removeprefix("@"))
        found |= {f"from={one}" for one in (handle, *short_handles(handle))}
    if post.links:
        found.add("has=link")
    if post.has_media:
        found.add("has=media")
    return sorted(found)


def _forms(postings: dict[str, list[int]], languages: Iterable[str]) -> dict[str, list[str]]:
    """The other words that have a word's stem, by word, in any of some languages; the most frequent of them."""
    ranked = sorted(postings, key=lambda word: (-len(postings[word]), word))
    found: defaultdict[int, set[int]] = defaultdict(set)  # by rank, as all that follows
    for language in languages:
        by_stem: defaultdict[str, list[int]] = defaultdict(list)
        for rank, word in enumerate(ranked):
            by_stem[words.stem(word, language)].append(rank)
        for alike in by_stem.values():
            if len(alike) > 1:
                most = alike[: MOST_FORMS + 1]
                for rank in alike:
                    found[rank].update(most)
    return {
        ranked[rank]: [ranked[other] for other in sorted(alike - {rank})[:MOST_FORMS]] for rank, alike in found.items()
    }

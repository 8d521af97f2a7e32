"""What filing costs: the demo's session with more and more people in it, as a ratio to decoding its posts."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from time import process_time

import msgspec
from msgspec import structs

from benchmarks.cases import load_demo
from knowarchive.model import Mention, Post
from transcripts.corrections import Corrections
from transcripts.filing import file_again, prepare
from transcripts.model import SessionPosts
from transcripts.teaching import most_instructive

RUNS = 5  # of which the fastest counts
DECODED = 20  # times, to be long enough to measure


def crowd(session: SessionPosts, posts: int) -> SessionPosts:
    """Let other people say what was said, a little later, until there are so many posts; nobody asks twice."""
    draw = random.Random(posts)
    asking = {uid for question in prepare(session).questions for uid in question.parts}
    made = list(session.posts)
    for copy in count(1):
        if len(made) >= posts:
            break
        made += [_again(post, copy, draw) for post in session.posts if post.uid not in asking]
    return replace(session, posts=tuple(made[:posts]), reposts=())


def _again(post: Post, copy: int, draw: random.Random) -> Post:
    def other(name: str | None) -> str | None:
        return f"{name}{copy}" if name else None

    mentions = post.mentions and tuple(Mention(f"{one.handle}{copy}", other(one.uid)) for one in post.mentions)
    return structs.replace(
        post,
        uid=f"{post.uid}{copy}",
        url=None,
        author_uid=other(post.author_uid),
        author_handle=other(post.author_handle),
        created_at=post.created_at + timedelta(seconds=draw.uniform(0, 60)),
        reply_to=other(post.reply_to),
        reply_to_author=other(post.reply_to_author),
        conversation=other(post.conversation),
        quote_of=other(post.quote_of),
        mentions=mentions,
    )


def measure(posts: int = 1000) -> dict[str, float]:
    """Milliseconds of processor time for a session of so many posts, and how many times as long as decoding them.

    `file` reads and files it all, `correct` files it again after an answer, `ask` finds what to ask next.
    """
    *_, case = load_demo()
    session = crowd(case.session, posts)
    encoded = msgspec.json.encode(session.posts)
    decoder = msgspec.json.Decoder(tuple[Post, ...])
    prepared = prepare(session)
    inference = prepared.inference
    assert inference is not None
    answer = most_instructive(inference, number=1)[0]
    corrections = Corrections({answer: prepared.questions[0].label})
    works: dict[str, Callable[[], object]] = {
        "file": lambda: prepare(session),
        "correct": lambda: file_again(prepared, corrections),
        "ask": lambda: most_instructive(inference, number=1),
    }
    decoding = _fastest(lambda: [decoder.decode(encoded) for _ in range(DECODED)]) / DECODED
    row: dict[str, float] = {"posts": len(session.posts), "decode_ms": round(1000 * decoding, 2)}
    for name, work in works.items():
        seconds = _fastest(work)
        row |= {f"{name}_ms": round(1000 * seconds), f"{name}_ratio": round(seconds / decoding, 1)}
    return row


def _fastest(work: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(RUNS):
        start = process_time()
        work()
        taken.append(process_time() - start)
    return min(taken)

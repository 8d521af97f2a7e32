"""Who answers whom: reply trees that lose no post, however broken the references are."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from knowarchive.model import Post

X_STATUS = re.compile(
    r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/(?:#!/)?[^/]+/status(?:es)?/(\d+)", re.IGNORECASE
)
BLUESKY_POST = re.compile(r"https?://bsky\.app/profile/(did:[^/]+)/post/([^/?#]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A post in its reply tree. `post` is None for a placeholder: somebody replied to it, and nobody has it.

    `outside` says that it is not one of the posts that the forest was built of: a placeholder, or context. Comparing
    or printing a tree would recurse as deep as the conversation, so nodes compare by identity; use `walk`.
    """

    uid: str
    post: Post | None
    children: tuple["Node", ...] = ()
    outside: bool = False


def build_forest(posts: Iterable[Post], context: Mapping[str, Post] | None = None) -> tuple[Node, ...]:
    """Arrange posts as reply trees: roots and children in order of time, each post exactly once.

    A parent that is in neither `posts` nor `context` is a placeholder, one for all who reply to it. A circle of replies
    is opened at its earliest post. Works level by level, never recursively.

    Args:
        posts: in any order.
        context: posts by uid that are shown only where one of `posts` hangs on them.
    """
    inside = {post.uid: post for post in posts}
    known = {**(context or {}), **inside}
    parents = _parents(inside, known)
    children: dict[str | None, list[str]] = {}
    for uid, parent in parents.items():
        children.setdefault(parent, []).append(uid)
    order = _top_down(children)
    when: dict[str, tuple[datetime, str]] = {}
    nodes: dict[str, Node] = {}
    for uid in reversed(order):
        below = sorted(children.get(uid, ()), key=when.__getitem__)
        post = known.get(uid)
        when[uid] = (post.created_at if post else when[below[0]][0], uid)
        nodes[uid] = Node(uid, post, tuple(nodes.pop(child) for child in below), outside=uid not in inside)
    return tuple(nodes[uid] for uid in sorted(children.get(None, ()), key=when.__getitem__))


def walk(forest: Iterable[Node]) -> Iterator[tuple[int, Node]]:
    """Visit every node with its depth (0 for a root), a parent before its children."""
    ahead = [(0, node) for node in reversed(tuple(forest))]
    while ahead:
        depth, node = ahead.pop()
        yield depth, node
        ahead.extend((depth + 1, child) for child in reversed(node.children))


def own_thread(node: Node) -> tuple[Node, ...]:
    """Follow one author's chain of self-replies from this node: it and, each time, the first reply of the same author.

    A chain of one is no thread, but it is returned all the same.
    """
    chain = [node]
    while (author := _author(chain[-1])) is not None:
        following = next((child for child in chain[-1].children if _author(child) == author), None)
        if following is None:
            break
        chain.append(following)
    return tuple(chain)


def quoted(post: Post, by_address: Mapping[str, str] | None = None) -> str | None:
    """Say which post this one quotes: by the network's word, or by a link to it, as people quoted before 2015.

    Args:
        post: any.
        by_address: uids by web address, for networks whose addresses do not hold the uid.
    """
    if post.quote_of is not None:
        return post.quote_of
    for link in post.links or ():
        uid = (by_address or {}).get(link.url)
        if uid is None and (match := X_STATUS.match(link.url)):
            uid = f"x:{match[1]}"
        elif uid is None and (match := BLUESKY_POST.match(link.url)):
            uid = f"bluesky:{match[1]}/app.bsky.feed.post/{match[2]}"
        if uid is not None and uid != post.uid:
            return uid
    return None


def is_address_of_post(url: str) -> bool:
    """Whether an address is that of a post on X or Bluesky."""
    return bool(X_STATUS.match(url) or BLUESKY_POST.match(url))


def _parents(inside: Mapping[str, Post], known: Mapping[str, Post]) -> dict[str, str | None]:
    """Find each node's parent (None for a root), with circles opened."""
    parents: dict[str, str | None] = {}
    for start in inside:
        uid: str | None = start
        while uid is not None and uid not in parents:
            post = known.get(uid)
            above = post.reply_to if post else None
            if above == uid or (uid not in inside and above not in known):
                above = None  # a placeholder stands only above a post of the session
            parents[uid] = above
            uid = above
    settled: set[str] = set()
    for start in sorted(parents):
        path: list[str] = []
        on_path: set[str] = set()
        uid = start
        while uid is not None and uid not in settled and uid not in on_path:
            path.append(uid)
            on_path.add(uid)
            uid = parents[uid]
        if uid is not None and uid in on_path:
            circle = path[path.index(uid) :]
            parents[min(circle, key=lambda one: (known[one].created_at, one))] = None
        settled.update(path)
    return parents


def _top_down(children: Mapping[str | None, list[str]]) -> list[str]:
    order = list(children.get(None, ()))
    for uid in order:  # grows while it is read
        order.extend(children.get(uid, ()))
    return order


def _author(node: Node) -> str | None:
    return (node.post.author_uid or node.post.author_handle) if node.post else None

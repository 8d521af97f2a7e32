# ruff: noqa: INP001 - a program beside its data, not a package
"""Plays the three networks of the demo on loopback while a command runs, from what `demo/networks/` has of them.

    python replay.py knowarchive collect lanternkm --session 2026-03-11

The addresses are those of the sources in the configuration that the command reads: `$KNOWARCHIVE_CONFIG`, or
`knowarchive.toml` in the current folder. The command is given tokens that are invented, in the place of any real ones.
Needs Python alone, and asks nobody.
"""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, ClassVar, NamedTuple, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

NETWORKS = Path(__file__).parent / "networks"
TOKEN = "invented-token"  # noqa: S105 - opens nothing

Json = dict[str, Any]


class Asked(NamedTuple):
    """A request: its path and parameters, and the address that it came to."""

    path: str
    lists: Mapping[str, list[str]]
    address: str

    @property
    def one(self) -> dict[str, str]:
        return {name: values[0] for name, values in self.lists.items()}


class Answer(NamedTuple):
    content: Any
    status: int = 200
    headers: Mapping[str, str] = {}


class Network(Protocol):
    """One of the three: `environment` is what a command needs to be let in at an address, `answer` what it is told."""

    def __init__(self, content: Json) -> None: ...

    def environment(self, address: str, /) -> dict[str, str]: ...

    def answer(self, asked: Asked, /) -> Answer: ...


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def page(items: list[Any], size: str | None, start: str | None) -> tuple[list[Any], str | None]:
    """A page of a list, and what the next one is asked for by."""
    first = int(start or 0)
    end = first + int(size or 50)
    return items[first:end], str(end) if end < len(items) else None


class X:
    """The API v2: searches, counts, look-ups, quotes."""

    def __init__(self, content: Json) -> None:
        self.users = {one["id"]: one for one in content["users"]}
        self.posts = {one["id"]: one for one in sorted(content["tweets"], key=lambda one: -int(one["id"]))}
        self.media = {one["media_key"]: one for one in content["media"]}
        self.polls = {one["id"]: one for one in content["polls"]}

    @staticmethod
    def environment(_: str, /) -> dict[str, str]:
        return {"KNOWARCHIVE_X_BEARER": TOKEN}

    def answer(self, asked: Asked) -> Answer:
        if re.fullmatch(r"/2/tweets/search/(all|recent)", asked.path):
            return self.listed(self.found(asked.one), asked.one, "next_token")
        if re.fullmatch(r"/2/tweets/counts/(all|recent)", asked.path):
            return Answer({"data": [], "meta": {"total_tweet_count": len(self.found(asked.one))}})
        if asked.path == "/2/tweets":
            ids = asked.one["ids"].split(",")
            known = [self.posts[own] for own in ids if own in self.posts]
            lost = [self.problem(own, "ids") for own in ids if own not in self.posts]
            return Answer(self.expanded(known, lost))
        if match := re.fullmatch(r"/2/tweets/(\d+)/quote_tweets", asked.path):
            quoting = [post for post in self.posts.values() if ("quoted", match[1]) in self.references(post)]
            return self.listed(quoting, asked.one, "pagination_token")
        return Answer({"title": "Not Found Error", "detail": "There is no such path here."}, 404)

    def found(self, one: Mapping[str, str]) -> list[Json]:
        """The posts of a stretch of time that a query wants, newest first."""
        words = one["query"].replace("(", " ").replace(")", " ").split()
        wanted = [word for word in words if word != "OR" and not word.startswith("-")]
        unwanted = [word.removeprefix("-") for word in words if word.startswith("-")]
        start, end = moment(one["start_time"]), moment(one["end_time"])
        return [
            post
            for post in self.posts.values()
            if start <= moment(post["created_at"]) < end
            and any(self.fits(post, term) for term in wanted)
            and not any(self.fits(post, term) for term in unwanted)
        ]

    def fits(self, post: Json, term: str) -> bool:
        """A repost is found by what it repeats: its own text is cut."""
        if term.startswith("conversation_id:"):
            return bool(post["conversation_id"] == term.partition(":")[2])
        repeated = [self.posts[own] for kind, own in self.references(post) if kind == "retweeted" and own in self.posts]
        tags = (repeated or [post])[0].get("entities", {}).get("hashtags", ())
        return term.removeprefix("#").casefold() in {tag["tag"].casefold() for tag in tags}

    @staticmethod
    def references(post: Json) -> list[tuple[str, str]]:
        return [(one["type"], one["id"]) for one in post.get("referenced_tweets", ())]

    def listed(self, posts: list[Json], one: Mapping[str, str], cursor: str) -> Answer:
        found, following = page(posts, one.get("max_results"), one.get(cursor))
        meta: Json = {"result_count": len(found)} | ({"next_token": following} if following else {})
        return Answer(self.expanded(found) | {"meta": meta})

    def expanded(self, posts: list[Json], lost: Iterable[Json] = ()) -> Json:
        """A page with what it expands; there is no `data` where there are no posts."""
        referred = {own for post in posts for _, own in self.references(post)}
        errors = [*lost, *(self.problem(own, "referenced_tweets.id") for own in sorted(referred - self.posts.keys()))]
        others = [self.posts[own] for own in sorted(referred & self.posts.keys())]
        both = [*posts, *others]
        named = [one["id"] for post in both for one in post.get("entities", {}).get("mentions", ())]
        attached = [post.get("attachments", {}) for post in both]
        includes = {
            "users": [self.users[own] for own in dict.fromkeys([*(post["author_id"] for post in both), *named])],
            "tweets": others,
            "media": [self.media[key] for one in attached for key in one.get("media_keys", ())],
            "polls": [self.polls[key] for one in attached for key in one.get("poll_ids", ())],
        }
        content: Json = {"data": posts, "includes": {name: some for name, some in includes.items() if some}}
        return (content if posts else {}) | ({"errors": errors} if errors else {})

    @staticmethod
    def problem(own: str, parameter: str) -> Json:
        return {
            "value": own,
            "detail": f"Could not find tweet with {parameter}: [{own}].",
            "title": "Not Found Error",
            "resource_type": "tweet",
            "parameter": parameter,
            "resource_id": own,
            "type": "https://api.twitter.com/2/problems/resource-not-found",
        }


class Bluesky:
    """A server with an AppView behind it: sessions, searches, threads, quotes, reposters, posts, profiles, records."""

    HANDLE: ClassVar = "reader.example.org"
    SHOWN: ClassVar = "app.bsky.feed.defs#"

    def __init__(self, content: Json) -> None:
        views = sorted(content["posts"], key=lambda view: view["record"]["createdAt"], reverse=True)
        self.posts = {view["uri"]: view for view in views}
        self.profiles = {one["did"]: one for one in content["profiles"]}
        self.reposts = content["reposts"]

    def environment(self, _: str, /) -> dict[str, str]:
        return {"KNOWARCHIVE_BLUESKY_HANDLE": self.HANDLE, "KNOWARCHIVE_BLUESKY_APP_PASSWORD": TOKEN}

    def answer(self, asked: Asked) -> Answer:
        methods: dict[str, Callable[[Asked], Answer]] = {
            "com.atproto.server.createSession": self.session,
            "com.atproto.server.refreshSession": self.session,
            "com.atproto.repo.getRecord": self.record,
            "app.bsky.actor.getProfiles": self.people,
            "app.bsky.feed.searchPosts": self.search,
            "app.bsky.feed.getPostThread": self.thread,
            "app.bsky.feed.getQuotes": self.quotes,
            "app.bsky.feed.getRepostedBy": self.reposters,
            "app.bsky.feed.getPosts": self.look_up,
        }
        method = methods.get(asked.path.removeprefix("/xrpc/"))
        return method(asked) if method else self.refusal("MethodNotImplemented", 501)

    @staticmethod
    def refusal(name: str, status: int = 400) -> Answer:
        return Answer({"error": name, "message": name}, status)

    def session(self, _: Asked) -> Answer:
        own = next(did for did, one in self.profiles.items() if one["handle"] == self.HANDLE)
        tokens = {"accessJwt": self.token("access", 2), "refreshJwt": self.token("refresh", 24)}
        return Answer({"did": own, "handle": self.HANDLE, "active": True, **tokens})

    @staticmethod
    def token(scope: str, hours: int) -> str:
        """A token that says when it ends, as clients want to know, and proves nothing."""
        claims = ({"alg": "none"}, {"scope": scope, "exp": int(time.time()) + 3600 * hours}, "invented")
        return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in claims)

    def search(self, asked: Asked) -> Answer:
        one = asked.one
        wanted = {tag.casefold() for tag in asked.lists.get("tag", [one["q"].removeprefix("#")])}
        since, until = moment(one["since"]), moment(one["until"])
        found = [
            view
            for view in self.posts.values()
            if since <= moment(view["indexedAt"]) < until and wanted <= self.tags(view)
        ]
        return self.paged("posts", found, asked, hitsTotal=len(found))

    @staticmethod
    def tags(view: Json) -> set[str]:
        features = [feature for facet in view["record"].get("facets", ()) for feature in facet["features"]]
        return {feature["tag"].casefold() for feature in features if "tag" in feature}

    @staticmethod
    def paged(name: str, items: list[Json], asked: Asked, **more: Any) -> Answer:
        found, following = page(items, asked.one.get("limit"), asked.one.get("cursor"))
        return Answer({name: found, **more} | ({"cursor": following} if following else {}))

    @staticmethod
    def parent(view: Json) -> str | None:
        uri: str | None = view["record"].get("reply", {}).get("parent", {}).get("uri")
        return uri

    def thread(self, asked: Asked) -> Answer:
        view = self.posts.get(asked.one["uri"])
        if view is None:
            return self.refusal("NotFound")
        up, down = int(asked.one.get("parentHeight", 80)), int(asked.one.get("depth", 6))
        return Answer({"thread": self.above(view, up) | self.below(view, down)})

    def above(self, view: Json, left: int) -> Json:
        node = {"$type": f"{self.SHOWN}threadViewPost", "post": view}
        uri = self.parent(view)
        if uri is None or not left:
            return node
        if uri not in self.posts:
            return node | {"parent": {"$type": f"{self.SHOWN}notFoundPost", "uri": uri, "notFound": True}}
        return node | {"parent": self.above(self.posts[uri], left - 1)}

    def below(self, view: Json, left: int) -> Json:
        node: Json = {"$type": f"{self.SHOWN}threadViewPost", "post": view}
        replies = [one for one in self.posts.values() if self.parent(one) == view["uri"]]
        return node | ({"replies": [self.below(one, left - 1) for one in replies]} if left else {})

    def quotes(self, asked: Asked) -> Answer:
        uri = asked.one["uri"]
        quoting = [
            view for view in self.posts.values() if view["record"].get("embed", {}).get("record", {}).get("uri") == uri
        ]
        return self.paged("posts", quoting, asked, uri=uri)

    def reposters(self, asked: Asked) -> Answer:
        uri = asked.one["uri"]
        return self.paged(
            "repostedBy", [self.profiles[one["did"]] for one in self.reposts if one["uri"] == uri], asked, uri=uri
        )

    def look_up(self, asked: Asked) -> Answer:
        return Answer({"posts": [self.posts[uri] for uri in asked.lists["uris"] if uri in self.posts]})

    def people(self, asked: Asked) -> Answer:
        return Answer({"profiles": [self.profiles[did] for did in asked.lists["actors"] if did in self.profiles]})

    def record(self, asked: Asked) -> Answer:
        view = self.posts.get("at://{repo}/{collection}/{rkey}".format(**asked.one))
        return Answer({**view, "value": view["record"]}) if view else self.refusal("RecordNotFound")


class Mastodon:
    """One server: tag timelines, statuses, contexts, edits, and who boosted or quoted."""

    def __init__(self, content: Json) -> None:
        self.instance = content["instance"]
        self.posts = {one["id"]: one for one in sorted(content["statuses"], key=lambda one: -int(one["id"]))}
        self.boosts = content["reblogged_by"]
        self.edits = {one["id"]: one["versions"] for one in content["history"]}

    @staticmethod
    def environment(address: str, /) -> dict[str, str]:
        return {f"KNOWARCHIVE_MASTODON_TOKEN__{re.sub('[^A-Z0-9]', '_', urlsplit(address).netloc.upper())}": TOKEN}

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/api/v2/instance":
            return Answer(self.instance)
        if match := re.fullmatch(r"/api/v1/timelines/tag/([^/]+)", asked.path):
            tag = unquote(match[1]).casefold()
            tagged = [post for post in self.posts.values() if tag in {one["name"] for one in post["tags"]}]
            return self.timeline([post for post in tagged if post["visibility"] == "public"], asked)
        if asked.path == "/api/v1/statuses":
            return Answer([self.posts[own] for own in asked.lists.get("id[]", ()) if own in self.posts])
        match = re.fullmatch(r"/api/v1/statuses/(\d+)(?:/(context|history|reblogged_by|quotes))?", asked.path)
        if match is None or match[1] not in self.posts:
            return Answer({"error": "Record not found"}, 404)
        post = self.posts[match[1]]
        lists: dict[str | None, Callable[[Json], Any]] = {
            None: lambda post: post,
            "context": self.context,
            "history": lambda post: self.edits.get(post["id"], []),
            "reblogged_by": lambda post: [one["account"] for one in self.boosts if one["id"] == post["id"]],
            "quotes": self.quotes,
        }
        return Answer(lists[match[2]](post))

    @staticmethod
    def timeline(posts: list[Json], asked: Asked) -> Answer:
        """Newest first; the header names the next page."""
        before = int(asked.one.get("max_id", 1 << 80))
        rest = [post for post in posts if int(post["id"]) < before]
        found = rest[: int(asked.one.get("limit", 20))]
        if len(found) == len(rest):
            return Answer(found)
        return Answer(found, headers={"Link": f'<{asked.address}{asked.path}?max_id={found[-1]["id"]}>; rel="next"'})

    def context(self, post: Json) -> Json:
        """What is above and below a post, as somebody sees it whom the author of a private reply lets follow."""
        up: list[Json] = []
        own = post["in_reply_to_id"]
        while own in self.posts:
            up.insert(0, self.posts[own])
            own = self.posts[own]["in_reply_to_id"]
        return {"ancestors": up, "descendants": list(self.below(post["id"]))}

    def below(self, own: str) -> Iterator[Json]:
        for post in reversed(self.posts.values()):
            if post["in_reply_to_id"] == own:
                yield post
                yield from self.below(post["id"])

    def quotes(self, post: Json) -> list[Json]:
        return [
            one for one in self.posts.values() if one["quote"] and one["quote"]["quoted_status"]["id"] == post["id"]
        ]


PLAYED: dict[str, type[Network]] = {"x": X, "bluesky": Bluesky, "mastodon": Mastodon}


def sources(config: Path) -> dict[str, str]:
    """The servers of the sources in a configuration, by network."""
    chats = tomllib.loads(config.read_text("utf-8")).get("chat", [])
    return {one["platform"]: one.get("server", "") for chat in chats for one in chat.get("source", [])}


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(network: Network, address: str) -> Server:
    """Answer at an address of this machine, in the background.

    Raises:
        ValueError: it is elsewhere, or taken.
    """
    parts = urlsplit(address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:  # as http.server calls it
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = urlsplit(self.path)
            answer = network.answer(Asked(asked.path.rstrip("/"), parse_qs(asked.query), address))
            body = json.dumps(answer.content).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json; charset=utf-8", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, *_: object) -> None:
            """Say nothing: the command speaks."""

    if parts.hostname != "127.0.0.1" or not parts.port:
        raise ValueError(f"{address} is not http://127.0.0.1 and a port: only this machine is played on")
    try:
        server = Server((parts.hostname, parts.port), Handler)
    except OSError as error:
        raise ValueError(f"{address} cannot be used ({error.strerror}); give the source another port") from error
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def main(command: list[str]) -> int:
    """Run a command while the networks answer. Returns its exit code."""
    if not command:
        sys.stderr.write("usage: python replay.py COMMAND…\n")
        return 2
    config = Path(os.environ.get("KNOWARCHIVE_CONFIG", "knowarchive.toml"))
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with contextlib.ExitStack() as stack:
        try:
            for name, address in sources(config).items():
                network = PLAYED[name](json.loads((NETWORKS / f"{name}.json").read_text("utf-8")))
                server = serve(network, address)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
                environment |= network.environment(address)
            return subprocess.run(command, env=environment, check=False).returncode
        except (OSError, ValueError) as error:
            sys.stderr.write(f"replay: {config}: {error}\n")
            return 1
        except KeyboardInterrupt:  # the command has had it too
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A small server of X's API v2 in memory, which answers below `requests`, is as strict as X, and can misbehave on demand.

Shapes are those of the OpenAPI descriptions; everybody in it is invented.
"""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from connectors.base import Query, Surroundings
from connectors.x.ids import SNOWFLAKE_EPOCH
from knowarchive.config import Source

START = datetime(2026, 3, 10, 20, tzinfo=UTC)  # a session of an hour
QUERY = Query(("LanternKM",), START, START + timedelta(hours=1))
TOKEN = "AAAAsecret%2Btoken%3D6f3a"
SECRETS = {"KNOWARCHIVE_X_BEARER": TOKEN}
SOURCE = Source(platform="x")

NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids", "referenced_tweets": "referenced_posts", "note_tweet": "note_post",
    "retweet_count": "repost_count", "tweet_count": "post_count", "total_tweet_count": "total_post_count",
    "tweets": "posts",
}  # fmt: skip


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self, time=START + timedelta(hours=3)):
        self.time = time
        self.slept = []

    def now(self):
        return self.time

    def elapsed(self):
        return self.time.timestamp()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def surroundings(tmp_path, clock=None, *, secrets=SECRETS, **more):
    clock = clock or Clock()
    return Surroundings(
        secrets=secrets, state=tmp_path / "state", now=clock.now, elapsed=clock.elapsed, sleep=clock.sleep,
        jitter=lambda: 0.5, **more,
    )  # fmt: skip


def response(request, status=200, body=b"", headers=None):
    """What an adapter makes of an answer from the wire."""
    body = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    raw = HTTPResponse(
        body=io.BytesIO(body),
        headers={
            "content-type": "application/json; charset=utf-8",
            "content-length": str(len(body)),
            **(headers or {}),
        },
        status=status,
        preload_content=False,
        enforce_content_length=True,
    )
    return HTTPAdapter().build_response(request, raw)


def moment(text):
    return datetime.fromisoformat(text)


class InvalidError(Exception):
    """The request is wrong: the answer is 400."""


class Server:
    """The server. `faults` maps the number of a request, from 1, to what is done instead of answering."""

    def __init__(self, clock=None, start=START):
        self.clock = clock or Clock()
        self.start = start
        self.posts = {}
        self.users = {}
        self.gone = set()
        self.protected = set()
        self.log = []  # (path, parameters)
        self.faults = {}
        self.page = 500
        self.has_archive = True
        self.names = {"tweet.fields", "post.fields"}  # which vocabularies it knows
        self.counts = True

    # What people do

    def user(self, name):
        own = str(int.from_bytes(name.encode()[-7:]))
        return self.users.setdefault(
            own,
            {
                "id": own, "username": name, "name": name.title(), "created_at": "2010-01-01T00:00:00.000Z",
                "protected": False, "description": "", "public_metrics": {"followers_count": 3, "following_count": 2, "tweet_count": 9, "listed_count": 0},
            },
        )  # fmt: skip

    def add(self, name, text, minute=0, *, reply_to=None, quotes=None, reposts=None, tag=True, mentions=()):
        made = self.start + timedelta(minutes=minute)
        own = str((int(made.timestamp() * 1000) - SNOWFLAKE_EPOCH << 22) + len(self.posts))
        references = [
            {"type": kind, "id": other}
            for kind, other in (("replied_to", reply_to), ("quoted", quotes), ("retweeted", reposts))
            if other
        ]
        entities = {
            "hashtags": [{"tag": "LanternKM", "start": 0, "end": 1}] if tag else [],
            "mentions": [{"username": one, "id": self.user(one)["id"], "start": 0, "end": 1} for one in mentions],
        }
        self.posts[own] = {
            "id": own, "text": text + (" #LanternKM" if tag else ""), "author_id": self.user(name)["id"], "lang": "en",
            "created_at": made.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "conversation_id": self.posts[reply_to]["conversation_id"] if reply_to else own,
            "edit_history_tweet_ids": [own],
            "entities": {name: found for name, found in entities.items() if found},
            "public_metrics": {
                "retweet_count": 0, "reply_count": 0, "like_count": 1, "quote_count": 0, "bookmark_count": 0,
                "impression_count": 0,
            },
        }  # fmt: skip
        if references:
            self.posts[own]["referenced_tweets"] = references
        for other, name_ in ((reply_to, "reply_count"), (quotes, "quote_count"), (reposts, "retweet_count")):
            if other:
                self.posts[other]["public_metrics"][name_] += 1
        return own

    def edit(self, own, text, minutes=30):
        """A new version is a new id, later."""
        post = self.posts[own]
        newer = str(int(own) + (int(minutes * 60_000) << 22))
        history = [*post["edit_history_tweet_ids"], newer]
        made = moment(post["created_at"]) + timedelta(minutes=minutes)
        self.posts[newer] = post | {"id": newer, "text": text, "created_at": made.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        for one in history:
            self.posts[one] = self.posts[one] | {"edit_history_tweet_ids": history}
        return newer

    # As an adapter: what Transport needs

    def send(self, request, **options):
        assert options["timeout"], "every request has a timeout"
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        parts = urlsplit(request.url)
        self.log.append((parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}))
        fault = self.faults.pop(len(self.log), None)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            answer = fault(self, request)
            if answer is not None:
                return answer
        return self.answer(request)

    def answer(self, request):
        parts = urlsplit(request.url)
        params = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            status, value = self.route(parts.path, params)
        except InvalidError as error:
            status, value = 400, {
                "errors": [{"parameters": {}, "message": str(error)}], "title": "Invalid Request",
                "detail": "One or more parameters to your request was invalid.",
                "type": "https://api.twitter.com/2/problems/invalid-request",
            }  # fmt: skip
        if "post.fields" in params or ("counts" in parts.path and self.names == {"post.fields"}):
            value = renamed(value)
        kind = "application/json" if status == 200 else "application/problem+json"
        headers = {
            "content-type": f"{kind}; charset=utf-8",
            "x-rate-limit-limit": "300",
            "x-rate-limit-remaining": "299",
            "x-rate-limit-reset": "1773180000",
        }
        return response(request, status, value, headers)

    def route(self, path, params):
        for name in ("tweet.fields", "post.fields"):
            if name in params and name not in self.names:
                raise InvalidError(f"The query parameter [{name}] is not one of [{','.join(self.names)}]")
        if path in {
            "/2/tweets/search/recent",
            "/2/tweets/search/all",
            "/2/tweets/counts/recent",
            "/2/tweets/counts/all",
        }:
            if path.endswith("/all") and not self.has_archive:
                return 403, {
                    "reason": "client-not-enrolled", "title": "Client Forbidden", "required_enrollment": "Appropriate Level",
                    "detail": "When authenticating requests …", "type": "https://api.twitter.com/2/problems/client-forbidden",
                }  # fmt: skip
            found = self.find(params, is_recent=path.endswith("/recent"))
            return 200, self.count(found, params) if "/counts/" in path else self.list(found, params, path)
        if path == "/2/tweets":
            return 200, self.look_up(params)
        own = path.removeprefix("/2/tweets/").removesuffix("/quote_tweets")
        found = [post for post in self.visible() if {"type": "quoted", "id": own} in post.get("referenced_tweets", ())]
        return 200, self.list(found, params, path, "pagination_token")

    def visible(self):
        hidden = {post["id"] for post in self.posts.values() if post["author_id"] in self.protected} | self.gone
        newest = [post for post in self.posts.values() if post["id"] == post["edit_history_tweet_ids"][-1]]
        return sorted((post for post in newest if post["id"] not in hidden), key=lambda post: -int(post["id"]))

    def find(self, params, *, is_recent):
        query, now = params["query"], self.clock.now()
        start, end = moment(params["start_time"]), moment(params["end_time"])
        if len(query) > 512:
            raise InvalidError("Your query is too long")
        if is_recent and start < now - timedelta(days=7):
            raise InvalidError(f"Invalid 'start_time':'{params['start_time']}'. 'start_time' must be on or after …")
        if end > now - timedelta(seconds=10):
            raise InvalidError("Invalid 'end_time'")
        if start >= end:
            raise InvalidError("'start_time' must be before 'end_time'")
        matched = re.fullmatch(r"\(?([^()]*?)\)?((?: -#\w+)*)", query)
        terms, unwanted = matched[1].split(" OR "), [one.removeprefix("-#").lower() for one in matched[2].split()]
        assert len(terms) == 1 or not unwanted or query.startswith("("), query
        return [
            post
            for post in self.visible()
            if start <= moment(post["created_at"]) < end
            and any(self.fits(post, term) for term in terms)
            and not any(f"#{tag}" in post["text"].lower() for tag in unwanted)
        ]

    @staticmethod
    def fits(post, term):
        if term.startswith("conversation_id:"):
            return post["conversation_id"] == term.removeprefix("conversation_id:")
        assert term.startswith("#"), term
        return re.search(rf"{term}\b", post["text"], re.IGNORECASE) is not None

    def count(self, found, params):
        whole = {"start": params["start_time"], "end": params["end_time"], "tweet_count": len(found)}
        return {"data": [whole], "meta": {"total_tweet_count": len(found)}}

    def list(self, found, params, path, cursor="next_token"):
        size = int(params["max_results"])
        if not 10 <= size <= (500 if path.endswith("/all") else 100):
            raise InvalidError("Invalid 'max_results'")
        start = 0
        if cursor in params:
            if not re.fullmatch(r"t\d+", params[cursor]):
                raise InvalidError(f"Invalid '{cursor}'")
            start = int(params[cursor][1:])
        rest = [post for post in found if not start or int(post["id"]) < start]
        listed = rest[: min(size, self.page)]
        value = self.expanded(listed)
        value["meta"] = {"result_count": len(listed)}
        if len(rest) > len(listed):
            value["meta"]["next_token"] = f"t{listed[-1]['id']}"
        return value

    def look_up(self, params):
        ids = params["ids"].split(",")
        assert len(ids) <= 100
        listed, errors = [], []
        for own in ids:
            post = self.posts.get(own)
            if post is None or own in self.gone:
                errors.append(problem("resource-not-found", own, "Not Found Error"))
            elif post["author_id"] in self.protected:
                errors.append(problem("not-authorized-for-resource", own, "Authorization Error"))
            else:
                listed.append(post)
        value = self.expanded(listed)
        return value | ({"errors": errors} if errors else {})

    def expanded(self, listed):
        """A page; `data` is absent when empty."""
        if not listed:
            return {}
        tweets = {
            other: self.posts[other]
            for post in listed
            for other in [*(one["id"] for one in post.get("referenced_tweets", ())), *post["edit_history_tweet_ids"]]
            if other in self.posts
            and other != post["id"]
            and other not in self.gone
            and self.posts[other]["author_id"] not in self.protected
        }
        people = {post["author_id"] for post in [*listed, *tweets.values()]}
        people |= {one["id"] for post in listed for one in post["entities"].get("mentions", ())}
        includes = {"users": [self.users[own] for own in sorted(people)]}
        if tweets:
            includes["tweets"] = list(tweets.values())
        return {"data": listed, "includes": includes}

    # What tests ask

    def paths(self):
        return [path for path, _ in self.log]

    def searches(self):
        return [params for path, params in self.log if "/search/" in path]


def problem(kind, own, title):
    return {
        "value": own, "detail": f"Could not find tweet with ids: [{own}].", "title": title, "resource_type": "tweet",
        "parameter": "ids", "resource_id": own, "type": f"https://api.twitter.com/2/problems/{kind}",
    }  # fmt: skip


def renamed(value):
    if isinstance(value, str):
        return value.replace("https://api.twitter.com/2/problems/", "https://api.x.com/2/problems/")
    if isinstance(value, dict):
        return {NEW_NAMES.get(name, name): renamed(item) for name, item in value.items()}
    return [renamed(item) for item in value] if isinstance(value, list) else value


def broken(status, body=b'{"title":"x"}', **headers):
    """A fault: another answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _, request: response(request, status, body, names)


def reset_connection():
    return requests.exceptions.ConnectionError("Bearer " + TOKEN)

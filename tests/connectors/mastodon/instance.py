"""A small server of Mastodon's API in memory, which answers below `requests` and can misbehave on demand.

Pages, headers and ids are as Mastodon 4.5 gives them; everybody in it is invented.
"""

import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from connectors.base import Query, Surroundings
from knowarchive.config import Source

START = datetime(2026, 3, 10, 20, tzinfo=UTC)  # a session of an hour
QUERY = Query(("LanternKM",), START, START + timedelta(hours=1))
SERVER = "https://harbour.example"
SOURCE = Source(platform="mastodon", server=SERVER)
TOKEN = "SECRET-6f3a"
VARIABLE = "KNOWARCHIVE_MASTODON_TOKEN__HARBOUR_EXAMPLE"


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.time = START + timedelta(days=1)
        self.slept = []

    def now(self):
        return self.time

    def elapsed(self):
        return self.time.timestamp()

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def surroundings(tmp_path, clock=None, *, token=None, **more):
    clock = clock or Clock()
    secrets = {VARIABLE: token} if token else {}
    return Surroundings(
        secrets=secrets,
        state=tmp_path,
        now=clock.now,
        elapsed=clock.elapsed,
        sleep=clock.sleep,
        jitter=lambda: 0.5,
        **more,
    )


def response(request, status=200, body=b"", headers=None):
    """What an adapter makes of an answer from the wire."""
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


def status_id(made, serial=0):
    """An id as Mastodon makes them."""
    return str((int(made.timestamp() * 1000) << 16) + serial)


def account(name, **more):
    return {
        "id": str(1000 + sum(name.encode())), "username": name, "acct": name, "display_name": name.title(), "note": "",
        "url": f"{SERVER}/@{name}", "uri": f"{SERVER}/users/{name}", "created_at": "2022-11-05T00:00:00.000Z",
        "followers_count": 3, "following_count": 4, "statuses_count": 5, "bot": False, "fields": [], "noindex": False,
        "avatar": f"{SERVER}/avatars/{name}.png", **more,
    }  # fmt: skip


class Instance:
    """The server. `faults` maps the number of a request, from 1, to what is done instead of answering."""

    def __init__(self, start=START):
        self.start = start
        self.statuses = {}
        self.edits = {}
        self.reposters = {}
        self.hidden = set()  # ids that only their authors may see
        self.deleted = set()
        self.log = []
        self.faults = {}
        self.descendants_limit = 60
        self.page = 40
        self.has_links = True
        self.needs_token = False
        self.refreshing = False

    def post(self, name, text, minute=0, *, reply_to=None, tag=True, visibility="public", **more):
        made = self.start + timedelta(minutes=minute)
        own = status_id(made, len(self.statuses))
        parent = self.statuses.get(reply_to)
        tags = [{"name": "lanternkm", "url": f"{SERVER}/tags/lanternkm"}] if tag else []
        person = account(name)
        self.statuses[own] = {
            "id": own, "uri": f"{SERVER}/users/{name}/statuses/{own}", "url": f"{SERVER}/@{name}/{own}",
            "created_at": made.isoformat().replace("+00:00", "Z"), "edited_at": None, "in_reply_to_id": reply_to,
            "in_reply_to_account_id": parent and parent["account"]["id"], "visibility": visibility, "language": "en",
            "content": f"<p>{text}{' #LanternKM' if tag else ''}</p>", "spoiler_text": "", "sensitive": False,
            "account": person, "reblog": None, "media_attachments": [], "mentions": [], "tags": tags, "emojis": [],
            "card": None, "poll": None, "quote": None, "replies_count": 0, "reblogs_count": 0, "favourites_count": 1,
            "quotes_count": 0, **more,
        }  # fmt: skip
        if parent is not None and visibility in {"public", "unlisted"}:  # as Mastodon counts
            parent["replies_count"] += 1
        return own

    def uid(self, own):
        return f"mastodon:{self.statuses[own]['uri']}"

    # As an adapter: what Transport needs

    def send(self, request, **options):
        assert options["timeout"], "every request has a timeout"
        parts = urlsplit(request.url)
        self.log.append(parts.path + (f"?{parts.query}" if parts.query else ""))
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
        status, value, headers = self.route(parts.path.rstrip("/"), params, parse_qs(parts.query), request)
        headers = {name: value for name, value in (headers or {}).items() if value}
        return response(request, status, json.dumps(value).encode(), headers)

    def route(self, path, params, lists, request):
        if path == "/api/v2/instance":
            return 200, {"domain": "harbour.example", "version": "4.5.0", "title": "Harbour"}, None
        if self.needs_token and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "This method requires an authenticated user"}, None
        if path.lower() == "/api/v1/timelines/tag/lanternkm":
            return self.timeline(path, params)
        if path == "/api/v1/statuses":
            return 200, [self.statuses[own] for own in lists["id[]"] if self.sees(own)], None
        parts = path.removeprefix("/api/v1/statuses/").split("/")
        own = parts[0]
        if not self.sees(own):
            return 404, {"error": "Record not found"}, None
        if len(parts) == 1:
            return 200, self.statuses[own], None
        if parts[1] == "context":
            headers = {"Mastodon-Async-Refresh": 'id="abc", retry=3, result_count=0'} if self.refreshing else None
            self.refreshing = False
            return 200, self.context(own), headers
        if parts[1] == "history":
            return 200, self.edits.get(own, []), None
        if parts[1] == "reblogged_by":
            return self.list_of_reposters(path, own, params)
        if parts[1] == "quotes":
            quoting = [
                one for one in self.statuses.values() if one["quote"] and one["quote"]["quoted_status"]["id"] == own
            ]
            return 200, [one for one in quoting if self.sees(one["id"])], None
        return 404, {"error": "Not Found"}, None

    def sees(self, own):
        return own in self.statuses and own not in self.hidden and own not in self.deleted

    def timeline(self, path, params):
        listed = sorted(
            (one for one in self.statuses.values() if one["tags"] and self.sees(one["id"])),
            key=lambda one: int(one["id"]),
            reverse=True,
        )
        before = int(params.get("max_id", 1 << 100))
        page = [one for one in listed if int(one["id"]) < before][: min(self.page, int(params.get("limit", 20)))]
        link = f'<{SERVER}{path}?max_id={page[-1]["id"]}>; rel="next"' if page and self.has_links else ""
        return 200, page, {"Link": link}

    def context(self, own):
        up, down = [], []
        parent = self.statuses[own]["in_reply_to_id"]
        while parent is not None and self.sees(parent):
            up.insert(0, self.statuses[parent])
            parent = self.statuses[parent]["in_reply_to_id"]
        pending = [own]
        while pending:
            here = pending.pop(0)
            children = [one for one in self.statuses.values() if one["in_reply_to_id"] == here and self.sees(one["id"])]
            down += children
            pending += [one["id"] for one in children]
        return {"ancestors": up[-40:], "descendants": down[: self.descendants_limit]}

    def list_of_reposters(self, path, own, params):
        people = self.reposters.get(own, [])
        start = int(params.get("max_id", 0))
        page = people[start : start + 2]
        more = start + 2 < len(people)
        link = f'<{SERVER}{path}?max_id={start + 2}>; rel="next"' if more else ""
        return 200, page, {"Link": link}


def reset_connection():
    return requests.exceptions.ConnectionError("Bearer " + TOKEN)

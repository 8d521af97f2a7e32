"""A small Bluesky network in memory, behind the transport: it keeps posts, pages them, and misbehaves when told to."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx

START = datetime(2024, 3, 6, 20, 0, tzinfo=UTC)
SERVER = "https://pds.example"
T = "app.bsky.feed.defs#"


def token(expires, kind="access"):
    def piece(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{piece({'alg': 'HS256'})}.{piece({'exp': int(expires.timestamp()), 'scope': kind})}.c2VjcmV0LXNpZ25hdHVyZQ"


def did(name):
    return f"did:plc:{name}"


class Network(httpx.BaseTransport):
    """Answers like a server with an AppView behind it. `faults` are called with each request, until one answers."""

    def __init__(self, start=START):
        self.start = start
        self.posts = {}  # uri: view without counts
        self.deleted = set()
        self.reposts = []  # (uri, name)
        self.page = 100
        self.ignores_window = False
        self.searches_tags = True
        self.needs_session = False
        self.password = "right"
        self.sessions = 0
        self.faults = []
        self.requests = []
        self.authorizations = []
        self.gates = {}

    def say(self, name, text, minutes=0, *, reply_to=None, quote=None, tags=(), at=None):
        made = (at or self.start + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
        uri = f"at://{did(name)}/app.bsky.feed.post/k{len(self.posts)}"
        record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": made, "tags": list(tags)}
        if reply_to is not None:
            root = self.posts[reply_to]["record"].get("reply", {}).get("root", {}).get("uri", reply_to)
            record["reply"] = {"root": {"uri": root, "cid": "c"}, "parent": {"uri": reply_to, "cid": "c"}}
        if quote is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": {"uri": quote, "cid": "c"}}
        self.posts[uri] = {
            "uri": uri,
            "cid": "c",
            "author": {"did": did(name), "handle": f"{name}.example", "labels": []},
            "record": record,
            "indexedAt": made,
        }
        return uri

    def handle_request(self, request):
        body = request.read()
        parameters = parse_qs(request.url.query.decode())
        method = request.url.path.removeprefix("/xrpc/")
        self.requests.append((method, parameters))
        self.authorizations.append(request.headers.get("authorization"))
        for fault in list(self.faults):
            answer = fault(method, parameters)
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                return answer
        handler = getattr(self, "on_" + method.rpartition(".")[2].lower(), None)
        if handler is None:
            return self.error(501, "MethodNotImplemented")
        if "server" in method:
            return handler(request, json.loads(body) if body else {})
        if self.needs_session and not (request.headers.get("authorization") or "").startswith("Bearer "):
            return self.error(401, "AuthMissing")
        one = {name: values[0] for name, values in parameters.items()}
        return handler(one, parameters)

    @property
    def asked(self):
        return Counter(method.rpartition(".")[2] for method, _ in self.requests)

    @staticmethod
    def json(value, status=200):
        return httpx.Response(status, json=value)

    def error(self, status, name, message=""):
        return self.json({"error": name, "message": message or name}, status)

    def on_createsession(self, request, body):
        if body["password"] != self.password:
            return self.error(401, "AuthenticationRequired", "Invalid identifier or password")
        self.sessions += 1
        return self.json(self.session(body["identifier"]))

    def on_refreshsession(self, request, body):
        return self.json(self.session("ada.example"))

    def session(self, handle):
        return {
            "did": did("ada"),
            "handle": handle,
            "accessJwt": token(datetime.now(UTC) + timedelta(hours=2)),
            "refreshJwt": token(datetime.now(UTC) + timedelta(days=60), "refresh"),
            "didDoc": {
                "@context": ["https://www.w3.org/ns/did/v1"],
                "id": did("ada"),
                "service": [
                    {
                        "id": "#atproto_pds",
                        "type": "AtprotoPersonalDataServer",
                        "serviceEndpoint": "https://elsewhere.example",
                    }
                ],
            },
        }

    def alive(self):
        return [view for uri, view in self.posts.items() if uri not in self.deleted]

    def view(self, view):
        uri = view["uri"]
        quoting = [one for one in self.alive() if one["record"].get("embed", {}).get("record", {}).get("uri") == uri]
        return {
            **view,
            "replyCount": len(self.below(uri)),
            "repostCount": len([1 for one, _ in self.reposts if one == uri]),
            "quoteCount": len(quoting),
            "likeCount": 0,
        }

    def below(self, uri):
        return [one for one in self.alive() if one["record"].get("reply", {}).get("parent", {}).get("uri") == uri]

    def paged(self, entries, one, name, **more):
        start = int(one.get("cursor", 0))
        size = min(self.page, int(one.get("limit", 100)))
        rest = {"cursor": str(start + size)} if start + size < len(entries) else {}
        return self.json({name: entries[start : start + size], **rest, **more})

    def on_searchposts(self, one, all_of):
        found = sorted(self.alive(), key=lambda view: view["record"]["createdAt"], reverse=True)
        found = [
            view for view in found if one["q"] in view["record"]["text"] + " #" + " #".join(view["record"]["tags"])
        ]
        if "tag" in one and self.searches_tags:
            found = [view for view in found if one["tag"] in view["record"]["tags"]]
        if not self.ignores_window:
            found = [view for view in found if one["since"] <= view["indexedAt"].replace("Z", ".000Z") < one["until"]]
        return self.paged([self.view(view) for view in found], one, "posts", hitsTotal=len(found))

    def on_getpostthread(self, one, all_of):
        uri = one["uri"]
        if uri in self.deleted or uri not in self.posts:
            return self.error(400, "NotFound", f"Post not found: {uri}")

        def up(uri, left):
            if uri in self.deleted:
                return {"$type": T + "notFoundPost", "uri": uri, "notFound": True}
            node = {"$type": T + "threadViewPost", "post": self.view(self.posts[uri])}
            parent = self.posts[uri]["record"].get("reply", {}).get("parent", {}).get("uri")
            return {**node, "parent": up(parent, left - 1)} if parent and left else node

        def down(uri, left):
            node = {"$type": T + "threadViewPost", "post": self.view(self.posts[uri])}
            return {**node, "replies": [down(view["uri"], left - 1) for view in self.below(uri)]} if left else node

        thread = {**up(uri, int(one["parentHeight"])), **down(uri, int(one["depth"]))}
        return self.json({"thread": thread, **self.gates.get(uri, {})})

    def on_getquotes(self, one, all_of):
        quoting = [v for v in self.alive() if v["record"].get("embed", {}).get("record", {}).get("uri") == one["uri"]]
        return self.paged([self.view(view) for view in quoting], one, "posts", uri=one["uri"])

    def on_getrepostedby(self, one, all_of):
        people = [self.profile(name) for uri, name in self.reposts if uri == one["uri"]]
        return self.paged(people, one, "repostedBy", uri=one["uri"])

    @staticmethod
    def profile(name):
        return {"did": did(name), "handle": f"{name}.example", "description": f"I am {name}"}

    def on_getposts(self, one, all_of):
        return self.json({"posts": [self.view(view) for view in self.alive() if view["uri"] in all_of["uris"]]})

    def on_getprofiles(self, one, all_of):
        return self.json({"profiles": [self.profile(actor.rpartition(":")[2]) for actor in all_of["actors"]]})

    def on_getrecord(self, one, all_of):
        uri = f"at://{one['repo']}/{one['collection']}/{one['rkey']}"
        if uri in self.deleted or uri not in self.posts:
            return self.error(400, "RecordNotFound", f"Could not locate record: {uri}")
        return self.json({"uri": uri, "cid": "c", "value": self.posts[uri]["record"]})

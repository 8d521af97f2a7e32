"""The invented networks as real servers on loopback, and what can go wrong between them and us, by a seed.

`Loopback` answers HTTP with what a network in memory answers. `Faults` stands in front of it, as a bad line, a busy server
or a confused cache would: it delays nothing, it breaks.
"""

import contextlib
import http.server
import json
import random
import socket
import struct
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import requests

from tests.connectors.bluesky.network import Network
from tests.connectors.mastodon.instance import Instance
from tests.connectors.x.server import SECRETS as X_SECRETS
from tests.connectors.x.server import Server

#: What breaks one answer, so that asking again is right.
TRANSIENT = ("429", "429 with a reset", "500", "503 with a date", "reset", "hang", "cut off", "malformed")
#: What gives an answer that is good by itself.
CONFUSING = ("reordered", "doubled", "answers twice")
ENDLESS = "never ends"

#: Where each network says which page follows, and under which name a request asks for it.
CURSORS = {"x": ("next_token", "pagination_token"), "bluesky": ("cursor",), "mastodon": ("max_id",)}


class Faults:
    """What goes wrong in a run, by its seed: nothing is left to the clock or to the order of threads.

    Args:
        seed: of the run.
        share: of the requests that meet something.
        is_endless: whether lists go on for ever.
        hang: released when the test is over; a server that hangs waits for it.
    """

    def __init__(self, seed, share=0.15, *, is_endless=False):
        self._random = random.Random(seed)
        self._share = share
        self.is_endless = is_endless
        self.over = threading.Event()

    def next(self):
        """What happens to the next request; None mostly."""
        if self._random.random() >= self._share:
            return None
        return self._random.choice(TRANSIENT + CONFUSING)

    def shuffle(self, items):
        self._random.shuffle(items)


class Loopback:
    """A network behind a port. `platform` is x, bluesky or mastodon."""

    def __init__(self, platform, network, faults=None):
        self.platform = platform
        self.network = network
        self.faults = faults
        self.instead = None  # (status, headers, content) with which everything is answered
        self.log = []  # (path with parameters, what went wrong), in order
        self._lock = threading.Lock()
        self._last = {}  # the last good answer, by path
        self._ends = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        if self.faults:
            self.faults.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def meet(self, faults):
        """Begin anew, with other faults."""
        if self.faults:
            self.faults.over.set()
        with self._lock:
            self.faults = faults
            self._last.clear()
            self.log = []

    def asked(self):
        """The requests that were not broken, hence are no reason to ask again."""
        return [path for path, fault in self.log if fault not in TRANSIENT]

    def _handler(self):
        loopback = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # which makes every answer wait 40 ms for its second half

            def do_GET(self):
                loopback.handle(self)

            do_POST = do_GET  # noqa: N815 - as http.server calls it

            def log_message(self, *_):
                pass

        return Handler

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        with self._lock:
            fault = self.faults.next() if self.faults else None
            self.log.append((handler.path, fault))
            status, headers, content = self.instead or self._answer(handler, body, fault)
        with contextlib.suppress(OSError):  # who asked may have gone
            self._send(handler, status, headers, content, fault)

    def _answer(self, handler, body, fault):
        """What the network answers, confused where that is the fault."""
        asked = parse_qs(urlsplit(handler.path).query)
        ends = [name for name in CURSORS[self.platform] if asked.get(name, [""])[0].startswith(("end", "999"))]
        where = (urlsplit(handler.path).path, *asked.get("query", ()), *asked.get("q", ()))
        if ends and where in self._last:
            status, headers, content = self._last[where]
        else:
            status, headers, content = self._ask(handler, body)
        if status != 200:
            return status, headers, content
        if fault == "answers twice" and where in self._last:
            status, headers, content = self._last[where]
        self._last[where] = status, headers, content
        if fault in {"reordered", "doubled"}:
            content = self._mixed(content, fault)
        if self.faults and self.faults.is_endless:
            headers, content = self._endless(headers, content)
        return status, headers, content

    def _ask(self, handler, body):
        if self.platform == "bluesky":
            request = httpx.Request(
                handler.command, f"https://pds.example{handler.path}", headers=dict(handler.headers), content=body
            )
            answer = self.network.handle_request(request)
        else:
            request = requests.Request(handler.command, f"https://network.example{handler.path}").prepare()
            request.headers.update(handler.headers)
            answer = self.network.send(request, timeout=1)
        hop = {"content-length", "content-encoding", "transfer-encoding", "connection"}
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in hop}
        return answer.status_code, headers, answer.content

    def _mixed(self, content, fault):
        """The posts of a page in another order, or twice."""
        value = json.loads(content)
        page = value if isinstance(value, list) else value.get("data", value.get("posts"))
        if isinstance(page, list):
            if fault == "doubled":
                page += page
            else:
                self.faults.shuffle(page)
        return json.dumps(value).encode()

    def _endless(self, headers, content):
        """A page that has no next one claims to, and so does that."""
        value = json.loads(content)
        self._ends += 1
        if self.platform == "x" and "result_count" in value.get("meta", {}):
            value["meta"].setdefault("next_token", f"end{self._ends}")
        elif self.platform == "bluesky" and "posts" in value:
            value.setdefault("cursor", f"end{self._ends}")
        elif self.platform == "mastodon" and isinstance(value, list) and "Link" not in headers:
            headers = {**headers, "Link": f'<https://harbour.example/x?max_id=999{self._ends}>; rel="next"'}
        return headers, json.dumps(value).encode()

    def _send(self, handler, status, headers, content, fault):
        if fault == "hang":
            self.faults.over.wait(5)
            handler.close_connection = True
            return
        if fault == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        if fault in {"429", "429 with a reset", "500", "503 with a date"}:
            status, content = int(fault[:3]), b'{"title": "invented", "error": "invented"}'
            headers = {"Content-Type": "application/json"}
            if fault == "429 with a reset":
                headers |= {"x-rate-limit-reset": "7", "X-RateLimit-Reset": "7", "ratelimit-reset": "7"}
            if fault == "503 with a date":
                headers |= {"Retry-After": "3"}
        if fault == "malformed":
            content = content[: len(content) // 2] + b"\x00nonsense"
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2] if fault == "cut off" else content)
        handler.close_connection = handler.close_connection or fault == "cut off"


SECRETS = {
    **X_SECRETS,
    "KNOWARCHIVE_BLUESKY_HANDLE": "ada.example",
    "KNOWARCHIVE_BLUESKY_APP_PASSWORD": "right",
}
#: When a session of a daily chat began that is over: whatever the hour is, no other runs, or will in the next two hours.
LATELY = (datetime.now(UTC) - timedelta(hours=21)).replace(minute=0, second=0, microsecond=0)
DAILY = f"FREQ=DAILY;BYHOUR={LATELY.hour};BYMINUTE=0"
TAG = "LanternKM"
PRIVATE = "SECRET-6f3a"


class MachineClock:
    """The clock that a command in a process of its own has too."""

    @staticmethod
    def now():
        return datetime.now(UTC)


class Chat:
    """One invented chat, held on three networks at once.

    `expected` are the uids of all posts of the session that the public may see, `hidden` of those it may not.
    """

    def __init__(self, start, clock=None, *, more=12):
        self.start = start
        self.x = Server(clock, start)
        self.bluesky = Network(start)
        self.mastodon = Instance(start)
        self.x.page = 10
        self.bluesky.page = self.mastodon.page = 5
        self.expected = set()
        self._on_x(more)
        self._on_bluesky(more)
        self._on_mastodon(more)

    @property
    def networks(self):
        return {"x": self.x, "bluesky": self.bluesky, "mastodon": self.mastodon}

    def _on_x(self, more):
        add = self.x.add
        question = add("moderator", "Q1: what do we keep?", 1)
        answer = add("ada", "A1: the letters", 3, reply_to=question)
        own = [question, answer, add("bo", "all of them?", 4, reply_to=answer, tag=False)]
        own.append(add("cy", "Hear this: A1 the maps", 6, quotes=question, tag=False))
        own += [add(f"guest{number}", f"thought {number}", 8 + number * 50 // more) for number in range(more)]
        own.append(add("dee", "after the hour", 75, reply_to=answer, tag=False))
        add("dee", "RT", 9, reposts=answer)
        self.expected |= {f"x:{one}" for one in own}
        add("ada", "long before", -60 * 24)

    def _on_bluesky(self, more):
        say = self.bluesky.say
        question = say("moderator", f"Q1: what do we keep? #{TAG}", 1)
        answer = say("ada", f"A1: the lamps #{TAG}", 3, reply_to=question)
        own = [question, answer, say("bo", "which ones?", 4, reply_to=answer)]
        own.append(say("cy", "Look at this question", 6, quote=question))
        own += [say(f"guest{number}", f"thought {number} #{TAG}", 8 + number * 50 // more) for number in range(more)]
        own.append(say("dee", "a tag that is not in the text", 40, tags=[TAG]))
        self.bluesky.reposts.append((answer, "eve"))
        self.expected |= {"bluesky:" + one.removeprefix("at://") for one in own}
        say("ada", f"long before #{TAG}", -60 * 24)

    def _on_mastodon(self, more):
        post = self.mastodon.post
        question = post("moderator", "Q1: what do we keep?", 1)
        answer = post("ada", "A1: the oil", 3, reply_to=question)
        own = [question, answer, post("bo", "how much?", 4, reply_to=answer, tag=False)]
        post("cy", PRIVATE, 5, reply_to=answer, tag=False, visibility="private")
        own += [post(f"guest{number}", f"thought {number}", 8 + number * 50 // more) for number in range(more)]
        own.append(post("dee", "unlisted", 40, visibility="unlisted"))
        self.expected |= {self.mastodon.uid(one) for one in own}
        post("ada", "long before", -60 * 24)

    @contextlib.contextmanager
    def served(self, faults=None):
        """The three servers, each with faults of its own."""
        with contextlib.ExitStack() as stack:
            yield {
                name: stack.enter_context(Loopback(name, network, faults[name] if faults else None))
                for name, network in self.networks.items()
            }

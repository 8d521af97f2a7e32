"""The chat on X: our own server in memory, whose every answer Prism holds against the published description."""

from datetime import UTC, datetime

from tests.connectors.loopback import MachineClock
from tests.connectors.x.server import Server
from tests.peers.script import Line

DELAY = 15 / 60  # minutes that the server is behind


class Pictures(Server):
    """The server with pictures, and with one fault: it shows what protected accounts say to whoever asks."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.media = {}

    def expanded(self, listed):
        value = super().expanded(listed)
        keys = {key for post in listed for key in post.get("attachments", {}).get("media_keys", ())}
        if keys:
            value["includes"]["media"] = [self.media[key] for key in sorted(keys)]
        return value


class OnX:
    """See `script.Stage`. A repost is an entry of its own here, and an edit a new id."""

    network = "x"

    def __init__(self, tag, start):
        self.server = Pictures(MachineClock, start)
        self.tag = tag
        self.uids = {}
        self.accounts = {}
        self._ids = {}

    def say(self, line: Line) -> None:
        words = line.words(self.network)
        own = self.server.add(
            line.who, words + (f" #{self.tag}" if line.tag else ""), self._minute(),
            reply_to=self._ids.get(line.reply_to), quotes=self._ids.get(line.quotes), tag=False,
        )  # fmt: skip
        post = self.server.posts[own]
        if line.tag:
            start, end = len(words) + 1, len(words) + 2 + len(self.tag)
            post["entities"]["hashtags"] = [{"tag": self.tag, "start": start, "end": end}]
        if line.alt:
            key = f"3_{own}"
            post["attachments"] = {"media_keys": [key]}
            self.server.media[key] = {
                "media_key": key, "type": "photo", "url": f"https://pbs.example/{own}.jpg", "alt_text": line.alt,
                "width": 1, "height": 1,
            }  # fmt: skip
        if not line.is_public:
            self.server.user(line.who)["protected"] = True
        self._ids[line.key] = own
        self.uids[line.key] = f"x:{own}"
        self.accounts[line.who] = f"x:{post['author_id']}"

    def repost(self, who, key):
        text = self.server.posts[self._ids[key]]["text"]
        self.server.add(who, f"RT @someone: {text}", self._minute(), reposts=self._ids[key], tag=False)
        self.accounts.setdefault(who, f"x:{self.server.user(who)['id']}")

    def edit(self, key, text):
        self.server.edit(self._ids[key], f"{text} #{self.tag}", minutes=1 / 60)

    def delete(self, key):
        self.server.gone.add(self._ids[key])

    def settle(self):
        pass

    def _minute(self):
        """Of the session, as far as X tells: it answers for nothing that is younger than ten seconds."""
        return (datetime.now(UTC) - self.server.start).total_seconds() / 60 - DELAY

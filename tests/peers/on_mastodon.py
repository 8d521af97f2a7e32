"""The chat on a server of Mastodon's API, through Mastodon.py."""

import base64
import contextlib
import io

import mastodon

from tests.peers.script import PEOPLE, WISHES, Line

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TAGS = {"noarchive": "<p>I keep wicks. #NoBot</p>"}


class OnMastodon:
    """See `script.Stage`. Everything is said now: this API has no other time."""

    network = "mastodon"

    def __init__(self, tag, server):
        self.tag = tag
        self.uids = {}
        self.accounts = {}
        self._said = {}
        self._people = {
            who: mastodon.Mastodon(
                api_base_url=server, access_token=f"{who}_token", version_check_mode="none", ratelimit_method="throw"
            )
            for who in PEOPLE
        }
        for who, api in self._people.items():
            account = api.account_update_credentials(note=TAGS.get(WISHES.get(who), ""))
            self.accounts[who] = f"mastodon:{account.uri}"

    def say(self, line: Line) -> None:
        api = self._people[line.who]
        media = [api.media_post(io.BytesIO(PNG), "image/png", description=line.alt)] if line.alt else None
        text = line.words(self.network) + (f" #{self.tag}" if line.tag else "")
        self._said[line.key] = api.status_post(
            text, in_reply_to_id=self._said.get(line.reply_to), quoted_status_id=self._said.get(line.quotes),
            visibility=line.visibility, media_ids=media,
        )  # fmt: skip
        self.uids[line.key] = f"mastodon:{self._said[line.key].uri}"

    def repost(self, who, key):
        self._people[who].status_reblog(self._said[key])

    def edit(self, key, text):
        self._by(key).status_update(self._said[key], f"{text} #{self.tag}")

    def delete(self, key):
        self._by(key).status_delete(self._said[key])

    def settle(self):
        pass

    def close(self):
        for api in self._people.values():
            with contextlib.suppress(AttributeError):
                api.session.close()

    def _by(self, key):
        return self._people[self._said[key].account.username]

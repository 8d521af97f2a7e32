"""The objects of X's API v2, with the fields that we read; whatever else is there is skipped while decoding.

Fields: the API's OpenAPI description, 2.166 and 2.167; the second renames tweets to posts, so both names are here.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from connectors.times import believed
from connectors.x.text import unescape
from knowarchive.model import Account

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Hashtag(msgspec.Struct, gc=False):
    tag: str


class UserMention(msgspec.Struct, gc=False):
    username: str | None = None
    id: str | None = None


class Url(msgspec.Struct, gc=False):
    url: str | None = None
    expanded_url: str | None = None
    unwound_url: str | None = None
    title: str | None = None
    media_key: str | None = None


class Entities(msgspec.Struct, gc=False):
    hashtags: list[Hashtag] | None = None
    mentions: list[UserMention] | None = None
    urls: list[Url] | None = None


class Note(msgspec.Struct, gc=False):
    text: str | None = None
    entities: Entities | None = None


class Variant(msgspec.Struct, gc=False):
    url: str | None = None
    bit_rate: int = -1


class Medium(msgspec.Struct, gc=False):
    media_key: str | None = None
    type: str = "unknown"
    url: str | None = None
    preview_image_url: str | None = None
    alt_text: str | None = None
    variants: list[Variant] | None = None


class Option(msgspec.Struct, gc=False):
    label: str
    position: int = 0
    votes: int | None = None


class Poll(msgspec.Struct, gc=False):
    id: str | None = None
    options: list[Option] | None = None


class Attachments(msgspec.Struct, gc=False):
    media_keys: list[str] | None = None
    poll_ids: list[str] | None = None
    media: list[Medium] | None = None  # flattened
    poll: Poll | None = None  # flattened


class Metrics(msgspec.Struct, gc=False):
    like_count: int | None = None
    reply_count: int | None = None
    quote_count: int | None = None
    retweet_count: int | None = None
    repost_count: int | None = None


class Withheld(msgspec.Struct, gc=False):
    country_codes: list[str] | None = None


class UserUrl(msgspec.Struct, gc=False):
    urls: list[Url] | None = None


class UserEntities(msgspec.Struct, gc=False):
    url: UserUrl | None = None


class UserMetrics(msgspec.Struct, gc=False):
    followers_count: int | None = None
    following_count: int | None = None
    tweet_count: int | None = None
    post_count: int | None = None


NO_METRICS = UserMetrics()


class User(msgspec.Struct, gc=False):
    id: str
    username: str | None = None
    name: str | None = None
    description: str | None = None
    url: str | None = None
    entities: UserEntities | None = None
    profile_image_url: str | None = None
    created_at: Time | None = None
    public_metrics: UserMetrics | None = None

    def account(self, uid: str, observed_at: datetime | None) -> Account:
        """Become a platform-neutral account."""
        url = self.url or None
        if url and self.entities and self.entities.url and self.entities.url.urls:
            url = self.entities.url.urls[0].expanded_url or url
        name, bio, metrics = self.name, self.description, self.public_metrics or NO_METRICS
        return Account(
            uid=uid,
            handle=self.username or None,
            observed_at=observed_at,
            name=(unescape(name) if "&" in name else name) if name else None,
            bio=(unescape(bio) if "&" in bio else bio) if bio else None,
            url=url,
            avatar=self.profile_image_url or None,
            created_at=believed(self.created_at),
            followers=metrics.followers_count,
            following=metrics.following_count,
            posts=metrics.tweet_count if metrics.tweet_count is not None else metrics.post_count,
        )


class Twarc(msgspec.Struct, gc=False):
    retrieved_at: Time | None = None


class Tweet(msgspec.Struct, gc=False):
    id: str | None = None
    text: str | None = None
    author_id: str | None = None
    created_at: Time | None = None
    conversation_id: str | None = None
    in_reply_to_user_id: str | None = None
    lang: str | None = None
    entities: Entities | None = None
    public_metrics: Metrics | None = None
    referenced_tweets: "list[Reference] | None" = None
    referenced_posts: "list[Reference] | None" = None
    attachments: Attachments | None = None
    note_tweet: Note | None = None
    note_post: Note | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_history_post_ids: list[str] | None = None
    withheld: Withheld | None = None
    author: User | None = None  # flattened
    username: str | None = None  # only users have one, where a list of users stands for the posts
    erased: bool = False  # by us: see `connectors.redaction`


class Reference(Tweet, gc=False):
    """What a post refers to: an id alone, or the whole post where twarc flattened it."""

    type: str = ""


class Includes(msgspec.Struct, gc=False):
    users: list[User] | None = None
    tweets: list[Tweet] | None = None
    posts: list[Tweet] | None = None
    media: list[Medium] | None = None
    polls: list[Poll] | None = None


class Line(Tweet, gc=False):
    """Any line: a page where it has data, a flattened post where it has not."""

    data: list[Tweet] | Tweet | None = None
    includes: Includes | None = None
    errors: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()
    twarc: Twarc | None = msgspec.field(default=None, name="__twarc")

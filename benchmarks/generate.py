"""Makes archives of hashtag chats of any size, the same for a seed everywhere, in the formats that people really have.

    .venv/bin/python benchmarks/generate.py --posts 1000000 --seed 1 --format v2 --output posts.jsonl

Benchmarks of size and speed are only as good as their data, so nothing here compresses better than the real thing:
words follow Zipf's law over 30,000 of them, drawn independently (real prose repeats itself more: of two real chats an
original takes 46 bytes under the strongest zstd, of these sessions 58), and ids, short links and counts carry the
entropy that they have in life. Several weekly chats run side by side for years; every session is one pull, newest
first, in pages of 100 with what they expand. A chat is a community, however large the archive: two real sessions ten
weeks apart had 3.2 and 3.1 records for each person, and 43 and 65 % of them came from people who spoke in both; here
it is 3.3 and about 45 %. Memory does not grow with the number of posts. Only `random()`, `getrandbits()` and the four
operations are used: no result depends on a platform's mathematics, and none on the order of a hash.
"""

import argparse
import csv
import io
import json
import random
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from benchmarks.words import EMOJI, Draw, Writer, code, make_word

SNOWFLAKE_EPOCH = 1288834974657
PAGE = 100
FIRST_WEEK = datetime(2017, 1, 2, tzinfo=UTC)  # a Monday
TIMEZONE = "UTC"
SESSION_POSTS = (500, 1000)  # the least and the most records of one session
SESSION_BEFORE, SESSION_LENGTH, SESSION_AFTER = timedelta(minutes=15), timedelta(hours=1), timedelta(minutes=30)
SEATS = 800  # of a chat's community, from its soul to those who come by once
TENURE = (50, 150)  # weeks that somebody keeps a seat; then it is a newcomer's
RECORDS_PER_SEAT = 1.5  # of those whose seats are drawn for a session, some keep silent
STRANGERS = 20_000  # who are named, and never speak

REPOSTS, REPLIES, QUOTES = 0.46, 0.25, 0.10  # of all records; some reposts find no post that is new to their author
LINKS, MEDIA, EMOJIS, ALT_TEXT = 0.22, 0.08, 0.12, 0.4  # of what is not a repost


class Chat(NamedTuple):
    """A weekly chat: its hashtag is its name; `weekday` counts from Monday, `hour` in UTC."""

    name: str
    weekday: int
    hour: int

    @property
    def hashtag(self) -> str:
        return self.name

    @property
    def schedule(self) -> str:
        """The RFC 5545 rule of the chat, in UTC."""
        day = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[self.weekday]
        return f"FREQ=WEEKLY;BYDAY={day};BYHOUR={self.hour};BYMINUTE=0"


CHAT_NAMES = (
    "benchchat lampchat quillchat ropechat inkchat shelfchat cargochat pumpchat mapchat loomchat bellchat kilnchat "
    "sailchat dockchat fernchat mosschat tidechat reedchat claychat wickchat cordchat millchat fordchat glasschat"
)
CHATS = tuple(Chat(name, number * 3 % 7, 12 + number * 5 % 11) for number, name in enumerate(CHAT_NAMES.split()))

LANGUAGES = ("en",) * 47 + ("es", "fr", "und")
ESCAPE = json.encoder.encode_basestring_ascii  # as json.dumps escapes, and so as twarc writes


def snowflake(milliseconds: int, bits: int) -> int:
    return (milliseconds - SNOWFLAKE_EPOCH) << 22 | bits


def v2_time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def v1_time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%a %b %d %H:%M:%S +0000 %Y}"


class Person:
    """One account: what does not change, and counts that grow by the week."""

    __slots__ = ("bio", "created", "handle", "id", "link", "location", "name", "popularity", "v1_head", "v2_head")

    def __init__(self, seed: int, number: int) -> None:
        source = random.Random(f"{seed}/person/{number}")
        draw, writer = source.random, Writer(source)
        first, last = make_word(draw, 2)[:7].title(), make_word(draw, 2)[:8].title()
        tail = str(source.getrandbits(9)) if draw() < 0.4 else ""
        self.handle = f"{first}{'_' if draw() < 0.3 else ''}{last}"[: 15 - len(tail)] + tail
        self.name = f"{first} {last}"
        self.created = int(FIRST_WEEK.timestamp() * 1000) - int(draw() * 7 * 365 * 86_400_000)
        old = (number * 0x9E3779B1 + seed) & 0x7FFFFFFF  # scattered, and nobody's twice
        self.id = old if draw() < 0.8 else snowflake(self.created, source.getrandbits(22))
        self.bio = writer.title(4 + int(draw() * 18))[:160] if draw() < 0.9 else ""
        self.location = f"{make_word(draw, 3).title()}, {make_word(draw, 1).upper()}" if draw() < 0.65 else ""
        self.link = ("https://t.co/" + code(source.getrandbits(60)), writer.address(2016)) if draw() < 0.4 else None
        self.popularity = [int(60 / (draw() + 0.002)), 50 + int(900 * draw()), int(900 / (draw() + 0.01))]
        avatar = (
            f"https://pbs.example/profile_images/{source.getrandbits(59)}/{code(source.getrandbits(60))}_normal.jpg"
        )
        self.v2_head = self._v2_head(avatar)
        self.v1_head = self._v1_head(avatar)

    def _v2_head(self, avatar: str) -> str:
        parts = [
            (
                f'{{"id": "{self.id}", "username": "{self.handle}", "name": "{self.name}", '
                f'"created_at": "{v2_time(self.created)}", "description": {ESCAPE(self.bio)}, "protected": false, '
                f'"verified": false, "profile_image_url": "{avatar}"'
            )
        ]
        if self.location:
            parts.append(f'"location": "{self.location}"')
        if self.link:
            short, target = self.link
            parts.append(
                f'"url": "{short}", "entities": {{"url": {{"urls": [{{"start": 0, "end": {len(short)}, "url": "{short}", '
                f'"expanded_url": {ESCAPE(target)}, "display_url": {ESCAPE(display(target))}}}]}}}}'
            )
        return ", ".join(parts)

    def _v1_head(self, avatar: str) -> str:
        short, target = self.link or ("", "")
        url = (
            f'"url": {{"urls": [{{"url": "{short}", "expanded_url": {ESCAPE(target)}, '
            f'"display_url": {ESCAPE(display(target))}, "indices": [0, {len(short)}]}}]}}, '
            if self.link
            else ""
        )
        return (
            f'{{"id": {self.id}, "id_str": "{self.id}", "name": "{self.name}", "screen_name": "{self.handle}", '
            f'"location": "{self.location}", "description": {ESCAPE(self.bio)}, '
            f'"url": {ESCAPE(short) if self.link else "null"}, "entities": {{{url}"description": {{"urls": []}}}}, '
            f'"protected": false, "created_at": "{v1_time(self.created)}", "utc_offset": null, "time_zone": null, '
            '"geo_enabled": false, "verified": false, "lang": null, "contributors_enabled": false, '
            '"is_translator": false, "is_translation_enabled": false, "profile_background_color": "F5F8FA", '
            '"profile_background_image_url": null, "profile_background_image_url_https": null, '
            f'"profile_background_tile": false, "profile_image_url": "{avatar.replace("https", "http")}", '
            f'"profile_image_url_https": "{avatar}", "profile_link_color": "1DA1F2", '
            '"profile_sidebar_border_color": "C0DEED", "profile_sidebar_fill_color": "DDEEF6", '
            '"profile_text_color": "333333", "profile_use_background_image": true, "has_extended_profile": false, '
            '"default_profile": true, "default_profile_image": false, "following": null, "follow_request_sent": null, '
            '"notifications": null, "translator_type": "none"'
        )

    def counts(self, week: int) -> tuple[int, int, int, int]:
        """Followers, following, posts and lists in that week."""
        followers, following, posts = self.popularity
        return followers + followers * week // 300, following + week // 3, posts + week * (posts % 37), followers // 45

    def v2(self, week: int) -> str:
        followers, following, posts, lists = self.counts(week)
        return (
            f'{self.v2_head}, "public_metrics": {{"followers_count": {followers}, "following_count": {following}, '
            f'"tweet_count": {posts}, "listed_count": {lists}}}}}'
        )

    def v1(self, week: int) -> str:
        followers, following, posts, lists = self.counts(week)
        return (
            f'{self.v1_head}, "followers_count": {followers}, "friends_count": {following}, '
            f'"listed_count": {lists}, "favourites_count": {posts * 2}, "statuses_count": {posts}}}'
        )


def display(address: str) -> str:
    shown = address.removeprefix("https://").removeprefix("www.")
    return shown if len(shown) <= 27 else shown[:26] + "…"


class Link(NamedTuple):
    start: int
    end: int
    short: str
    target: str
    title: str | None = None
    summary: str | None = None
    media_key: str | None = None


class Post:
    """One record of a session: a post or a repost. Offsets count code points of the escaped text."""

    __slots__ = (
        "alt",
        "at",
        "author",
        "conversation",
        "id",
        "lang",
        "likes",
        "links",
        "media",
        "mentions",
        "quote_of",
        "quotes",
        "rendered",
        "replies",
        "reply_to",
        "repost_of",
        "reposters",
        "tags",
        "text",
        "views",
    )  # fmt: skip

    def __init__(self, number: int, at: int, author: Person) -> None:
        self.id = number
        self.at = at
        self.author = author
        self.text = ""
        self.lang = "en"
        self.tags: list[tuple[int, int, str]] = []
        self.mentions: list[tuple[int, int, Person]] = []
        self.links: list[Link] = []
        self.media: str | None = None
        self.alt: str | None = None
        self.reply_to: Post | None = None
        self.quote_of: Post | None = None
        self.repost_of: Post | None = None
        self.conversation = number
        self.reposters: set[int] = {author.id}
        self.likes = self.replies = self.quotes = self.views = 0
        self.rendered: str | None = None


class Session(NamedTuple):
    """One hour of one chat: its records from the first to the last, and the week that it is in."""

    chat: Chat
    start: datetime
    week: int
    posts: list[Post]


class Generator:
    """Makes the sessions one after the other."""

    def __init__(self, posts: int, seed: int) -> None:
        self.posts = posts
        self.seed = seed
        self.attendance = list(accumulate(1 / (seat + 3) for seat in range(SEATS)))
        self.chats = CHATS[: min(len(CHATS), max(4, -(-posts // 300_000)))]
        self.people: dict[int, Person] = {}

    def person(self, number: int) -> Person:
        found = self.people.get(number)
        if found is None:
            if len(self.people) >= 30_000:
                self.people.clear()
            found = self.people[number] = Person(self.seed, number)
        return found

    def sessions(self) -> Iterator[Session]:
        left, number = self.posts, 0
        while left > 0:
            week, place = divmod(number, len(self.chats))
            source = random.Random(f"{self.seed}/session/{number}")
            least, most = SESSION_POSTS
            size = min(left, least + int(source.random() * (most - least + 1)))
            chat = sorted(self.chats, key=lambda each: (each.weekday, each.hour))[place]
            start = FIRST_WEEK + timedelta(weeks=week, days=chat.weekday, hours=chat.hour)
            yield Session(chat, start, week, self._session(source, chat, start, week, size))
            left -= size
            number += 1

    def _holder(self, chat: Chat, seat: int, week: int) -> Person:
        """Who has a seat in a chat that week. A tenth of the seats are shared with the next chat."""
        chair = CHATS.index(chat) * SEATS * 9 // 10 + seat
        shortest, longest = TENURE
        tenure = shortest + chair * 7919 % (longest - shortest)
        return self.person((week + chair % tenure) // tenure * len(CHATS) * SEATS + chair)

    def _present(self, draw: Draw, chat: Chat, week: int, records: int) -> list[Person]:
        """The people of a session, each once; those who come often stand rather in front."""
        seats: dict[int, None] = {}
        while len(seats) < min(SEATS // 2, max(3, records / RECORDS_PER_SEAT)):
            seats[bisect_left(self.attendance, draw() * self.attendance[-1])] = None
        return list(dict.fromkeys(self._holder(chat, seat, week) for seat in seats))

    def _times(self, source: random.Random, start: datetime, size: int) -> list[int]:
        """Ids of the session's records: a few early, most within the hour, some late; sorted, none twice."""
        begin = int(start.timestamp() * 1000)
        draw = source.random
        ids: set[int] = set()
        while len(ids) < size:
            part = draw()
            if part < 0.05:
                offset = -draw() * SESSION_BEFORE.total_seconds()
            elif part < 0.93:
                offset = draw() * SESSION_LENGTH.total_seconds()
            else:
                offset = SESSION_LENGTH.total_seconds() + draw() * draw() * SESSION_AFTER.total_seconds()
            ids.add(snowflake(begin + int(offset * 1000), source.getrandbits(22)))
        return sorted(ids)

    def _session(self, source: random.Random, chat: Chat, start: datetime, week: int, size: int) -> list[Post]:
        draw, writer = source.random, Writer(source)
        present = self._present(draw, chat, week, size)
        talk = list(accumulate(1 / (place + 2) for place in range(len(present))))

        def somebody() -> Person:
            return present[bisect_left(talk, draw() * talk[-1])]

        moderator = present[0]
        questions = 5 + int(draw() * 3)
        due = [int((start.timestamp() + 120 + 3300 * place / questions) * 1000) for place in range(questions)]
        posts: list[Post] = []
        originals: list[Post] = []
        asked: list[Post] = []
        for number in self._times(source, start, size):
            at = (number >> 22) + SNOWFLAKE_EPOCH
            if len(asked) < questions and at >= due[len(asked)]:
                post = Post(number, at, moderator)
                self._compose(post, chat, writer, f"Q{len(asked) + 1}: ", 18)
                asked.append(post)
                originals.append(post)
            else:
                post = Post(number, at, somebody())
                kind = draw()
                if not (kind < REPOSTS and originals and self._repost(post, originals, draw)):
                    self._say(post, chat, writer, originals, asked, kind)
                    originals.append(post)
            posts.append(post)
        for post in originals:
            reach = 0.6 / (draw() + 0.004)
            post.likes = int(reach * draw() * 3) + len(post.reposters)
            post.views = int(40 + reach * 300 * draw()) + post.likes
        return posts

    def _repost(self, post: Post, originals: list[Post], draw: Draw) -> bool:
        """Pass on a post of this session, rather a recent or popular one; False if nobody new is found for it."""
        reach = len(originals) if draw() < 0.2 else min(len(originals), 60)
        best = max((originals[-1 - int(draw() * reach)] for _ in range(3)), key=lambda each: len(each.reposters))
        if post.author.id in best.reposters:
            return False
        best.reposters.add(post.author.id)
        post.repost_of = best
        post.lang = best.lang
        intro = f"RT @{best.author.handle}: "
        text = intro + best.text
        limit = len(text)
        if limit > 140:
            text, limit = text[:139] + "…", 139
        offset = len(intro)
        post.text = text
        post.mentions = [
            (3, offset - 2, best.author),
            *((first + offset, last + offset, who) for first, last, who in best.mentions if last + offset <= limit),
        ]
        post.tags = [(first + offset, last + offset, tag) for first, last, tag in best.tags if last + offset <= limit]
        post.links = [
            link._replace(start=link.start + offset, end=link.end + offset)
            for link in best.links
            if link.end + offset <= limit
        ]
        if len(post.links) == len(best.links):
            post.media, post.alt = best.media, best.alt
        return True

    def _say(
        self, post: Post, chat: Chat, writer: Writer, originals: list[Post], asked: list[Post], kind: float
    ) -> None:
        """Write something of one's own: an answer, a quote, or a post that stands alone."""
        draw = writer.draw
        label = ""
        if asked and draw() < 0.4:
            question = asked[-1] if draw() < 0.85 else asked[int(draw() * len(asked))]
            label = f"A{question.text[1]}" + (": ", " ", ". ", " - ", ": ")[int(draw() * 5)]
        if originals and REPOSTS <= kind < REPOSTS + REPLIES:
            post.reply_to = (
                asked[-1] if asked and draw() < 0.5 else originals[-1 - int(draw() * min(len(originals), 40))]
            )
            post.reply_to.replies += 1
            post.conversation = post.reply_to.conversation
        elif originals and REPOSTS + REPLIES <= kind < REPOSTS + REPLIES + QUOTES:
            post.quote_of = (
                asked[-1] if asked and draw() < 0.6 else originals[-1 - int(draw() * min(len(originals), 40))]
            )
            post.quote_of.quotes += 1
        self._compose(post, chat, writer, label, 2 + int(draw() * 11 + draw() * 15))

    def _compose(self, post: Post, chat: Chat, writer: Writer, label: str, length: int) -> None:
        """Put a post together: whom it answers, its words, hashtags, then links. X allows 280 characters."""
        draw = writer.draw
        text = ""
        if post.reply_to and post.reply_to.author is not post.author:
            above = [post.reply_to.author, *(who for start, _, who in post.reply_to.mentions[:2] if start < 40)]
            for person in dict.fromkeys(who for who in above if who is not post.author):
                post.mentions.append((len(text), len(text) + len(person.handle) + 1, person))
                text += f"@{person.handle} "
        text += label + writer.sentence(length)
        if label.startswith("Q"):
            text += "?"
        elif draw() < 0.06:
            person = self.person(-1 - int(draw() * STRANGERS))
            post.mentions.append((len(text) + 1, len(text) + len(person.handle) + 2, person))
            text += f" @{person.handle}"
        text += (".", "", "!", "…", "", "")[int(draw() * 6)]
        if draw() < EMOJIS:
            text += " " + EMOJI[int(draw() * len(EMOJI))] * (1 + int(draw() * 1.3))
        names = [chat.hashtag if draw() < 0.8 else chat.hashtag.title()]
        if draw() < 0.12:
            names.append(writer.tags[int(draw() * len(writer.tags))])
        for name in names:
            post.tags.append((len(text) + 1, len(text) + len(name) + 2, name))
            text += f" #{name}"

        def add(target: str, **more: str | None) -> None:
            nonlocal text
            short = "https://t.co/" + code(writer.bits(60))
            post.links.append(Link(len(text) + 1, len(text) + len(short) + 1, short, target, **more))
            text += f" {short}"

        if draw() < LINKS:
            card = draw() < 0.6
            add(
                writer.address(2017 + (post.at - 1_483_228_800_000) // 31_557_600_000),
                title=writer.title(5 + int(draw() * 7)) if card else None,
                summary=writer.title(12 + int(draw() * 12)) if card else None,
            )
        if post.quote_of:
            add(f"https://twitter.com/{post.quote_of.author.handle}/status/{post.quote_of.id}")
        if draw() < MEDIA:
            post.media = f"3_{post.id - (int(draw() * 20_000) << 22)}"
            post.alt = writer.title(8 + int(draw() * 16)) if draw() < ALT_TEXT else None
            add(f"https://twitter.com/{post.author.handle}/status/{post.id}/photo/1", media_key=post.media)
        post.text = text
        post.lang = LANGUAGES[int(draw() * len(LANGUAGES))]


def photo(media: str) -> str:
    """The address of a picture, as long and as random as they are."""
    return f"https://pbs.example/media/{code(int(media[2:]) * 0x9E3779B97F4A7C15 & (1 << 60) - 1)}.jpg"


def shown(link: Link) -> str:
    return f"pic.twitter.com/{link.short[13:]}" if link.media_key else display(link.target)


def v2_post(post: Post) -> str:
    """One post as the X API v2 sends it, in the order and with the spaces of twarc's files."""
    if post.rendered is None:
        original = post.repost_of
        created = v2_time(post.at)
        until = v2_time(post.at + 1_800_000)
        entities = []
        if post.tags:
            tags = (f'{{"start": {start}, "end": {end}, "tag": "{tag}"}}' for start, end, tag in post.tags)
            entities.append(f'"hashtags": [{", ".join(tags)}]')
        if post.mentions:
            people = (
                f'{{"start": {start}, "end": {end}, "username": "{who.handle}", "id": "{who.id}"}}'
                for start, end, who in post.mentions
            )
            entities.append(f'"mentions": [{", ".join(people)}]')
        if post.links:
            entities.append(f'"urls": [{", ".join(map(v2_link, post.links))}]')
        references = [
            f'{{"type": "{kind}", "id": "{other.id}"}}'
            for kind, other in (("retweeted", original), ("quoted", post.quote_of), ("replied_to", post.reply_to))
            if other
        ]
        optional = ""
        if references:
            optional += f', "referenced_tweets": [{", ".join(references)}]'
        if post.reply_to:
            optional += f', "in_reply_to_user_id": "{post.reply_to.author.id}"'
        if post.media:
            optional += f', "attachments": {{"media_keys": ["{post.media}"]}}'
        post.rendered = (
            f'{{"id": "{post.id}", "text": {ESCAPE(post.text)}, "author_id": "{post.author.id}", '
            f'"conversation_id": "{post.conversation}", "created_at": "{created}", '
            f'"edit_history_tweet_ids": ["{post.id}"], "edit_controls": {{"edits_remaining": 5, '
            f'"is_edit_eligible": {"false" if references else "true"}, "editable_until": "{until}"}}, '
            f'"entities": {{{", ".join(entities)}}}, "lang": "{post.lang}", "possibly_sensitive": false, '
            f'"public_metrics": {{"retweet_count": {len((original or post).reposters) - 1}, '
            f'"reply_count": {post.replies}, "like_count": {post.likes}, "quote_count": {post.quotes}, '
            f'"bookmark_count": {post.likes // 9}, "impression_count": {post.views}}}, '
            f'"reply_settings": "everyone"{optional}}}'
        )
    return post.rendered


def v2_link(link: Link) -> str:
    more = ""
    if link.media_key:
        more = f', "media_key": "{link.media_key}"'
    elif link.title and link.summary:
        more = (
            f', "status": 200, "title": {ESCAPE(link.title)}, "description": {ESCAPE(link.summary)}, '
            f'"unwound_url": {ESCAPE(link.target)}'
        )
    return (
        f'{{"start": {link.start}, "end": {link.end}, "url": "{link.short}", "expanded_url": {ESCAPE(link.target)}, '
        f'"display_url": {ESCAPE(shown(link))}{more}}}'
    )


def v2_media(post: Post) -> str:
    media = post.media or ""
    width = 600 + int(media[-3:])
    alt = f', "alt_text": {ESCAPE(post.alt)}' if post.alt else ""
    return f'{{"media_key": "{media}", "type": "photo", "url": "{photo(media)}", "width": {width}, "height": {width * 3 // 4}{alt}}}'


def v2_page(session: Session, posts: list[Post], number: int, token: str | None) -> bytes:
    """One page: the posts, and the people, posts and pictures that they refer to."""
    others: dict[int, Post] = {}
    people: dict[int, Person] = {}
    pictures: dict[str, Post] = {}
    for post in posts:
        for other in (post.repost_of, post.quote_of, post.reply_to):
            if other:
                others[other.id] = other
    for post in (*posts, *others.values()):
        people[post.author.id] = post.author
        for _, _, who in post.mentions:
            people[who.id] = who
        if post.media:
            pictures[post.media] = post.repost_of or post
    includes = [f'"users": [{", ".join([person.v2(session.week) for person in people.values()])}]']
    if others:
        includes.append(f'"tweets": [{", ".join([v2_post(other) for other in others.values()])}]')
    if pictures:
        includes.append(f'"media": [{", ".join([v2_media(post) for post in pictures.values()])}]')
    retrieved = session.start + timedelta(hours=9, seconds=2 * number)
    following = f', "next_token": "{token}"' if token else ""
    return (
        f'{{"data": [{", ".join([v2_post(post) for post in posts])}], "includes": {{{", ".join(includes)}}}, '
        f'"meta": {{"newest_id": "{posts[0].id}", "oldest_id": "{posts[-1].id}", "result_count": {len(posts)}{following}}}, '
        f'"__twarc": {{"url": "https://api.twitter.com/2/tweets/search/all?max_results=100&query=%23{session.chat.hashtag}", '
        f'"version": "2.13.0", "retrieved_at": "{retrieved.isoformat()}"}}}}\n'
    ).encode()


def generate_pages(posts: int, seed: int) -> Iterator[bytes]:
    """Yield X API v2 pages, a JSON line each, with `posts` records in their `data` altogether.

    Args:
        posts: how many records, originals and reposts together.
        seed: another seed, another archive.
    """
    for session in Generator(posts, seed).sessions():
        newest_first = session.posts[::-1]
        tokens = random.Random(f"{seed}/tokens/{session.start.isoformat()}/{session.chat.name}")
        for number, first in enumerate(range(0, len(newest_first), PAGE)):
            last_page = first + PAGE >= len(newest_first)
            token = None if last_page else f"b26v89c19zqg8o3f{code(tokens.getrandbits(60)).lower()}"
            yield v2_page(session, newest_first[first : first + PAGE], number, token)


def v1_post(post: Post, week: int, *, inside: bool = False) -> str:
    """One post as the X API v1.1 sends it in its extended mode; `inside`: it stands in one that quotes it."""
    if post.rendered is not None:
        return post.rendered
    original, parent = post.repost_of, post.reply_to
    tags = (f'{{"text": "{tag}", "indices": [{start}, {end}]}}' for start, end, tag in post.tags)
    people = (
        f'{{"screen_name": "{who.handle}", "name": "{who.name}", "id": {who.id}, "id_str": "{who.id}", '
        f'"indices": [{start}, {end}]}}'
        for start, end, who in post.mentions
    )
    links = (v1_link(link) for link in post.links if not link.media_key)
    media = ", ".join(v1_media(post, link) for link in post.links if link.media_key)
    reply = f'{parent.id}, "in_reply_to_status_id_str": "{parent.id}"' if parent else "null"
    to = f'{parent.author.id}, "in_reply_to_user_id_str": "{parent.author.id}"' if parent else "null"
    name = f'"{parent.author.handle}"' if parent else "null"
    embedded = f', "retweeted_status": {v1_post(original, week)}' if original else ""
    quoted = (original or post).quote_of
    if quoted:
        embedded += f', "quoted_status_id": {quoted.id}, "quoted_status_id_str": "{quoted.id}"'
        if not original and not inside:
            embedded += f', "quoted_status": {v1_post(quoted, week, inside=True)}'
    rendered = (
        f'{{"created_at": "{v1_time(post.at)}", "id": {post.id}, "id_str": "{post.id}", '
        f'"full_text": {ESCAPE(post.text)}, "truncated": false, "display_text_range": [0, {len(post.text)}], '
        f'"entities": {{"hashtags": [{", ".join(tags)}], "symbols": [], "user_mentions": [{", ".join(people)}], '
        f'"urls": [{", ".join(links)}]{f", {chr(34)}media{chr(34)}: [{media}]" if media else ""}}}'
        f"{f', {chr(34)}extended_entities{chr(34)}: {{{chr(34)}media{chr(34)}: [{media}]}}' if media else ''}, "
        f'"metadata": {{"iso_language_code": "{post.lang}", "result_type": "recent"}}, '
        '"source": "<a href=\\"https://mobile.twitter.com\\" rel=\\"nofollow\\">Twitter Web App</a>", '
        f'"in_reply_to_status_id": {reply}, "in_reply_to_user_id": {to}, "in_reply_to_screen_name": {name}, '
        f'"user": {post.author.v1(week)}, "geo": null, "coordinates": null, "place": null, "contributors": null'
        f'{embedded}, "is_quote_status": {"true" if quoted else "false"}, '
        f'"retweet_count": {len((original or post).reposters) - 1}, "favorite_count": {post.likes}, '
        f'"favorited": false, "retweeted": false, "possibly_sensitive": false, "lang": "{post.lang}"}}'
    )
    if not inside:
        post.rendered = rendered
    return rendered


def v1_link(link: Link) -> str:
    return (
        f'{{"url": "{link.short}", "expanded_url": {ESCAPE(link.target)}, '
        f'"display_url": {ESCAPE(shown(link))}, "indices": [{link.start}, {link.end}]}}'
    )


def v1_media(post: Post, link: Link) -> str:
    media = link.media_key or ""
    return (
        f'{{"id": {media[2:]}, "id_str": "{media[2:]}", "media_url_https": "{photo(media)}", "type": "photo", '
        f'"ext_alt_text": {ESCAPE(post.alt) if post.alt else "null"}, {v1_link(link)[1:]}'
    )


def generate_v1(posts: int, seed: int) -> Iterator[bytes]:
    """Yield X API v1.1 posts, a JSON line each, the newest of each session first."""
    for session in Generator(posts, seed).sessions():
        for post in reversed(session.posts):
            yield f"{v1_post(post, session.week)}\n".encode()


HEADINGS = (
    "id tweet_url created_at parsed_created_at user_screen_name text tweet_type coordinates hashtags media urls "
    "favorite_count in_reply_to_screen_name in_reply_to_status_id in_reply_to_user_id lang place possibly_sensitive "
    "retweet_count retweet_or_quote_id retweet_or_quote_screen_name retweet_or_quote_user_id source user_id "
    "user_created_at user_default_profile_image user_description user_favourites_count user_followers_count "
    "user_friends_count user_listed_count user_location user_name user_statuses_count user_time_zone user_urls "
    "user_verified"
)


def csv_row(post: Post, week: int) -> list[object]:
    """The row that twarc 1's converter makes of a v1.1 post."""
    author, parent, other = post.author, post.reply_to, post.repost_of or post.quote_of
    followers, following, count, lists = author.counts(week)
    kind = "reply" if parent else "retweet" if post.repost_of else "quote" if post.quote_of else "original"
    return [
        post.id, f"https://twitter.com/{author.handle}/status/{post.id}", v1_time(post.at),
        datetime.fromtimestamp(post.at // 1000, UTC), author.handle, post.text, kind, None,
        " ".join(tag for _, _, tag in post.tags), " ".join(link.target for link in post.links if link.media_key) or None,
        " ".join(link.target for link in post.links if not link.media_key), post.likes,
        parent.author.handle if parent else None, parent.id if parent else None, parent.author.id if parent else None,
        post.lang, None, False, len((post.repost_of or post).reposters) - 1, other.id if other else None,
        other.author.handle if other else None, other.author.id if other else None,
        '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>', author.id, v1_time(author.created),
        False, author.bio, count * 2, followers, following, lists, author.location, author.name, count, None,
        author.link[1] if author.link else "", False,
    ]  # fmt: skip


def generate_csv(posts: int, seed: int) -> Iterator[bytes]:
    """Yield the CSV of the same v1.1 posts, a session at a time."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADINGS.split())
    for session in Generator(posts, seed).sessions():
        writer.writerows(csv_row(post, session.week) for post in reversed(session.posts))
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()


FORMATS: dict[str, Callable[[int, int], Iterator[bytes]]] = {
    "v2": generate_pages,
    "v1": generate_v1,
    "csv": generate_csv,
}


def configuration(posts: int, archive: str = "archive") -> str:
    """Write the `knowarchive.toml` that fits an archive of that size."""
    tables = [f'[archive]\nurl = "{archive}"\nstate = "state"\n']
    tables += [
        f'[[chat]]\nname = "{chat.name}"\nhashtags = ["{chat.hashtag}"]\ntimezone = "{TIMEZONE}"\nschedule = "{chat.schedule}"\n'
        for chat in Generator(posts, 0).chats
    ]
    return "\n".join(tables)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make an archive of hashtag chats for benchmarks.")
    parser.add_argument("--posts", type=int, default=20_000, help="records, originals and reposts together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=sorted(FORMATS), default="v2")
    parser.add_argument("--output", default="-", help="a file, or - for standard output")
    parser.add_argument("--configuration", action="store_true", help="print the knowarchive.toml for it instead")
    options = parser.parse_args()
    if options.configuration:
        print(configuration(options.posts), end="")
        return
    pieces = FORMATS[options.format](options.posts, options.seed)
    if options.output == "-":
        sys.stdout.buffer.writelines(pieces)
        return
    with Path(options.output).open("wb") as out:
        out.writelines(pieces)


if __name__ == "__main__":
    main()

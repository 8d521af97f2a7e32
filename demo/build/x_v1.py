"""X API v1.1, as twarc 1 asks for it (tweet_mode=extended, include_ext_alt_text=true), and the CSV made from it."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from demo.build.script import (
    Body,
    Json,
    Line,
    Person,
    Pull,
    Session,
    Span,
    draw,
    escape,
    picture,
    short_code,
    snowflake,
)


def v1_time(at: datetime) -> str:
    return at.strftime("%a %b %d %H:%M:%S +0000 %Y")


def v1_user(person: Person) -> Json:
    link = f"https://t.co/{short_code(person.key)}" if person.url else None
    entities: Json = {"description": {"urls": []}}
    if person.url:
        entities["url"] = {"urls": [v1_link(Span("link", 0, 23, person.url), link or "")]}
    avatar = f"example.org/avatars/{person.key}_normal.png"
    return {
        "id": person.id,
        "id_str": str(person.id),
        "name": person.name,
        "screen_name": person.handle,
        "location": person.location,
        "description": escape(person.bio),
        "url": link,
        "entities": entities,
        "protected": False,
        "followers_count": person.followers,
        "friends_count": person.some("following", 60, 900),
        "listed_count": person.followers // 40,
        "created_at": v1_time(person.created),
        "favourites_count": person.some("likes", 300, 9000),
        "utc_offset": None,
        "time_zone": None,
        "geo_enabled": False,
        "verified": False,
        "statuses_count": person.some("posts", 200, 12000),
        "lang": None,
        "contributors_enabled": False,
        "is_translator": False,
        "is_translation_enabled": False,
        "profile_background_color": "F5F8FA",
        "profile_background_image_url": None,
        "profile_background_image_url_https": None,
        "profile_background_tile": False,
        "profile_image_url": f"http://{avatar}",
        "profile_image_url_https": f"https://{avatar}",
        "profile_link_color": "1DA1F2",
        "profile_use_background_image": True,
        "has_extended_profile": False,
        "default_profile": True,
        "default_profile_image": False,
        "following": None,
        "follow_request_sent": None,
        "notifications": None,
        "translator_type": "none",
        "withheld_in_countries": [],
    }


def v1_link(span: Span, short: str) -> Json:
    return {
        "url": short,
        "expanded_url": span.value,
        "display_url": span.display,
        "indices": [span.start, span.end],
    }


def v1_media(line: Line, body: Body, *, extended: bool) -> list[Json]:
    origin = line.repost_of or line
    items = []
    for span in body.of("media"):
        number = snowflake(origin.at - timedelta(seconds=8), "media", origin.key)
        address = picture(origin).removeprefix("https://")
        item: Json = {
            "id": number,
            "id_str": str(number),
            "indices": [span.start, span.end],
            "media_url": f"http://{address}",
            "media_url_https": f"https://{address}",
            "url": body.text[span.start : span.end],
            "display_url": span.display,
            "expanded_url": span.value,
            "type": "photo",
            "sizes": {
                "thumb": {"w": 150, "h": 150, "resize": "crop"},
                "large": {"w": 1600, "h": 1200, "resize": "fit"},
            },
        }
        if line.repost_of:
            item |= {"source_status_id": origin.id, "source_status_id_str": str(origin.id)}
            item |= {"source_user_id": origin.author.id, "source_user_id_str": str(origin.author.id)}
        if extended:
            item["ext_alt_text"] = origin.photo
        items.append(item)
    return items


def v1_post(line: Line, pull: Pull, *, embedded: bool = False) -> Json:
    """One status. `embedded`: it stands inside another, where X does not go deeper."""
    body = line.body
    clients = ("Twitter Web App", "Twitter for iPhone", "Twitter for Android")
    client = clients[draw("client", line.author.key) % len(clients)]
    entities: Json = {
        "hashtags": [{"text": span.value, "indices": [span.start, span.end]} for span in body.of("hashtag")],
        "symbols": [],
        "user_mentions": [
            {
                "screen_name": span.person.handle,
                "name": span.person.name,
                "id": span.person.id,
                "id_str": str(span.person.id),
                "indices": [span.start, span.end],
            }
            for span in body.of("mention")
            if span.person
        ],
        "urls": [v1_link(span, body.text[span.start : span.end]) for span in body.of("link")],
    }
    parent = line.reply_to
    post: Json = {
        "created_at": v1_time(line.at),
        "id": line.id,
        "id_str": str(line.id),
        "full_text": body.text,
        "truncated": False,
        "display_text_range": [body.visible_from, body.visible_to],
        "entities": entities,
    }
    if body.of("media"):
        entities["media"] = v1_media(line, body, extended=False)
        post["extended_entities"] = {"media": v1_media(line, body, extended=True)}
    original = line.repost_of or line
    post |= {
        "metadata": {"iso_language_code": line.lang, "result_type": "recent"},
        "source": f'<a href="https://mobile.twitter.com" rel="nofollow">{client}</a>',
        "in_reply_to_status_id": parent.id if parent else None,
        "in_reply_to_status_id_str": str(parent.id) if parent else None,
        "in_reply_to_user_id": parent.author.id if parent else None,
        "in_reply_to_user_id_str": str(parent.author.id) if parent else None,
        "in_reply_to_screen_name": parent.author.handle if parent else None,
        "user": v1_user(line.author),
        "geo": None,
        "coordinates": None,
        "place": None,
        "contributors": None,
    }
    if line.repost_of:
        post["retweeted_status"] = v1_post(line.repost_of, pull)
    post["is_quote_status"] = original.quote_of is not None
    if original.quote_of:
        post |= {"quoted_status_id": original.quote_of.id, "quoted_status_id_str": str(original.quote_of.id)}
        if not line.repost_of and not embedded:
            post["quoted_status"] = v1_post(original.quote_of, pull, embedded=True)
    post |= {
        "retweet_count": pull.reposts[original.key],
        "favorite_count": 0 if line.repost_of else pull.likes(line),
        "favorited": False,
        "retweeted": False,
    }
    if body.of("link") or body.of("media"):
        post["possibly_sensitive"] = False
    return post | {"lang": line.lang}


def v1_search(session: Session) -> list[Json]:
    """What a search for the hashtag returned, newest first."""
    pull = Pull(session, session.pulls["search"])
    assert not session.edits, "v1.1 does not tell of edits"
    return [v1_post(line, pull) for line in reversed(pull.seen) if line.tagged]


# The CSV that twarc 1's converter makes of those lines.


def referenced(post: Json) -> Json:
    return post.get("retweeted_status") or post.get("quoted_status") or {}


def kind_of(post: Json) -> str:
    if post["in_reply_to_status_id"]:
        return "reply"
    if "retweeted_status" in post:
        return "retweet"
    return "quote" if "quoted_status" in post else "original"


def joined(items: Iterable[Json], key: str) -> str:
    return " ".join(item[key] for item in items)


COLUMNS: dict[str, Callable[[Json], object]] = {
    "id": lambda post: post["id_str"],
    "tweet_url": lambda post: f"https://twitter.com/{post['user']['screen_name']}/status/{post['id_str']}",
    "created_at": lambda post: post["created_at"],
    "parsed_created_at": lambda post: datetime.strptime(post["created_at"], "%a %b %d %H:%M:%S %z %Y"),
    "user_screen_name": lambda post: post["user"]["screen_name"],
    "text": lambda post: post["full_text"],
    "tweet_type": kind_of,
    "coordinates": lambda _: None,
    "hashtags": lambda post: joined(post["entities"]["hashtags"], "text"),
    "media": lambda post: joined(post.get("extended_entities", {}).get("media", []), "expanded_url") or None,
    "urls": lambda post: joined(post["entities"]["urls"], "expanded_url"),
    "favorite_count": lambda post: post["favorite_count"],
    "in_reply_to_screen_name": lambda post: post["in_reply_to_screen_name"],
    "in_reply_to_status_id": lambda post: post["in_reply_to_status_id"],
    "in_reply_to_user_id": lambda post: post["in_reply_to_user_id"],
    "lang": lambda post: post["lang"],
    "place": lambda _: None,
    "possibly_sensitive": lambda post: post.get("possibly_sensitive"),
    "retweet_count": lambda post: post["retweet_count"],
    "retweet_or_quote_id": lambda post: referenced(post).get("id_str"),
    "retweet_or_quote_screen_name": lambda post: referenced(post).get("user", {}).get("screen_name"),
    "retweet_or_quote_user_id": lambda post: referenced(post).get("user", {}).get("id_str"),
    "source": lambda post: post["source"],
    "user_id": lambda post: post["user"]["id_str"],
    "user_created_at": lambda post: post["user"]["created_at"],
    "user_default_profile_image": lambda post: post["user"]["default_profile_image"],
    "user_description": lambda post: post["user"]["description"],
    "user_favourites_count": lambda post: post["user"]["favourites_count"],
    "user_followers_count": lambda post: post["user"]["followers_count"],
    "user_friends_count": lambda post: post["user"]["friends_count"],
    "user_listed_count": lambda post: post["user"]["listed_count"],
    "user_location": lambda post: post["user"]["location"],
    "user_name": lambda post: post["user"]["name"],
    "user_statuses_count": lambda post: post["user"]["statuses_count"],
    "user_time_zone": lambda post: post["user"]["time_zone"],
    "user_urls": lambda post: joined(post["user"]["entities"].get("url", {}).get("urls", []), "expanded_url"),
    "user_verified": lambda post: post["user"]["verified"],
}


def v1_csv(posts: list[Json]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([column(post) for column in COLUMNS.values()] for post in posts)
    return out.getvalue().encode()

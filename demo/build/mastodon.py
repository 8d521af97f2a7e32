"""Mastodon: statuses and accounts as a server shows them, its own people's and those of other servers that it knows.

Shapes are those of Mastodon 4.5. https://docs.joinmastodon.org/entities/Status/
"""

import html
from datetime import UTC, datetime, timedelta

from demo.build import bluesky
from demo.build.script import Json, Line, Person, Pull, Session, carded, draw, iso_time, picture, pieces

SERVER = "halcyon.example"
BRIDGE = "https://bsky.brid.gy"  # how Bridgy Fed names what it carries over. https://fed.brid.gy/docs
LONGEST = 500
SHOWN_OF_LINK = 30


def snowflake(at: datetime, *parts: object) -> str:
    """An id of this server for that moment: milliseconds, then 16 bits."""
    return str((round(at.timestamp() * 1000) << 16) + draw("sequence", *parts) % (1 << 16))


def status_id(line: Line) -> str:
    return snowflake(line.at, line.key)


def actor(person: Person, *, bridged: bool = False) -> str:
    return f"{BRIDGE}/ap/{bluesky.did(person)}" if bridged else f"https://{person.server}/users/{person.key}"


def page(person: Person, *, bridged: bool = False) -> str:
    if bridged:
        return f"{BRIDGE}/r/https://bsky.app/profile/{person.handle_on('bluesky')}"
    return f"https://{person.server}/@{person.key}"


def uri(line: Line) -> str:
    """The post's identity, which its own server gave it, or the bridge."""
    if line.is_bridged:
        return f"{BRIDGE}/convert/ap/{bluesky.uri(line)}"
    return f"{actor(line.author)}/statuses/{status_id(line)}"


def address(line: Line) -> str:
    if line.is_bridged:
        return f"{page(line.author, bridged=True)}/post/{bluesky.record_key(line)}"
    return f"{page(line.author)}/{status_id(line)}"


def acct(person: Person, *, bridged: bool = False) -> str:
    """How this server calls somebody: with their server, unless it is this one."""
    if bridged:
        return f"{person.handle_on('bluesky')}@bsky.brid.gy"
    return person.key if person.server == SERVER else f"{person.key}@{person.server}"


def account(person: Person, *, bridged: bool = False) -> Json:
    made = datetime(2022, 11, 1, tzinfo=UTC) + timedelta(days=draw("moved", person.key) % 500)
    name = acct(person, bridged=bridged)
    bio = html.escape(person.bio_on("bluesky" if bridged else "mastodon"), quote=False)
    return {
        "id": snowflake(made, "account", person.key, bridged),
        "username": name.partition("@")[0],
        "acct": name,
        "display_name": person.name,
        "locked": False,
        "bot": False,
        "discoverable": True,
        "indexable": "#noindex" not in bio,
        "group": False,
        "created_at": iso_time(made),
        "note": f"<p>{bio}</p>",
        "url": page(person, bridged=bridged),
        "uri": actor(person, bridged=bridged),
        "avatar": f"https://example.org/avatars/{person.key}.png",
        "avatar_static": f"https://example.org/avatars/{person.key}.png",
        "followers_count": person.followers // 3,
        "following_count": person.some("mastodon following", 60, 400),
        "statuses_count": person.some("statuses", 100, 4000),
        "last_status_at": "2026-03-12",
        "noindex": "#noindex" in bio,
        "emojis": [],
        "roles": [],
        "fields": [],
    }


def mention(person: Person) -> Json:
    made = account(person)
    return {name: made[name] for name in ("id", "username", "url", "acct")}


def mention_html(person: Person) -> str:
    return f'<span class="h-card" translate="no"><a href="{page(person)}" class="u-url mention">@<span>{person.key}</span></a></span>'


def link_html(link: str) -> str:
    """A link with its beginning and end hidden from the eye."""
    bare = link.removeprefix("https://")
    shown, rest = bare[:SHOWN_OF_LINK], bare[SHOWN_OF_LINK:]
    kind = "ellipsis" if rest else ""
    return (
        f'<a href="{link}" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">https://</span>'
        f'<span class="{kind}">{shown}</span><span class="invisible">{rest}</span></a>'
    )


def content(line: Line) -> str:
    """The text as HTML, after the names of those who are answered."""
    out = "".join(f"{mention_html(person)} " for person in addressed(line))
    for kind, value, person in pieces(line):
        if kind == "link":
            out += link_html(value)
        elif person:
            out += mention_html(person)
        elif kind == "hashtag":
            tag = f"https://{SERVER}/tags/{value}"
            out += f'<a href="{tag}" class="mention hashtag" rel="tag">#<span>{value}</span></a>'
        else:
            out += html.escape(value)
    assert sum(len(value) for _, value, _ in pieces(line)) <= LONGEST, f"{line.key}: too long for Mastodon"
    return f"<p>{out}</p>"


def addressed(line: Line) -> list[Person]:
    """Whom a reply names first: whoever it answers, unless that is oneself or comes over a bridge."""
    above = line.reply_to
    return [above.author] if above and above.author != line.author and not above.is_bridged else []


def attachment(line: Line) -> Json:
    return {
        "id": snowflake(line.at - timedelta(seconds=8), "media", line.key),
        "type": "image",
        "url": picture(line),
        "preview_url": picture(line),
        "remote_url": None,
        "meta": {"original": {"width": 1600, "height": 1200, "size": "1600x1200", "aspect": 1.3333333333333333}},
        "description": line.photo,
        "blurhash": None,
    }


def poll(line: Line, pull: Pull) -> Json:
    ends = line.at + timedelta(hours=1)
    votes = sum(number for _, number in line.poll)
    return {
        "id": snowflake(line.at, "poll", line.key),
        "expires_at": iso_time(ends),
        "expired": pull.at >= ends,
        "multiple": False,
        "votes_count": votes,
        "voters_count": votes,
        "options": [{"title": label, "votes_count": number} for label, number in line.poll],
        "emojis": [],
    }


def card(line: Line, cards: dict[str, str]) -> Json | None:
    link = carded(line, cards)
    if link is None:
        return None
    return {
        "url": link,
        "title": cards[link],
        "description": "",
        "type": "link",
        "provider_name": "",
        "html": "",
    }


def status(line: Line, pull: Pull, cards: dict[str, str], *, nested: bool = False) -> Json:
    """One status. `nested`: it is quoted, where Mastodon shows no quote of its own."""
    now = pull.edits.get(line.key, line)
    parent = line.reply_to
    named = [*addressed(line), *(person for _, _, person in pieces(line) if person)]
    quote = None
    if line.quote_of and not nested:
        quote = {"state": "accepted", "quoted_status": status(line.quote_of, pull, cards, nested=True)}
    return {
        "id": status_id(line),
        "created_at": iso_time(line.at),
        "in_reply_to_id": status_id(parent) if parent else None,
        "in_reply_to_account_id": account(parent.author, bridged=parent.is_bridged)["id"] if parent else None,
        "sensitive": bool(line.warning),
        "spoiler_text": line.warning,
        "visibility": "private" if line.is_private else "public",
        "language": line.lang,
        "uri": uri(line),
        "url": address(line),
        "replies_count": pull.replies[line.key],
        "reblogs_count": pull.reposts[line.key],
        "favourites_count": pull.likes(line),
        "quotes_count": pull.quotes[line.key],
        "edited_at": iso_time(now.at) if now is not line else None,
        "content": content(now),
        "reblog": None,
        "account": account(line.author, bridged=line.is_bridged),
        "media_attachments": [attachment(line)] if line.photo else [],
        "mentions": [mention(person) for person in named],
        "tags": [
            {"name": value.casefold(), "url": f"https://{SERVER}/tags/{value.casefold()}"}
            for kind, value, _ in pieces(line)
            if kind == "hashtag"
        ],
        "emojis": [],
        "quote": quote,
        "card": card(line, cards),
        "poll": poll(line, pull) if line.poll else None,
    }


def version(line: Line) -> Json:
    """What a post said from one moment on."""
    return {
        "content": content(line),
        "spoiler_text": line.warning,
        "sensitive": bool(line.warning),
        "created_at": iso_time(line.at),
        "account": account(line.author),
        "media_attachments": [],
        "emojis": [],
    }


def network(session: Session, cards: dict[str, str]) -> Json:
    """What one server holds of a session: every status once, who boosted it, and what it said before it was edited."""
    mine = session.on("mastodon")
    pull = Pull(mine, session.pulls["fetched"])
    for line in mine.lines:  # Mastodon counts the replies that everybody sees
        if line.is_private and line.reply_to:
            pull.replies[line.reply_to.key] -= 1
    posts = [line for line in pull.seen if not line.repost_of and not line.edit_of]
    boosts = [(status_id(line.repost_of), account(line.author)) for line in pull.seen if line.repost_of]
    return {
        "instance": {"domain": SERVER, "title": "Halcyon", "version": "4.5.2", "description": "Invented."},
        "statuses": [status(line, pull, cards) for line in posts],
        "reblogged_by": [{"id": own, "account": person} for own, person in boosts],
        "history": [
            {"id": status_id(line), "versions": [version(line), version(pull.edits[line.key])]}
            for line in posts
            if line.key in pull.edits
        ],
    }

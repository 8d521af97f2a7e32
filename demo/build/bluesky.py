"""Bluesky: posts, people and reposts as its AppView shows them. Shapes are those of the app.bsky lexicons."""

from demo.build.script import Json, Line, Person, Pull, Session, carded, draw, iso_time, picture, pieces

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"  # https://atproto.com/specs/tid
LONGEST = 300  # characters that a reader sees
FACET = "app.bsky.richtext.facet#"
SHOWN_OF_LINK = 24


def letters(count: int, *parts: object) -> str:
    """So many letters of base 32 as a hash has them."""
    return "".join(BASE32[draw(*parts, place) % 32] for place in range(count))


def did(person: Person) -> str:
    """An identity that says that it is invented."""
    return f"did:plc:demo{letters(20, 'did', person.key)}"


def record_key(line: Line) -> str:
    """Microseconds since 1970 and ten bits of a clock's name."""
    number = round(line.at.timestamp() * 1_000_000) << 10 | draw("clock", line.author.key) % 1024
    return "".join(SORTABLE[number >> 5 * place & 31] for place in reversed(range(13)))


def uri(line: Line) -> str:
    return f"at://{did(line.author)}/app.bsky.feed.post/{record_key(line)}"


def cid(line: Line) -> str:
    return f"bafyrei{letters(52, 'cid', line.key)}"


def rich_text(line: Line) -> tuple[str, list[Json]]:
    """The text, with its links cut for the eye, and its facets in bytes of UTF-8."""
    text, facets = "", []
    for kind, value, person in pieces(line):
        shown, feature = value, None
        if kind == "link":
            shown = value.removeprefix("https://")
            shown = shown if len(shown) <= SHOWN_OF_LINK else f"{shown[:SHOWN_OF_LINK]}..."
            feature = {"$type": f"{FACET}link", "uri": value}
        elif person:
            shown, feature = f"@{value}", {"$type": f"{FACET}mention", "did": did(person)}
        elif kind == "hashtag":
            shown, feature = f"#{value}", {"$type": f"{FACET}tag", "tag": value}
        if feature:
            start = len(text.encode())
            index = {"byteStart": start, "byteEnd": start + len(shown.encode())}
            facets.append({"index": index, "features": [feature]})
        text += shown
    assert len(text) <= LONGEST, f"{line.key}: too long for Bluesky"
    return text, facets


def reference(line: Line) -> Json:
    return {"uri": uri(line), "cid": cid(line)}


def record(line: Line, cards: dict[str, str]) -> Json:
    """What the author wrote."""
    text, facets = rich_text(line)
    written: Json = {"$type": "app.bsky.feed.post", "createdAt": iso_time(line.at), "langs": [line.lang], "text": text}
    if facets:
        written["facets"] = facets
    if line.reply_to:
        written["reply"] = {"root": reference(line.root), "parent": reference(line.reply_to)}
    card = carded(line, cards)
    if line.quote_of:
        written["embed"] = {"$type": "app.bsky.embed.record", "record": reference(line.quote_of)}
    elif card:
        external = {"uri": card, "title": cards[card], "description": ""}
        written["embed"] = {"$type": "app.bsky.embed.external", "external": external}
    elif line.photo:
        image = {"$type": "blob", "ref": {"$link": f"bafkrei{letters(52, 'blob', line.key)}"}, "mimeType": "image/jpeg"}
        written["embed"] = {
            "$type": "app.bsky.embed.images",
            "images": [{"alt": line.photo, "image": image | {"size": 204_800}}],
        }
    return written


def author(person: Person) -> Json:
    """A profile as it stands beside a post."""
    return {
        "did": did(person),
        "handle": person.handle_on("bluesky"),
        "displayName": person.name,
        "avatar": f"https://example.org/avatars/{person.key}.jpg",
        "labels": [],
        "createdAt": f"{2023 + draw('year', person.key) % 2}-11-{1 + draw('day', person.key) % 28:02}T10:00:00.000Z",
    }


def profile(person: Person) -> Json:
    """A profile in full."""
    return author(person) | {
        "description": person.bio_on("bluesky"),
        "followersCount": person.followers // 2,
        "followsCount": person.some("follows", 60, 500),
        "postsCount": person.some("skeets", 100, 3000),
        "indexedAt": "2026-01-05T08:00:00.000Z",
    }


def counts(line: Line, pull: Pull) -> Json:
    return {
        "replyCount": pull.replies[line.key],
        "repostCount": pull.reposts[line.key],
        "likeCount": pull.likes(line),
        "quoteCount": pull.quotes[line.key],
    }


def view(line: Line, pull: Pull, cards: dict[str, str]) -> Json:
    """A post as it is shown, with what is embedded in it."""
    written = record(line, cards)
    shown = {"uri": uri(line), "cid": cid(line), "author": author(line.author), "record": written}
    if line.quote_of:
        quoted = line.quote_of
        value = {
            "$type": "app.bsky.embed.record#viewRecord",
            **reference(quoted),
            "author": author(quoted.author),
            "value": record(quoted, cards),
            "labels": [],
            **counts(quoted, pull),
            "indexedAt": iso_time(quoted.at),
            "embeds": [],
        }
        shown["embed"] = {"$type": "app.bsky.embed.record#view", "record": value}
    elif line.photo:
        image = {"thumb": picture(line), "fullsize": picture(line), "alt": line.photo}
        shown["embed"] = {"$type": "app.bsky.embed.images#view", "images": [image]}
    elif "embed" in written:
        shown["embed"] = {"$type": "app.bsky.embed.external#view", "external": written["embed"]["external"]}
    return shown | counts(line, pull) | {"indexedAt": iso_time(line.at), "labels": []}


def network(session: Session, cards: dict[str, str]) -> Json:
    """What Bluesky holds of a session: every post and person once, and who passed what on."""
    mine = session.on("bluesky")
    pull = Pull(mine, session.pulls["fetched"])
    posts = [line for line in pull.seen if line.repost_of is None]
    people = dict.fromkeys(line.author for line in pull.seen)
    return {
        "posts": [view(line, pull, cards) for line in posts],
        "profiles": [profile(person) for person in people],
        "reposts": [{"uri": uri(line.repost_of), "did": did(line.author)} for line in pull.seen if line.repost_of],
    }

"""X API v2: posts and what they expand, and the pages that twarc 2 makes files of."""

from datetime import datetime, timedelta

from demo.build.script import (
    HASHTAG,
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

PAGE = 100


def v2_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def v2_user(person: Person) -> Json:
    user: Json = {
        "id": str(person.id),
        "username": person.handle,
        "name": person.name,
        "created_at": v2_time(person.created),
        "description": escape(person.bio_on("x")),
        "profile_image_url": f"https://example.org/avatars/{person.key}_normal.png",
        "protected": False,
        "verified": False,
        "public_metrics": {
            "followers_count": person.followers,
            "following_count": person.some("following", 60, 900),
            "tweet_count": person.some("posts", 200, 12000),
            "listed_count": person.followers // 40,
        },
    }
    if person.location:
        user["location"] = person.location
    if person.url:
        link = Span("link", 0, 23, person.url)
        user["url"] = f"https://t.co/{short_code(person.key)}"
        user["entities"] = {"url": {"urls": [{"start": 0, "end": 23, "url": user["url"]} | v2_target(link)]}}
    return user


def v2_target(span: Span) -> Json:
    return {"expanded_url": span.value, "display_url": span.display}


def v2_link(line: Line, span: Span, cards: dict[str, str]) -> Json:
    origin = line.repost_of or line
    link = {"start": span.start, "end": span.end, "url": line.body.text[span.start : span.end]} | v2_target(span)
    if span.kind == "media":
        link["media_key"] = media_key(origin)
    elif span.value in cards:
        link |= {"status": 200, "title": cards[span.value], "unwound_url": span.value}
    return link


def v2_entities(line: Line, cards: dict[str, str]) -> Json:
    body = line.body
    entities = {
        "hashtags": [{"start": span.start, "end": span.end, "tag": span.value} for span in body.of("hashtag")],
        "mentions": [
            {"start": span.start, "end": span.end, "username": span.value, "id": str(span.person.id)}
            for span in body.of("mention")
            if span.person
        ],
        "urls": [v2_link(line, span, cards) for span in body.spans if span.kind in {"link", "media"}],
    }
    return {kind: found for kind, found in entities.items() if found}


def media_key(line: Line) -> str:
    return f"3_{snowflake(line.at - timedelta(seconds=8), 'media', line.key)}"


def poll_id(line: Line) -> str:
    return str(snowflake(line.at - timedelta(seconds=1), "poll", line.key))


def references(line: Line) -> list[tuple[str, Line]]:
    pairs = (("retweeted", line.repost_of), ("quoted", line.quote_of), ("replied_to", line.reply_to))
    return [(kind, other) for kind, other in pairs if other]


def v2_post(line: Line, pull: Pull, cards: dict[str, str]) -> Json:
    versions = [line.edit_of or line, *([pull.edits[line.key]] if line.key in pull.edits else [])]
    if line.edit_of:
        versions.append(line)
    counted = line.edit_of or line
    engagement = {
        "retweet_count": pull.reposts[(line.repost_of or counted).key],
        "reply_count": pull.replies[counted.key],
        "like_count": pull.likes(line),
        "quote_count": pull.quotes[counted.key],
        "impression_count": 0 if line.repost_of else 40 + 23 * pull.likes(line) + draw("views", line.key) % 60,
    }
    post: Json = {
        "id": str(line.id),
        "text": line.body.text,
        "author_id": str(line.author.id),
        "conversation_id": str(line.root.id),
        "created_at": v2_time(line.at),
        "edit_history_tweet_ids": [str(version.id) for version in versions],
        "edit_controls": {
            "edits_remaining": 6 - len(versions),
            "is_edit_eligible": not references(line),
            "editable_until": v2_time(versions[0].at + timedelta(minutes=30)),
        },
        "entities": v2_entities(line, cards),
        "lang": line.lang,
        "possibly_sensitive": False,
        "public_metrics": engagement,
        "reply_settings": "everyone",
    }
    if not post["entities"]:
        del post["entities"]
    if line.reply_to:
        post["in_reply_to_user_id"] = str(line.reply_to.author.id)
    if references(line):
        post["referenced_tweets"] = [{"type": kind, "id": str(other.id)} for kind, other in references(line)]
    if line.photo:
        post["attachments"] = {"media_keys": [media_key(line)]}
    if line.poll:
        post["attachments"] = {"poll_ids": [poll_id(line)]}
    return post


def v2_media(line: Line) -> Json:
    return {
        "media_key": media_key(line),
        "type": "photo",
        "url": picture(line),
        "width": 1600,
        "height": 1200,
        "alt_text": line.photo,
    }


def v2_poll(line: Line, pull: Pull) -> Json:
    ends = line.at + timedelta(hours=1)
    so_far = 1.0 if pull.at >= ends else 0.9
    return {
        "id": poll_id(line),
        "duration_minutes": 60,
        "end_datetime": v2_time(ends),
        "voting_status": "closed" if pull.at >= ends else "open",
        "options": [
            {"position": place, "label": label, "votes": round(votes * so_far)}
            for place, (label, votes) in enumerate(line.poll, start=1)
        ],
    }


def v2_missing(line: Line) -> Json:
    return {
        "value": str(line.id),
        "detail": f"Could not find tweet with referenced_tweets.id: [{line.id}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": "referenced_tweets.id",
        "resource_id": str(line.id),
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }


def v2_page(lines: list[Line], pull: Pull, cards: dict[str, str], query: str, number: int) -> Json:
    """One answer of the API with what it expands: people, posts referred to, pictures, polls."""
    others = {other.key: other for line in lines for _, other in references(line)}
    found = [other for other in others.values() if other.known]
    named = [span.person for line in [*lines, *found] for span in line.body.of("mention") if span.person]
    authors = [line.author for line in [*lines, *found]]
    withheld = [v2_missing(other) for other in others.values() if not other.known]
    pictures = {line.key: line for line in [*lines, *found] if line.photo}
    polls = {line.key: line for line in [*lines, *found] if line.poll}
    page: Json = {"data": [v2_post(line, pull, cards) for line in lines]}
    page["includes"] = {
        "users": [v2_user(person) for person in dict.fromkeys([*authors, *named])],
        "tweets": [v2_post(other, pull, cards) for other in found],
    }
    if pictures:
        page["includes"]["media"] = [v2_media(line) for line in pictures.values()]
    if polls:
        page["includes"]["polls"] = [v2_poll(line, pull) for line in polls.values()]
    if withheld:
        page["errors"] = withheld
    ids = [line.id for line in lines]
    page["meta"] = {"newest_id": str(max(ids)), "oldest_id": str(min(ids)), "result_count": len(ids)}
    page["__twarc"] = {
        "url": f"https://api.twitter.com/2/tweets/search/all?max_results=100&query={query}",
        "version": "2.13.0",
        "retrieved_at": (pull.at + timedelta(seconds=2 * number)).isoformat(),
    }
    return page


def v2_pages(lines: list[Line], pull: Pull, cards: dict[str, str], query: str) -> list[Json]:
    newest_first = sorted(lines, key=lambda line: -line.id)
    batches = [newest_first[start : start + PAGE] for start in range(0, len(newest_first), PAGE)]
    pages = [v2_page(batch, pull, cards, query, number) for number, batch in enumerate(batches)]
    for number, page in enumerate(pages[:-1]):
        page["meta"]["next_token"] = f"b26v89c19zqg8o3f{short_code(query, number).lower()}"
    return pages


def v2_search(session: Session, cards: dict[str, str]) -> list[Json]:
    """The search of that night: what carried the hashtag, each edited post still as it first stood."""
    pull = Pull(session, session.pulls["search"])
    pull.edits.clear()  # the search index was behind
    lines = [line for line in pull.seen if (line.repost_of or line.tagged) and not line.edit_of]
    return v2_pages(lines, pull, cards, f"%23{HASHTAG}")


def v2_conversations(session: Session, cards: dict[str, str]) -> list[Json]:
    """Whole conversations, fetched later: wherever the search left something out, and the edited posts as they stand."""
    pull = Pull(session, session.pulls["conversations"])
    incomplete = {
        line.root.id for line in session.lines if not line.tagged or line.at > session.pulls["search"] or line.deleted
    }
    incomplete |= {edit.edit_of.root.id for edit in session.edits if edit.edit_of}
    lines = [
        line
        for line in pull.seen
        if not line.repost_of and line.key not in pull.edits and (line.root.id in incomplete or line.edit_of)
    ]
    return v2_pages(lines, pull, cards, "conversation_id")


def network(session: Session, cards: dict[str, str]) -> Json:
    """What X holds of a session: every post and person once, as its API shows them."""
    mine = session.on("x")
    pull = Pull(mine, session.pulls["fetched"])
    posts = [line for line in pull.seen if not line.edit_of]
    people = dict.fromkeys([*(line.author for line in posts), *(p for line in posts for p in line.addressed)])
    people |= dict.fromkeys(span.person for line in posts for span in line.body.of("mention") if span.person)
    return {
        "users": [v2_user(person) for person in people],
        "tweets": [v2_post(line, pull, cards) for line in posts],
        "media": [v2_media(line) for line in posts if line.photo],
        "polls": [v2_poll(line, pull) for line in posts if line.poll],
    }

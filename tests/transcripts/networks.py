"""A chat that never was, held at once on three networks by invented people. Each has one handle a network.

The moderator asks everywhere; a bridge carries one person's Mastodon posts to Bluesky and another's Bluesky posts to
Mastodon; most people are on one network alone.
"""

from datetime import UTC, datetime, timedelta

from knowarchive.config import Chat, Identity
from knowarchive.model import Account, Link, Post, Repost
from transcripts.model import SessionPosts
from transcripts.sessions import find_window

START = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
CHAT = Chat(name="birdlore", hashtags=("birdlore",), schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=2")
BRIDGED = "https://bsky.brid.gy"


ON_X = ("wren", "rook", "finch", "kite", "tern")


def x(who, number):
    return {"uid": f"x:{100 * ON_X.index(who) + number}", "author_uid": f"x:9{who}", "author_handle": f"{who}_tweets"}


def bluesky(who, number, handle=None):
    uid = f"bluesky:did:plc:{who}"
    return {
        "uid": f"{uid}/app.bsky.feed.post/{number}",
        "author_uid": uid,
        "author_handle": handle or f"{who}.example",
    }


def mastodon(who, number):
    uri = f"https://birds.example/users/{who}"
    return {
        "uid": f"mastodon:{uri}/statuses/{number}",
        "author_uid": f"mastodon:{uri}",
        "author_handle": f"{who}@birds.example",
    }


def bridged_to_bluesky(who, number):
    """What a bridge makes on Bluesky of somebody of the fediverse."""
    return bluesky(f"copy{who}", number, f"{who}.birds.example.ap.brid.gy")


def bridged_to_mastodon(who, number):
    """What a bridge makes in the fediverse of somebody of Bluesky."""
    did = f"did:plc:{who}"
    return {
        "uid": f"mastodon:{BRIDGED}/convert/ap/at://{did}/app.bsky.feed.post/{number}",
        "author_uid": f"mastodon:{BRIDGED}/ap/{did}",
        "author_handle": f"{who}.example@bsky.brid.gy",
    }


def post(where, minute, text, **fields):
    """A post somewhere: `post(x("wren", 1), 4, "...")`; `reply_to` and `quote_of` may be posts."""
    for name in ("reply_to", "quote_of"):
        if isinstance(fields.get(name), Post):
            if name == "reply_to":
                fields["reply_to_author"] = fields[name].author_uid
            fields[name] = fields[name].uid
    return Post(**where, created_at=START + timedelta(minutes=minute), text=text, hashtags=("birdlore",), **fields)


def session(*posts, **fields):
    return SessionPosts(find_window(CHAT, "2026-03-04"), "Birds in stories", ("birdlore",), tuple(posts), **fields)


WREN = Identity(name="Wren Alder", accounts=("x:wren_tweets", "bluesky:wren.example", "mastodon:wren@birds.example"))


def evening():
    """The whole session: 27 posts, which are 15 entries, by 7 people."""
    ask = "Which bird do you fear, and how did it earn that? Tell us the story, however small it is."
    again = "Which bird would you be for a day, and where would you go first of all?"
    q1x = post(x("wren", 1), 1, f"Q1: {ask} #birdlore", reposts=2)
    q1b = post(bluesky("wren", 1), 1.5, f"Q1: {ask} #birdlore", reposts=1)
    q1m = post(mastodon("wren", 1), 2, f"Q1. {ask}\n\n#birdlore #birds #stories", reposts=4)
    q2x = post(x("wren", 2), 30, f"Q2: {again} #birdlore")
    q2b = post(bluesky("wren", 2), 30.2, f"Q2: {again} #birdlore")
    q2m = post(mastodon("wren", 2), 31, f"Q2: {again} #birdlore")
    goose = "A1: The goose. It came out of the reeds when I was five"
    tern_m = post(mastodon("tern", 1), 5, f"{goose}, and I have not been near that pond since. #birdlore", reply_to=q1m)
    tern_b = post(
        bridged_to_bluesky("tern", 1), 5, f"{goose}, and I have not been near that pond since. #birdlore", reply_to=q1b
    )
    kite_b = post(bluesky("kite", 1), 7, "Herons. They wait. Nothing that waits so well means well.", reply_to=q1b)
    kite_m = post(
        bridged_to_mastodon("kite", 1), 7, "Herons. They wait. Nothing that waits so well means well.", reply_to=q1m
    )
    rook_x = post(x("rook", 1), 8, "A1: my neighbour's parrot knows my passwords #birdlore")
    owl_m = post(mastodon("owl", 1), 9, "The swan in the park, it hates bicycles", reply_to=q1m)
    owl_b = post(
        bluesky("owl", 1), 10, "And mine hated prams!", reply_to=kite_b
    )  # another owl: the name proves nothing
    finch_x = post(x("finch", 1), 33, "A2: A swift, and I would not land for the whole day. I would #birdlore (1/2)")
    finch_x2 = post(
        x("finch", 2),
        33.5,
        "sleep over the sea and come home only because I promised. (2/2) #birdlore",
        reply_to=finch_x,
    )
    finch_m = post(
        mastodon("finch", 1),
        34,
        "A swift, and I would not land for the whole day. I would sleep over the sea and come home only because I "
        "promised. #birdlore",
        reply_to=q2m,
    )
    finch_b = post(bluesky("finch", 1), 35, "A2: A swift, and I would not land for the whole day… #birdlore")
    heard_x = post(x("rook", 2), 36, "That is a long way to keep a promise", reply_to=finch_x2)
    heard_m = post(mastodon("tern", 2), 37, "Take me with you", reply_to=finch_m)
    heard_b = post(bridged_to_bluesky("tern", 2), 37, "Take me with you", reply_to=finch_b)
    yes_x = post(x("wren", 3), 38, "Yes!", reply_to=heard_x)
    yes_m = post(mastodon("wren", 3), 38.5, "Yes!", reply_to=heard_m)
    links_x = post(x("wren", 4), 50, "Read on here, friends of birds:", links=(Link("https://birds.example/geese"),))
    links_b = post(
        bluesky("wren", 4), 50, "Read on here, friends of birds:", links=(Link("https://birds.example/swans"),)
    )
    bye_x = post(x("wren", 5), 60, "Thank you all, good night! #birdlore")
    bye_b = post(bluesky("wren", 5), 60.1, "Thank you all, good night! #birdlore")
    bye_m = post(mastodon("wren", 5), 60.2, "Thank you all, good night! #birdlore")
    profiles = (
        Account(uid="x:9finch", handle="finch_tweets", name="Finch", url="https://birds.example/@finch"),
        Account(
            uid="mastodon:https://birds.example/users/finch",
            handle="finch@birds.example",
            name="Finch",
            bio="Also x.com/finch_tweets and https://bsky.app/profile/finch.example",
        ),
        Account(
            uid="bluesky:did:plc:finch", handle="finch.example", name="Finch", bio="@finch@birds.example elsewhere"
        ),
        # Claims to be somebody who does not say so.
        Account(uid="x:9rook", handle="rook_tweets", name="Owl", url="https://birds.example/@owl"),
    )
    return session(
        *(q1x, q1b, q1m, q2x, q2b, q2m, tern_m, tern_b, kite_b, kite_m, rook_x, owl_m, owl_b),
        *(finch_x, finch_x2, finch_m, finch_b, heard_x, heard_m, heard_b, yes_x, yes_m, links_x, links_b),
        *(bye_x, bye_b, bye_m),
        reposts=(
            Repost(post_uid=q1x.uid, post_at=q1x.created_at, account_uid="x:9rook", account_handle="rook_tweets"),
            Repost(post_uid=q1b.uid, post_at=q1b.created_at, account_uid="bluesky:did:plc:kite"),
        ),
        accounts={account.uid: account for account in profiles},
        people=(WREN,),
    )

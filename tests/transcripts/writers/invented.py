"""An evening that never was: a gardeners' chat of invented people on three networks, with everything that can happen.

Built by hand as a `Transcript`, so that the writers are tested without the steps before them.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from knowarchive.model import Link, Media, Mention, PollOption, Post
from transcripts.model import Entry, Filing, Person, Question, SharedLink, Transcript, Window

START = datetime(2024, 3, 12, 19, 0, tzinfo=UTC)
WINDOW = Window(
    chat="bedsandborders",
    label="2024-03-12",
    start=START,
    end=START + timedelta(hours=1),
    opens=START - timedelta(minutes=15),
    closes=START + timedelta(minutes=90),
    timezone="Europe/London",
)
PEOPLE = {
    "rowan": ("x", "x:101", "rowan_digs", "Rowan Ashdown"),
    "imke": ("bluesky", "bluesky:did:plc:imke", "imke.garden.example", "Imke Terhorst"),
    "tomas": ("mastodon", "mastodon:https://plot.example/users/tomas", "tomas@plot.example", "Tomás Vidal"),
    "yael": ("x", "x:104", "yael_in_clay", "יעל בן־דור"),
    "bea": ("x", "x:105", "beanrows", "Bea 🌱 Okonjo"),
    "lin": ("bluesky", "bluesky:did:plc:lin", "lin.example", "林 小雨"),
    "greta": ("mastodon", "mastodon:https://plot.example/users/greta", "greta@plot.example", None),
}
EARLIER = "mastodon:https://plot.example/users/greta/statuses/77"
LOST = "x:8999"


class _Evening:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.number = 9000

    def say(
        self, who, minute, text, topic="none", role="answer", *, by=(), count=None, sure=0.97, reason="label", **more
    ):
        platform, account, handle, name = PEOPLE[who]
        self.number += 1
        uid = {
            "x": f"x:{self.number}",
            "bluesky": f"{account}/app.bsky.feed.post/3k{self.number}",
            "mastodon": f"{account}/statuses/{self.number}",
        }[platform]
        post = Post(
            uid=uid,
            created_at=START + timedelta(minutes=minute),
            author_uid=account,
            author_handle=handle,
            author_name=name,
            text=text,
            hashtags=("bedsandborders",),
            **more,
        )
        self.entries.append(Entry(post, Filing(topic, role, sure, reason), count, tuple(by)))
        return uid


def evening() -> Transcript:
    """The whole session."""
    chat = _Evening()
    say = chat.say
    say(
        "rowan",
        -6,
        "Kettle on, boots off. #bedsandborders begins in five minutes! Tonight: soil, and how we look after it.",
        "intro",
        "chatter",
        by=["beanrows", "yael_in_clay"],
    )
    say("bea", -2, "Hello all, Bea from a very wet allotment in Leeds 🌧️ #bedsandborders", "intro", "chatter")
    say(
        "tomas", 1, "Evening! Tomás, Bristol, three raised beds and a stubborn fig. #bedsandborders", "intro", "chatter"
    )
    say("imke", 2, "Moin from the coast. Sand, sand, sand. #BedsAndBorders", "intro", "chatter", lang="de")

    q1 = say(
        "rowan",
        4,
        "Q1: What is your soil like, and how did you find out? #bedsandborders",
        "Q1",
        "question",
        by=["beanrows", "lin.example", "yael_in_clay", "tomas", "imke.garden.example", "plotholder"],
        count=8,
    )
    a = say(
        "bea",
        6,
        "A1: Clay. The jar test took one evening and settled a ten-year argument with my father. #bedsandborders",
        "Q1",
        reply_to=q1,
        by=["rowan_digs"],
    )
    b = say(
        "yael",
        7,
        "What is the jar test? @beanrows",
        "Q1",
        reply_to=a,
        reason="reply",
        mentions=(Mention("beanrows", "x:105"),),
    )
    c = say(
        "bea",
        8,
        "Soil and water in a jam jar, shake, wait a day. Sand sinks first, then silt, and the clay stays up. "
        "This page explains it well: https://www.soilfriends.example/guides/jar-test-for-beginners?ref=chat#step-2",
        "Q1",
        reply_to=b,
        reason="reply",
        links=(
            Link(
                "https://www.soilfriends.example/guides/jar-test-for-beginners?ref=chat#step-2",
                "The jar test, step by step",
            ),
        ),
        by=["yael_in_clay", "rowan_digs"],
    )
    d = say("yael", 10, "Doing this tomorrow.", "Q1", reply_to=c, reason="reply")
    e = say("tomas", 11, "Report back, please!", "Q1", reply_to=d, reason="reply")
    say("yael", 12, "I will. With pictures, if the jar survives the children.", "Q1", reply_to=e, reason="reply")
    say("yael", 9, "A1: חימר כבד. הגדיים של השכן אוהבים אותו יותר ממני. #bedsandborders", "Q1", lang="iw", quote_of=q1)
    say(
        "imke",
        9.5,
        "A1: Dune sand over more dune sand. You find out when you water it: gone before you turn around.",
        "Q1",
        reply_to=q1,
        media=(
            Media(
                "photo",
                "https://cdn.example/p/1.jpg",
                "A spade standing in pale sand with a few tufts of grass; the sea behind it",
            ),
            Media("photo", "https://cdn.example/p/2.jpg"),
        ),
    )
    say(
        "lin",
        12,
        "A1 第一年什么都不知道，挖了才发现全是建筑垃圾。 #bedsandborders",
        "Q1",
        lang="zh",
        sure=0.41,
        reason="content",
    )
    say("greta", 13, "Loam, and yes, I know how lucky I am.", "Q1", reply_to=EARLIER, reason="time", sure=0.52)
    say(
        "bea",
        14,
        "Somebody said it better than I could, and I cannot find it any more.",
        "Q1",
        reply_to=LOST,
        reason="reply",
    )

    q2 = say("rowan", 16, "Q2 (1/2): Which one thing would you never do to your soil again?", "Q2", "question")
    q2b = say("rowan", 16.5, "(2/2) …and who talked you out of it? #bedsandborders", "Q2", "question", reply_to=q2)
    a = say(
        "tomas",
        18,
        "A2: Double digging. A neighbour of eighty watched me for a week, then said “and why?” #bedsandborders",
        "Q2",
        reply_to=q2b,
        by=["greta", "beanrows", "rowan_digs"],
    )
    say("rowan", 19, "And why!", "Q2", "answer", reply_to=a, reason="reply")
    say("lin", 20, "This. Every allotment needs one of those neighbours.", "Q2", quote_of=a, reason="quote")
    say(
        "bea",
        21,
        "A2: Fresh manure on carrots. We do not talk about the carrots.",
        "Q2",
        reply_to=q2,
        warning="ugly vegetables",
        media=(Media("photo", "https://cdn.example/p/3.jpg", "A carrot with seven legs"),),
    )
    say(
        "imke",
        22,
        "A2: Leaving it bare over winter. See also https://blog.garden.example/bare-soil",
        "Q2",
        reply_to=q2,
        links=(
            Link("https://blog.garden.example/bare-soil", "Bare soil is an emergency"),
            Link("https://covercrops.example/", "Cover crops for small plots"),
        ),
    )
    say(
        "greta",
        23,
        "What do you cover yours with?",
        "Q2",
        poll=(
            PollOption("Leaves", 14),
            PollOption("Straw", 6),
            PollOption("Cardboard", 9),
            PollOption("Good intentions", 21),
        ),
        sure=0.55,
        reason="time",
    )
    say(
        "yael",
        24,
        "A2: rotavating, once. The bindweed sends its regards",
        "Q2",
        edited_at=START + timedelta(minutes=31),
        quote_of="x:8123",
    )

    q3 = say(
        "rowan",
        30,
        "Q3: One book, site or person that taught you the most about soil? #bedsandborders",
        "Q3",
        "question",
        by=["lin.example"],
    )
    say(
        "lin",
        31,
        "A3: “The Ground Below Us”, from the library, three times. https://books.example/ground-below-us #bedsandborders",
        "Q3",
        reply_to=q3,
        links=(Link("https://books.example/ground-below-us", None),),
        by=["beanrows", "imke.garden.example"],
    )
    say(
        "tomas",
        32,
        "A3: @greta@plot.example, no contest.",
        "Q3",
        reply_to=q3,
        mentions=(Mention("greta@plot.example", PEOPLE["greta"][1]),),
    )
    say("greta", 33, "😳", "Q3", reply_to=chat.entries[-1].post.uid, reason="reply")
    say("bea", 34, None, "Q3", reply_to=q3, deleted_at=START + timedelta(days=3))
    say(
        "imke",
        36,
        "A3: The county soil map. Free, ugly, priceless: "
        "https://maps.example/soil/?sheet=51-07&layers=texture,drainage,ph,organic-matter&zoom=14&centre=53.8008,-1.5491",
        "Q3",
        reply_to=q3,
        links=(
            Link(
                "https://maps.example/soil/?sheet=51-07&layers=texture,drainage,ph,organic-matter&zoom=14&centre=53.8008,-1.5491",
                "Soil map",
            ),
        ),
    )

    say(
        "rowan",
        55,
        "That was an hour? Thank you all. Next week: water butts. #bedsandborders",
        "wrapup",
        "chatter",
        by=["beanrows", "tomas"],
    )
    say("bea", 57, "Thank you Rowan! Off to wash a jar.", "wrapup", "chatter")
    say("lin", 71, "晚安 🌙", "wrapup", "chatter", lang="zh")
    say("yael", 26, "Did anybody else just hear that thunder?", "none", "chatter")

    chat.entries.sort(key=lambda entry: entry.post.created_at)
    questions = (
        Question("Q1", q1, (q1,), "What is your soil like, and how did you find out?", 12),
        Question(
            "Q2",
            q2,
            (q2, q2b),
            "Which one thing would you never do to your soil again? …and who talked you out of it?",
            7,
        ),
        Question("Q3", q3, (q3,), "One book, site or person that taught you the most about soil?", 5),
    )
    return assemble(chat.entries, questions)


def assemble(entries: list[Entry], questions: tuple[Question, ...]) -> Transcript:
    """Put entries together with what follows from them."""
    spoke = Counter(entry.post.author_uid for entry in entries)
    people = tuple(
        Person(account, handle, name, None, spoke[account], 0, moderator=key == "rowan")
        for key, (_, account, handle, name) in PEOPLE.items()
        if spoke[account]
    )
    links = tuple(
        SharedLink(link.url, link.title, (entry.post.author_handle or "",), (entry.post.uid,), (entry.filing.topic,))
        for entry in entries
        for link in entry.post.links or ()
    )
    context = Post(
        uid=EARLIER,
        created_at=START - timedelta(hours=3),
        author_uid=PEOPLE["greta"][1],
        author_handle="greta@plot.example",
        text="Reminder to self: take a spadeful from the far bed before tonight.",
    )
    return Transcript(
        title="Beds & Borders",
        hashtags=("bedsandborders",),
        window=WINDOW,
        moderators=tuple(person for person in people if person.moderator),
        questions=questions,
        entries=tuple(entries),
        context={context.uid: context},
        participants=people,
        links=links,
        stats={"posts": len(entries), "people": len(people), "questions": len(questions), "links": len(links)},
        coverage=(
            {
                "source": "march.jsonl",
                "status": "done",
                "answered": ((START - timedelta(minutes=8), START + timedelta(minutes=71)),),
                "seen": 412,
                "new": 26,
                "collected_at": datetime(2024, 3, 13, 8, tzinfo=UTC),
                "gaps": (),
            },
            {
                "source": "bluesky",
                "status": "done",
                "asked": ((WINDOW.opens, WINDOW.closes),),
                "answered": ((WINDOW.opens, WINDOW.closes),),
                "pages": 3,
                "seen": 38,
                "new": 38,
                "changed": 2,
                "collected_at": datetime(2024, 3, 12, 21, tzinfo=UTC),
                "waited": 130.0,
                "cost": 0.19,
                "notes": ("two people let only those whom they mention answer",),
            },
            {
                "source": "mastodon:https://plot.example",
                "status": "incomplete",
                "asked": ((START, WINDOW.closes),),
                "unasked": ((WINDOW.opens, START),),
                "seen": 17,
                "new": 17,
                "quarantined": 1,
                "collected_at": datetime(2024, 3, 12, 21, tzinfo=UTC),
                "gaps": ("the search stopped at its page limit",),
            },
        ),
    )

"""`knowarchive review`: correct the filing, the posts that teach the most first."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from knowarchive.cli import Context
from knowarchive.cli.keys import single_keys
from knowarchive.cli.output import one_line, print_json, print_table, tell

if TYPE_CHECKING:
    from datetime import tzinfo

    from knowarchive.model import Post
    from pipelines.reviewing import Moved, Review

LISTED = 20  # posts without --limit
SPARE = "bdefghjklmoprtvxyz"  # keys for the questions after the ninth
OTHERS = {"i": "intro", "w": "wrapup", "n": "none", "a": "answer", "c": "chatter"}
REASONS = {
    "label": "by its label",
    "reply": "by whom it answers",
    "quote": "by what it quotes",
    "content": "by its words",
    "time": "by its time",
}


@click.command()
@click.argument("chat")
@click.argument("date")
@click.option("--limit", type=click.IntRange(1), help=f"How many posts to ask about or list; {LISTED} by default.")
@click.option(
    "--set", "given", multiple=True, metavar="UID=TOPIC", help="Correct one post, without asking. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the list of posts worth asking about as JSON.")
@click.pass_obj
def command(
    context: Context, chat: str, date: str, limit: int | None, given: tuple[str, ...], *, as_json: bool
) -> None:
    r"""Correct the filing of one session: the posts whose right topic teaches the most come first.

    On a terminal it asks about one post at a time: a single key files it, and everything that follows from it is filed
    again at once. A correction is a topic (Q1, ..., intro, wrapup, none) or a role (answer, chatter, question). It is
    kept in an overrides file beside the configuration, and every later build obeys it.

    \b
    Examples:
      knowarchive review critlib 2015-05-19
      knowarchive review critlib 2015-05-19 --json --limit 10
      knowarchive review critlib 2015-05-19 --set x:600828677484457984=Q1
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from pipelines.reviewing import Review
    from storage.archive import Archive

    one = config.require_chat(chat)
    changes = _split(given)
    review = Review(Archive(config.archive_url, config.state_dir), config, one, date)
    for note in review.notes:
        tell(note)
    if changes:
        checked = [(uid, review.check(uid, value)) for uid, value in changes]
        moved = review.correct(checked)
        if not as_json:
            told = ", ".join(f"{uid} is {value}" for uid, value in checked)
            click.echo(one_line(f"{told}; {_summary(moved)}"))
            return
    if not as_json and not changes and sys.stdin.isatty() and sys.stdout.isatty():
        with single_keys() as read_key:
            _Conversation(review, one.zone, read_key).hold(limit or LISTED)
        return
    rows = _rows(review, limit or LISTED)
    if as_json:
        print_json(rows)
    else:
        shown = [
            {**row, "alternatives": " ".join(f"{topic} {share:.2f}" for topic, share in row["alternatives"])}
            for row in rows
        ]
        columns = {"uid": "Post", "topic": "Topic", "confidence": "Sure", "alternatives": "Or", "text": "Text"}
        print_table(columns, shown, _nothing_to_ask(review))


def _split(given: Sequence[str]) -> list[tuple[str, str]]:
    """Part each UID=TOPIC at its last sign.

    Raises:
        UsageError: there is none, or a post is given two topics.
    """
    from knowarchive.errors import UsageError

    pairs: dict[str, str] = {}
    for item in given:
        uid, sign, value = item.rpartition("=")
        if not sign or not uid or not value.strip():
            raise UsageError(f"--set {item!r} is not UID=TOPIC, as in --set x:123=Q2")
        if pairs.setdefault(uid, value) != value:
            raise UsageError(f"--set gives {uid} twice: {pairs[uid]} and {value}")
    return list(pairs.items())


def _rows(review: "Review", number: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for uid in review.ask(number):
        filing = review.filings[uid]
        rows.append(
            {
                "uid": uid,
                "text": review.posts[uid].text or "",
                "topic": filing.topic,
                "confidence": filing.confidence,
                "alternatives": [list(one) for one in filing.alternatives],
            }
        )
    return rows


def _nothing_to_ask(review: "Review") -> str:
    if review.prepared.inference is None:
        return f"No numbered questions here, so nothing to ask; they can be given in {review.path}"
    return "Nothing left to ask: every post was answered or is a question."


def _summary(moved: "Sequence[Moved]") -> str:
    if not moved:
        return "no other post moved"
    ways = Counter((one.before.topic, one.after.topic) for one in moved)
    told = ", ".join(f"{count} from {before} to {after}" for (before, after), count in ways.most_common())
    return f"moved {len(moved)} more post{'s' * (len(moved) != 1)}: {told}"


class _Conversation:
    """Asks about one post at a time, and files what a single key says."""

    def __init__(self, review: "Review", zone: "tzinfo", read_key: Callable[[], str]) -> None:
        self.review = review
        self.read_key = read_key
        self.zone = zone
        self.keys = _keys(review.topics)
        self.done: list[tuple[str, tuple[str | None, ...]]] = []  # uids with the topic and role they had been given
        self.skipped: set[str] = set()

    def hold(self, number: int) -> None:
        """Ask until the number is reached, nothing is worth asking, or somebody has had enough."""
        questions = self.review.prepared.questions
        if not questions:
            click.echo(_nothing_to_ask(self.review))
            return
        for question in questions:
            click.echo(f"{click.style(question.label, bold=True)}  {one_line(question.text)}")
        asked = 0
        while asked < number:
            uid = next((one for one in self.review.ask(len(self.skipped) + 1) if one not in self.skipped), None)
            if uid is None:
                break
            click.echo()
            self._show(uid, f"{asked + 1} of at most {number}")
            answer = self._wait(uid)
            if answer is None:
                break
            asked = max(0, asked + answer)
        self._conclude()

    def _wait(self, uid: str) -> int | None:
        """Read keys until one is an answer: how many questions further it leads, or None when it is enough."""
        while True:
            try:
                key = self.read_key().casefold()
            except (KeyboardInterrupt, EOFError):
                return None
            if key == "q":
                return None
            if key == "s":
                self.skipped.add(uid)
                click.echo("  skipped")
                return 1
            if key == "u":
                return self._undo()
            if key in {"\r", "\n"}:
                self._take(uid, self.review.filings[uid].topic)
                return 1
            value = self.keys.get(key)
            if value in {"answer", "chatter"}:
                self._take(uid, value)  # its topic is still to be said
            elif value is not None:
                self._take(uid, value)
                return 1

    def _take(self, uid: str, value: str) -> None:
        before = self.review.corrections.topics.get(uid), self.review.corrections.roles.get(uid)
        moved = self.review.correct([(uid, value)])
        self.done.append((uid, before))
        click.echo(f"  {click.style(value, bold=True)}; {_summary(moved)}")
        for one in moved[:3]:
            self._line(one.uid, f"    {one.before.topic} → {one.after.topic}  ")
        if len(moved) > 3:
            click.echo(f"    and {len(moved) - 3} more")

    def _undo(self) -> int:
        if not self.done:
            click.echo("  nothing to undo")
            return 0
        uid, before = self.done.pop()
        given = [(uid, value) for value in before if value is not None]
        moved = self.review.correct([(uid, None), *given])
        click.echo(f"  taken back; {_summary(moved)}")
        return -1

    def _show(self, uid: str, place: str) -> None:
        review = self.review
        post, filing = review.posts[uid], review.filings[uid]
        click.echo(click.style(place, dim=True))
        for above, how in ((post.reply_to, "answers"), (post.quote_of, "quotes")):
            if above is not None:
                if above in review.posts:
                    self._line(above, f"  {how}  ")
                else:
                    click.echo(click.style(f"  {how} a post that nobody has", dim=True))
        self._line(uid, "", bold=True, whole=True)
        guess = f"  {click.style(filing.topic, bold=True)} {filing.confidence:.0%} {REASONS.get(filing.reason, '')}"
        others = ", ".join(f"{topic} {share:.0%}" for topic, share in filing.alternatives)
        click.echo(f"{guess}{'; or ' + others if others else ''}")
        click.echo(click.style(f"  {self._menu(filing.topic)}", dim=True))

    def _line(self, uid: str, lead: str, *, bold: bool = False, whole: bool = False) -> None:
        post = self.review.posts[uid]
        text = one_line(post.text or "")
        shown = text if whole or len(text) <= 90 else text[:89] + "…"
        click.echo(f"{lead}{click.style(self._who(post), bold=bold)}  {shown}")

    def _who(self, post: "Post") -> str:
        return f"{post.created_at.astimezone(self.zone):%H:%M} @{one_line(post.author_handle or '?')}"

    def _menu(self, topic: str) -> str:
        questions = [key for key, value in self.keys.items() if value not in OTHERS.values()]
        span = f"{questions[0]}-{questions[-1]}" if len(questions) > 1 and len(questions) < 10 else "".join(questions)
        return f"{span} question · i intro · w wrapup · n none · ⏎ {topic} · a answer · c chatter · s skip · u undo · q quit"

    def _conclude(self) -> None:
        said = len({uid for uid, _ in self.done})
        click.echo()
        if said:
            click.echo(f"{said} correction{'s' * (said != 1)} kept in {one_line(str(self.review.path))}")
        else:
            click.echo("Nothing changed.")


def _keys(topics: Sequence[str]) -> Mapping[str, str]:
    """Give each topic its key: a question its number, or a spare letter after the ninth."""
    keys = dict(OTHERS)
    spare = iter(SPARE)
    for topic in topics:
        if topic.startswith("Q"):
            number = topic[1:]
            key = number if len(number) == 1 else next(spare, None)
            if key is not None:
                keys[key] = topic
    return keys

"""`knowarchive search`: find posts. Loads nothing of the archive while the index is in step with it."""

import contextlib
import os
import sys
import textwrap
from datetime import UTC
from typing import TYPE_CHECKING, Any

import click

from knowarchive.cli import Context
from knowarchive.cli.completion import complete_chat
from knowarchive.cli.output import one_line, print_json, tell
from knowarchive.errors import ConflictError, KnowarchiveError, UsageError

if TYPE_CHECKING:
    from knowarchive.config import Config
    from transcripts.search.highlighting import Passage
    from transcripts.search.index import SearchIndex
    from transcripts.search.language import Query
    from transcripts.search.posts import IndexedPost
    from transcripts.search.results import Around, Hit, Results

PLATFORMS = {"x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon"}
FACET_VALUES = 5  # of each facet on a terminal
MARGIN = "     "
WIDEST = 100  # columns of a line that reads well
ON, OFF = "\x0e", "\x0f"  # around what is marked, until lines are folded; no text that is shown holds them


@click.command()
@click.argument("query", nargs=-1, metavar="QUERY")
@click.option("--chat", shell_complete=complete_chat, help="Only posts of this chat.")
@click.option("--platform", help="Only posts from x, bluesky or mastodon.")
@click.option("--author", metavar="HANDLE", help="Only posts by this person.")
@click.option("--since", metavar="DATE", help="Only posts from that day on.")
@click.option("--until", metavar="DATE", help="Only posts from before that day.")
@click.option(
    "--sort", type=click.Choice(["relevance", "newest", "oldest"]), default="relevance", help="What comes first."
)
@click.option("--limit", type=int, default=10, show_default=True, help="Posts on a page.")
@click.option("--page", type=int, default=1, show_default=True, help="Which page.")
@click.option("--around", "with_around", is_flag=True, help="Show what each post answers, and its answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the page as JSON; what was meant is in <mark>.")
@click.pass_obj
def command(
    context: Context,
    query: tuple[str, ...],
    chat: str | None,
    platform: str | None,
    author: str | None,
    since: str | None,
    until: str | None,
    sort: Any,
    limit: int,
    page: int,
    *,
    with_around: bool,
    as_json: bool,
) -> None:
    r"""Find posts.

    All words must be there, in any form: teach finds teaching. What else can be asked for:

    \b
      "open access"            these words together       librar*        words that begin so
      cats OR dogs             either                     -cats          without
      #critlib  @jane          a hashtag, a person        from:jane  to:jane  mentions:jane
      chat:critlib             session:2015-05-19         question:Q2    role:question
      since:2015  until:2016-03                           on:mastodon    lang:en
      has:link  has:media  has:quote  has:replies         link:example.org
      is:question  is:deleted

    A query that begins with a minus comes after two: knowarchive search -- -cats dogs
    """
    config = context.config  # before what is heavy, so that a mistake is said at once
    from transcripts.search.language import parse
    from transcripts.search.results import around, search

    zone = UTC if chat is None else config.require_chat(chat).zone
    typed = " ".join(query)
    asked = _with_options(
        parse(typed, zone),
        {"chat": chat, "on": platform, "from": author, "since": since, "until": until},
        zone,
    )
    index = _open(config, quiet=as_json)
    results = search(index, asked, sort=sort, page=page, limit=limit)
    context_of = around(index, results.hits) if with_around else {}
    if as_json:
        from msgspec import to_builtins

        from transcripts.search.answer import answer

        print_json(to_builtins(answer(typed, results, context_of)))
        return
    if results.query.reading and results.query.reading != " ".join(typed.split()):
        tell(f"Read as: {results.query.reading}")
    if not index.state.posts:
        tell("No posts in the archive yet; import a file with: knowarchive import FILE")
        return
    for note in results.notes:
        tell(f"Note: {note}")
    if not results.total:
        tell("No posts fit.")
        return
    if results.page != page:
        tell(f"Note: there {'are' if results.pages > 1 else 'is'} {results.pages:,} page{'s' * (results.pages > 1)}")
    click.echo("\n".join(_page(results, context_of, limit)))


def _with_options(query: "Query", options: dict[str, str | None], zone: Any) -> "Query":
    """The query and what the options ask for besides.

    Raises:
        UsageError: an option's value is not one that can be asked for.
    """
    from transcripts.search.language import ask

    terms = []
    for name, value in options.items():
        if value is None:
            continue
        term, problem = ask(name, value, zone)
        if term is None:
            option = {"on": "platform", "from": "author"}.get(name, name)
            raise UsageError(f"--{option} {value!r}: {problem or 'is empty'}")
        terms.append(term)
    return query.narrowed(*terms)


def _open(config: "Config", *, quiet: bool) -> "SearchIndex":
    """The index, brought up to date first if it is not; as it is, with a line that says so, where that cannot be."""
    from pipelines.indexing import index_folder, is_current
    from transcripts.search.index import open_index

    folder = index_folder(config)
    problem: KnowarchiveError | None = None
    click.get_current_context().call_on_close(lambda: _finish_erasing(config))
    if is_current(config):
        with contextlib.suppress(KnowarchiveError):  # damaged: it is built anew
            if index := open_index(folder):
                return index
    try:
        _bring_up_to_date(config, quiet=quiet)
    except ConflictError as error:
        problem = error
        tell("Note: the index is being written; what is newest may be missing")
    except KnowarchiveError as error:
        problem = error
        tell(f"Note: the index was not brought up to date: {error}")
    index = open_index(folder)
    if index is None:
        raise problem or KnowarchiveError(f"{folder}: the search index is gone; try again")
    return index


def _bring_up_to_date(config: "Config", *, quiet: bool) -> None:
    from knowarchive.cli.progress import Progress
    from pipelines.helpers import Helpers, processors
    from pipelines.indexing import bring_up_to_date
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    with Progress(quiet=quiet) as progress, Helpers(processors(), "pipelines.indexing") as pool:
        progress.begin("indexing", None)
        bring_up_to_date(
            archive, config, purge=False, pool=pool, on_progress=lambda posts: progress.advance(posts, posts)
        )


def _finish_erasing(config: "Config") -> None:
    """When the answer is given: take off the disk what was erased, for which nobody should have to wait."""
    from pipelines.indexing import finish_erasing

    with contextlib.suppress(ConflictError):  # whoever is indexing does it
        finish_erasing(config)


def _page(results: "Results", context: dict[str, "Around"], limit: int) -> list[str]:
    """A page for people."""
    lines: list[str] = []
    first = (results.page - 1) * limit
    for number, hit in enumerate(results.hits, first + 1):
        lines += [*_block(number, hit), *_conversation(context.get(hit.post.uid)), ""]
    for name, values in results.facets.items():
        if len(values) > 1:
            shown = ", ".join(f"{one_line(value)} {count:,}" for value, count in values[:FACET_VALUES])
            more = ", …" if len(values) > FACET_VALUES else ""
            lines.append(_faint(f"{name + ':':<10}{shown}{more}"))
    more = f"; more with --page {results.page + 1}" if results.page < results.pages else ""
    lines.append(f"{results.total:,} post{'s' * (results.total != 1)}, page {results.page} of {results.pages:,}{more}")
    return lines


def _block(number: int, hit: "Hit") -> list[str]:
    post, filed = hit.post, hit.filed
    place = (
        [one_line(one) for one in (filed.chat, filed.session, filed.topic) if one and one != "none"] if filed else []
    )
    when = f"{post.created_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    said = [f"{count:,} {one if count == 1 else many}" for one, many, count in _counts(post) if count]
    also = sorted({PLATFORMS.get(one.platform, one.platform) for one in hit.also} - {PLATFORMS.get(post.platform, "")})
    said += [f"also on {' and '.join(also)}"] if also else [f"said {len(hit.also) + 1} times"] if hit.also else []
    if post.deleted:
        return [f"{number:>3}  {_faint(' · '.join([when, *place]))}", f"{MARGIN}(deleted by its author)"]
    return [
        f"{number:>3}  {_bold(_author(post))}  {_faint(' · '.join([when, *place]))}",
        *_passage(hit.passage),
        *([f"{MARGIN}{_faint(', '.join(said))}"] if said else []),
        f"{MARGIN}{_faint(one_line(post.address or post.uid))}",
    ]


def _conversation(context: "Around | None") -> list[str]:
    if context is None:
        return []
    lines = [("answers", context.parent)] if context.parent else []
    told = [*lines, *(("answered by", post) for post in context.replies)]
    return [f"{MARGIN}{_faint(f'{how} {_author(post)}: {_short(post.text or str())}')}" for how, post in told]


def _short(text: str) -> str:
    return textwrap.shorten(one_line(text), 72, placeholder=" …")


def _passage(passage: "Passage") -> list[str]:
    text = "".join(
        f"{ON}{one_line(segment.text.strip())}{OFF}" if segment.marked else _spaced(segment.text)
        for segment in passage.segments
    )
    text = f"{'… ' * passage.before}{text.strip()}{' …' * passage.after}"
    lines = _wrapped(text) if sys.stdout.isatty() else [text]
    on, off = ("\x1b[1;33m", "\x1b[0m") if _colours() else ("", "")
    return [f"{MARGIN}{line.replace(ON, on).replace(OFF, off)}" for line in lines]


def _wrapped(text: str) -> list[str]:
    from shutil import get_terminal_size

    width = min(get_terminal_size().columns, WIDEST) - len(MARGIN)
    return textwrap.wrap(text, max(width, 20), break_on_hyphens=False)


def _spaced(text: str) -> str:
    """One line, with the space at its edges kept."""
    return f"{' ' * text[:1].isspace()}{one_line(text)}{' ' * (text[-1:].isspace() and bool(text.strip()))}"


def _author(post: "IndexedPost") -> str:
    names = [post.author_name, f"@{post.author_handle}" if post.author_handle else None]
    return " ".join(one_line(name) for name in names if name) or "somebody"


def _counts(post: "IndexedPost") -> tuple[tuple[str, str, int | None], ...]:
    return ("like", "likes", post.likes), ("repost", "reposts", post.reposts), ("reply", "replies", post.replies)


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _bold(text: str) -> str:
    return click.style(text, bold=True) if _colours() else text


def _faint(text: str) -> str:
    return click.style(text, dim=True) if _colours() else text

"""`knowarchive forget`: take a person, or posts, out of everything."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from knowarchive.cli import Context
from knowarchive.cli.output import one_line, print_json, tell
from knowarchive.errors import ReadError, UsageError

if TYPE_CHECKING:
    from knowarchive.config import Config
    from pipelines.forgetting import Forgotten, Found
    from storage.archive import Archive


@click.command()
@click.argument("account", required=False)
@click.option("--post", "posts", multiple=True, metavar="UID", help="This post alone; may be given several times.")
@click.option("--list", "listed", metavar="FILE", help="Posts by uid, id or address, a line each; - is standard input.")
@click.option("--finish", is_flag=True, help="Forget again whoever was forgotten: after a restore, or a stop midway.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def command(
    context: Context,
    account: str | None,
    posts: tuple[str, ...],
    listed: str | None,
    *,
    finish: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Erase a person from the archive and from all that was made of it, and keep them from coming back.

    ACCOUNT is platform:handle, a uid, a handle where one account alone has it, or the name of a [[person]] of the
    configuration, which means all their accounts. Their words, names and profiles go; their place in a thread stays,
    under a pseudonym. The key of the pseudonyms is made in the state folder: keep it, and keep it out of the archive.

    \b
    Examples:
      knowarchive forget x:handle
      knowarchive forget mastodon:handle@server --dry-run
      knowarchive forget --list deleted-ids.txt --yes
    """  # noqa: D301 - click looks for the character itself
    config = context.config  # before what is heavy, so that a mistake is said at once
    if sum((account is not None, bool(posts or listed), finish)) != 1:
        raise UsageError(
            "name one account, or posts with --post or --list, or --finish; see: knowarchive forget --help"
        )
    from storage.archive import Archive

    archive = Archive(config.archive_url, config.state_dir)
    if finish:
        _finish(archive, config, as_json=as_json)
    elif account is not None:
        _forget_person(archive, config, account, yes=yes, dry_run=dry_run, as_json=as_json)
    else:
        uids = [*posts, *(_read_list(listed) if listed else ())]
        _forget_posts(archive, config, uids, yes=yes, dry_run=dry_run, as_json=as_json)


def _finish(archive: "Archive", config: "Config", *, as_json: bool) -> None:
    from pipelines.forgetting import finish_forgetting

    changed = finish_forgetting(archive, config, now=datetime.now(UTC))
    if as_json:
        print_json({"payloads": changed})
    else:
        click.echo(f"{changed:,} payloads named somebody who was forgotten, and do no more.")


def _forget_person(
    archive: "Archive", config: "Config", account: str, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    from pipelines.forgetting import find, forget_person

    found = find(archive, config, account)
    if not as_json:
        _show(found)
    if dry_run:
        if as_json:
            print_json(_summary(found))
        return
    _confirm(f"Forget {', '.join(map(one_line, found.accounts))} for good?", yes=yes)
    done = forget_person(archive, config, found, environ=os.environ, now=lambda: datetime.now(UTC))
    _report(found, done, as_json=as_json)


def _forget_posts(
    archive: "Archive", config: "Config", named: list[str], *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    from pipelines.erasing import erase_named, find_posts
    from pipelines.indexing import forget_erased

    uids = _uids(named)
    known = find_posts(archive, uids)
    if not as_json:
        click.echo(f"{len(known):,} of {len(uids):,} posts are in the archive; the others are remembered.")
    if dry_run:
        if as_json:
            print_json({"asked": len(uids), "posts": len(known)})
        return
    _confirm(f"Erase {len(known):,} posts for good?", yes=yes)
    erase_named(archive, uids, known, now=datetime.now(UTC))
    forget_erased(archive, config)
    if as_json:
        print_json({"asked": len(uids), "posts": len(known)})
    else:
        click.echo(f"Erased {len(known):,} posts.")


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked; look at it with --dry-run, and say --yes")
    if click.prompt(f"{question} Type yes", default="", show_default=False, err=True).strip() != "yes":
        raise UsageError("nothing was changed; it takes a yes")


def _show(found: "Found") -> None:
    click.echo(f"Accounts: {', '.join(map(one_line, found.accounts))}")
    click.echo(
        f"Found {found.posts:,} posts, {found.reposts:,} reposts, {found.mentions:,} posts of others that mention them, "
        f"{len(found.copied):,} that repeat a sentence; in {found.payloads:,} payloads."
    )
    for name in found.shared:
        tell(f"knowarchive: {name} is or was the handle of others too; it stays where only it tells who is meant")


def _summary(found: "Found") -> dict[str, object]:
    return {
        "accounts": list(found.accounts),
        "posts": found.posts,
        "reposts": found.reposts,
        "mentions": found.mentions,
        "copies": len(found.copied),
        "payloads": found.payloads,
        "shared": list(found.shared),
    }


def _report(found: "Found", done: "Forgotten", *, as_json: bool) -> None:
    exports = [{"path": one.path, "made_at": one.made_at} for one in done.exports]
    if as_json:
        print_json(
            {**_summary(found), "redacted": done.payloads, "exports": exports, "elsewhere": list(done.elsewhere)}
        )
        return
    click.echo(f"Forgotten: {done.payloads:,} payloads in {done.rewritten:,} files say no more of them.")
    for one in done.exports:
        click.echo(
            f"Replace: {one_line(one.path or 'an export')}, made {one.made_at:%Y-%m-%d %H:%M} UTC, may hold them"
        )
    for place in done.elsewhere:
        click.echo(f"Yours to clean: {one_line(place)}")


def _read_list(name: str) -> list[str]:
    try:
        with click.open_file(name, encoding="utf-8-sig") as lines:
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error


def _uids(named: list[str]) -> list[str]:
    """Uids of posts, as given, or from what the platforms write in their lists: ids of X, addresses of the others."""
    from connectors import post_uid

    found = []
    for one in named:
        uid = post_uid(one)
        if uid is None:
            raise UsageError(f"{one[:80]!r} names no post; write x:ID, bluesky:DID/COLLECTION/KEY or mastodon:ADDRESS")
        found.append(uid)
    if not found:
        raise UsageError("the list is empty; it has a post a line")
    return list(dict.fromkeys(found))

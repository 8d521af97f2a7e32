"""`knowarchive init`: write a commented configuration."""

import re
import tempfile
from pathlib import Path

import click

from knowarchive.cli import Context
from knowarchive.cli.output import one_line, write_document
from knowarchive.config import load_config
from knowarchive.errors import ConfigError, UsageError

TEMPLATE = """\
# Knowarchive: what to keep, and where. Check this file with: knowarchive doctor
# Secrets (tokens, passwords) never go into this file; they are read from the environment.

[archive]
url = "archive"  # a folder, beside this file unless absolute, or s3://bucket/prefix
# state = "state"  # private: scratch files, the index; by default a folder in ~/.local/state/knowarchive

[[chat]]
name = "{name}"  # short: it becomes file names and addresses
title = "{title}"
hashtags = ["{hashtag}"]  # without the sign; letter case does not matter
timezone = "{timezone}"  # such as "America/New_York"; the sessions are named by their local date
# When the chat is held, as an RFC 5545 rule in the chat's own time zone. Leave it out for a chat without a schedule:
# sessions are then found by activity.
schedule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0"
# If the hour has changed over the years, one rule for each stretch:
# schedule = [
#   {{ rule = "FREQ=WEEKLY;BYDAY=TH;BYHOUR=20;BYMINUTE=0", from = 2015-03-05, until = 2019-12-31 }},
#   {{ rule = "FREQ=WEEKLY;BYDAY=TU;BYHOUR=21;BYMINUTE=0", from = 2020-01-07 }},
# ]
duration = "1h"
margin = ["15m", "30m"]  # how far before and after the hour a session reaches
moderators = []  # such as "x:handle"; found by what they do where empty

  # Where the chat is held; a source each.
  [[chat.source]]
  platform = "x"

# People who write on several networks count once, and what they cross-post is shown once. Profiles that name each
# other are joined without a word here; name the others:
# [[person]]
# name = "Their Name"
# accounts = ["x:handle", "bluesky:handle", "mastodon:handle@server"]
"""


@click.command()
@click.option("--name", default="mychat", show_default=True, help="The chat's short name.")
@click.option("--title", help="The chat's title.  [default: the hashtag]")
@click.option("--hashtag", help="The chat's hashtag, without the sign.  [default: the name]")
@click.option("--timezone", default="UTC", show_default=True, help="The chat's time zone, such as Europe/London.")
@click.option("--overwrite", is_flag=True, help="Replace a configuration that is there.")
@click.pass_obj
def command(
    context: Context, name: str, title: str | None, hashtag: str | None, timezone: str, *, overwrite: bool
) -> None:
    """Write a commented configuration (knowarchive.toml, or the file named with --config)."""
    path = context.config_path
    hashtag = (name if hashtag is None else hashtag).removeprefix("#").removeprefix("＃")
    text = TEMPLATE.format(
        name=_quote(name), title=_quote(title or f"#{hashtag}"), hashtag=_quote(hashtag), timezone=_quote(timezone)
    )
    _check(text)
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; name a file in it with --config")
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")
        if overwrite:
            write_document(path, text)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{path}: exists already; edit it, or replace it with --overwrite") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}; name another with --config") from error
    click.echo(one_line(f"Wrote {path}. Edit it, then import a file with: knowarchive import FILE"))


def _quote(text: str) -> str:
    """As it stands between the quotes of TOML."""
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub(r'[\x00-\x1f\x7f"\\]', lambda match: f"\\u{ord(match[0]):04x}", plain)


def _check(text: str) -> None:
    """Refuse to write what could not be read back."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.toml"
        draft.write_text(text, encoding="utf-8")
        try:
            load_config(draft)
        except ConfigError as error:
            raise UsageError(str(error).replace(f"{draft}: ", "")) from error

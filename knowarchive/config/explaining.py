"""What msgspec says of a configuration, said so that the place and the remedy are plain. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from knowarchive.config.rules import EXAMPLE_RULE
from knowarchive.config.shapes import (
    SAME_DAY,
    Archive,
    Chat,
    Config,
    Identity,
    Limits,
    Occasion,
    Policy,
    Publish,
    Rule,
    Source,
    Web,
)

_TABLES: dict[tuple[str, ...], type[msgspec.Struct]] = {
    (): Config,
    ("archive",): Archive,
    ("chat",): Chat,
    ("chat", "source"): Source,
    ("chat", "schedule"): Rule,
    ("chat", "session"): Occasion,
    ("schedule",): Policy,
    ("person",): Identity,
    ("limits",): Limits,
    ("publish",): Publish,
    ("web",): Web,
}
_HEADINGS = {
    (): "the top of the file",
    ("archive",): "[archive]",
    ("chat",): "[[chat]]",
    ("chat", "source"): "[[chat.source]]",
    ("chat", "schedule"): "the rules of schedule",
    ("chat", "session"): "[[chat.session]]",
    ("schedule",): "[schedule]",
    ("person",): "[[person]]",
    ("limits",): "[limits]",
    ("publish",): "[publish]",
    ("web",): "[web]",
}
_EXAMPLES = {
    "archive": '[archive] with url = "archive"',
    "url": 'url = "archive"',
    "name": 'name = "critlib"',
    "person.name": 'name = "Their Name"',
    "hashtags": 'hashtags = ["critlib"]',
    "rule": f'rule = "{EXAMPLE_RULE}"',
    "platform": 'platform = "x"',
    "from": "from = 2015-03-03, without quotes",
    "until": "until = 2019-12-31, without quotes",
    "margin": 'margin = ["15m", "30m"]',
    "schedule": f'schedule = "{EXAMPLE_RULE}"',
    "moderators": 'moderators = ["x:handle"]',
    "date": "date = 2015-05-19, without quotes",
    "skip": "skip = [2015-12-22], without quotes",
    "refresh": f'refresh = ["{SAME_DAY}", "1d", "7d", "30d"]',
    "opt_out": 'opt_out = ["x:handle", "mastodon:handle@server"]',
    "accounts": 'accounts = ["x:handle", "bluesky:handle", "mastodon:handle@server"]',
}
_CHOICES = {"platform": "x, bluesky, mastodon", "x": "refreshed, as-archived"}
_TYPES = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "datetime": "a date with a time",
    "time": "a time",
}
_SECRETS = re.compile(r"bearer|token|secret|password|api_?key|access_?key", re.IGNORECASE)


def explain(message: str, document: Mapping[str, Any]) -> str:
    """Say in a line what is wrong in a document, given the message of msgspec."""
    problem, _, path = message.partition(" - at `$")
    steps = [name or int(number) for name, number in re.findall(r"\.([^.\[`]+)|\[(\d+)\]", path)]
    if unknown := re.search(r"unknown field `(.+)`", problem, re.DOTALL):
        return unknown_key(unknown[1], steps, document)
    if missing := re.search(r"missing required field `(.+)`", problem):
        names = [name for name in steps if isinstance(name, str)]
        example = _EXAMPLES.get(".".join([*names, missing[1]])) or _EXAMPLES.get(missing[1], missing[1])
        return f"{_place(steps, document)} has no `{missing[1]}`; add {example}"
    key = next((str(step) for step in reversed(steps) if isinstance(step, str)), "")
    table = steps[: len(steps) - 1 - steps[::-1].index(key)] if key else []
    where = f"`{key}` in {_place(table, document)}"
    if steps in (["chat"], ["person"], [*table, "source"], [*table, "session"]) and "got `object`" in problem:
        heading = _HEADINGS["chat", key] if key in {"source", "session"} else _HEADINGS[key,]
        return f"{where} is a table of its own; write {heading} with two brackets"
    remedy = f"; write {_EXAMPLES[key]}" if key in _EXAMPLES else ""
    if wrong := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", problem):
        wanted = " or ".join(_TYPES.get(kind, kind) for kind in wrong[1].split(" | ") if kind != "null")
        one = "each value of " if steps and isinstance(steps[-1], int) else ""
        return f"{one}{where} must be {wanted}, not {_TYPES.get(wrong[2], wrong[2])}{remedy}"
    if length := re.fullmatch(r"Expected `array` of length (\d+), got (\d+)", problem):
        return f"{where} must be a list of {length[1]}, not of {length[2]}{remedy}"
    if value := re.fullmatch(r"Invalid enum value '(.*)'", problem, re.DOTALL):
        return f"{where} cannot be '{value[1]}'; it is one of {_CHOICES[key]}"
    return f"{where}: {problem}{remedy}"


def unknown_key(key: str, steps: Sequence[str | int], document: Mapping[str, Any]) -> str:
    """Say in a line that a key is none, and which was meant. `steps` lead to its table."""
    names = tuple(step for step in steps if isinstance(step, str))
    valid = _keys(names)
    from difflib import get_close_matches

    close = get_close_matches(key.lower(), valid, n=1, cutoff=0.6)
    elsewhere = [_HEADINGS[other] for other in _TABLES if key in _keys(other)]
    if close:
        hint = f"did you mean `{close[0]}`?"
    elif elsewhere:
        hint = f"it belongs in {elsewhere[0]}"
    elif _SECRETS.search(key):
        hint = "secrets are read from the environment (such as KNOWARCHIVE_X_BEARER), never from this file"
    else:
        close = get_close_matches(key.lower(), valid, n=1, cutoff=0)
        hint = f"the nearest is `{close[0]}`; valid are {', '.join(valid)}"
    return f"unknown key `{key}` in {_place(steps, document)}; {hint}"


def _keys(names: tuple[str, ...]) -> list[str]:
    return [name for name in _TABLES[names].__struct_encode_fields__ if name != "path"]


def _place(steps: Sequence[str | int], document: Mapping[str, Any]) -> str:
    """Name a table as its writer thinks of it: [archive], chat "critlib", source 2 of chat "critlib"."""
    match list(steps):
        case ["chat", int(chat)]:
            name = document["chat"][chat].get("name") if isinstance(document["chat"][chat], dict) else None
            return f'chat "{name}"' if isinstance(name, str) else f"chat {chat + 1}"
        case ["chat", int(chat), str(kind), int(number)]:
            return f"{'rule' if kind == 'schedule' else kind} {number + 1} of {_place(['chat', chat], document)}"
        case ["person", int(number)]:
            one = document["person"][number]
            name = one.get("name") if isinstance(one, dict) else None
            return f'person "{name}"' if isinstance(name, str) else f"person {number + 1}"
        case [("archive" | "limits" | "schedule" | "publish" | "web") as name]:
            return f"[{name}]"
    return "the file"

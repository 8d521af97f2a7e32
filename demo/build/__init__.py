"""Turns the conversations in `demo/script/` into what the networks would have sent: archive files, and their own records.

The results are committed, so that the demo needs no build; `tests/demo` asserts that this program still makes them.
"""

import gzip
import json
from collections.abc import Iterable

from demo.build import bluesky, mastodon, x_v1, x_v2
from demo.build.script import SCRIPTS, Json, read_cards, read_people, read_session

NETWORKS = {"x": x_v2.network, "bluesky": bluesky.network, "mastodon": mastodon.network}


def json_lines(items: Iterable[Json]) -> bytes:
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def tables(content: Json) -> bytes:
    """One JSON object, each record of its lists on a line of its own, so that changes can be read."""
    parts = []
    for name, value in content.items():
        records = (
            ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) if isinstance(value, list) else None
        )
        parts.append(f'"{name}": ' + (f"[\n{records}\n]" if records is not None else json.dumps(value)))
    return ("{" + ",\n".join(parts) + "}\n").encode()


def compress(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=9, mtime=0)


def build() -> dict[str, bytes]:
    """Make every file of `demo/data/` and `demo/networks/`, by its path in `demo/`."""
    people, cards = read_people(), read_cards()
    files: dict[str, bytes] = {}
    for path in sorted(SCRIPTS.glob("2*.toml")):
        session = read_session(path, people)
        if "conversations" in session.pulls:
            files[f"data/{path.stem}-search.jsonl"] = json_lines(x_v2.v2_search(session, cards))
            files[f"data/{path.stem}-conversations.jsonl"] = json_lines(x_v2.v2_conversations(session, cards))
        else:
            posts = x_v1.v1_search(session)
            files[f"data/{path.stem}-search.jsonl.gz"] = compress(json_lines(posts))
            files[f"data/{path.stem}-search.csv"] = x_v1.v1_csv(posts)
    session = read_session(SCRIPTS / "three-rooms.toml", people)
    for name, network in NETWORKS.items():
        files[f"networks/{name}.json"] = tables(network(session, cards))
    return files

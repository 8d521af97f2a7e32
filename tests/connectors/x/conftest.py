"""The cases in `tests/payloads/x`, as fixtures."""

import json
from pathlib import Path

import msgspec
import pytest

from connectors.files.reader import read_file
from knowarchive.model import Payload

CASES = sorted(
    path for path in (Path(__file__).parents[2] / "payloads" / "x").iterdir() if ".expected" not in path.name
)
FORMATS = {"v1": "x-v1-jsonl", "v2": "x-v2-jsonl"}


def read_case(path):
    """A list in a JSON case stands for JSON lines."""
    if path.suffix == ".csv":
        (payload,) = read_file(path, origin=path.name)
        return payload
    value = json.loads(path.read_bytes())
    lines = [msgspec.json.encode(item) for item in (value if isinstance(value, list) else [value])]
    return Payload(format=FORMATS[path.name[:2]], origin=path.name, body=b"\n".join(lines), items=len(lines))


@pytest.fixture(scope="session", params=CASES, ids=lambda path: path.name)
def case(request):
    return request.param


@pytest.fixture(scope="session")
def cases():
    return CASES


@pytest.fixture(scope="session")
def payload_of():
    return read_case

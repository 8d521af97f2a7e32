"""The registry knows every format and loads none before it is needed."""

import subprocess
import sys

import pytest

from connectors import FORMATS, load, map_payload, rank
from knowarchive.errors import UsageError
from knowarchive.model import Payload


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_mapping_and_a_rank(name):
    mapping = load(name)
    assert mapping.CUT in {"lines", "rows", "whole", "converted"}
    assert not mapping.recognises([b"hello"])
    assert rank(name) > 0


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(UsageError, match="unknown format 'y': one of knowarchive-jsonl"):
        map_payload(Payload(format="y", origin="o", body=b"", items=0))


def test_the_registry_loads_no_mapping_and_the_reader_nothing_heavy():
    code = (
        "import sys, connectors; assert not [m for m in sys.modules if m.startswith('connectors.')]\n"
        "import connectors.files.reader\n"
        "assert not {'pyarrow', 'duckdb', 'deltalake', 'zstandard', 'prefect', 'tweepy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=__file__.rpartition("/tests/")[0])

"""Payloads as files: their names say what is in them."""

import pytest

from knowarchive.model import Payload
from storage.exports.as_payloads import write_payloads


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("x-v2-jsonl", "jsonl"), ("x-csv", "csv"), ("x-json", "json"), ("mastodon-json", "json"), ("x-api", "json"),
        ("knowarchive-jsonl", "jsonl"), ("knowarchive-csv", "jsonl"), ("knowarchive-parquet", "jsonl"),
    ],
)  # fmt: skip
def test_the_name_of_a_payload_s_file_says_what_is_in_it_whatever_file_it_came_in(tmp_path, name, suffix):
    added = {"payload_id": "a", "pull": "a", "collected_at": None, "chat": None}
    write_payloads([(Payload(format=name, origin="o", body=b"{}", items=1), added)], tmp_path, "payloads.jsonl")
    assert [path.name for path in (tmp_path / "payloads").iterdir()] == [f"a.{suffix}"]

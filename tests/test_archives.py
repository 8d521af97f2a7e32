"""The search of files on which tests of what is nowhere rely: it finds what is there, however it is packed."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.archives import texts_on_disk

TEXT = "a lantern in a cellar"


def write_parquet(path):
    rows = [{"body": f"{number} {TEXT}".encode(), "media": [{"alt": TEXT}]} for number in range(100)]
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", compression_level=19)


FORMS = {
    "plain.log": lambda path: path.write_text(f"… {TEXT} …"),
    "x.json.gz": lambda path: path.write_bytes(gzip.compress(TEXT.encode() * 20)),
    "x.zst": lambda path: path.write_bytes(zstandard.ZstdCompressor().compress(TEXT.encode() * 20)),
    "x.parquet": write_parquet,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_text_is_found_however_it_is_packed(tmp_path, name):
    (tmp_path / "deep").mkdir()
    FORMS[name](tmp_path / "deep" / name)
    assert texts_on_disk(tmp_path, TEXT) == [tmp_path / "deep" / name]
    assert texts_on_disk(tmp_path, "a lantern in an attic") == []

"""Properties of cutting: every record exactly once, however the bytes arrive."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from connectors.files import rows
from connectors.files.lines import Overlong, split_lines
from connectors.files.rows import LONGEST_ROW, delimiter_of, split_rows

LINES = st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=20)
CELLS = st.text(st.sampled_from('ab",;\t\n\r é'), max_size=8)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=8)


def chunked(data, sizes):
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


@given(LINES, st.lists(st.integers(0, 40), max_size=20))
def test_every_line_comes_out_once(records, sizes):
    found = list(split_lines(chunked(b"\n".join(records), sizes)))
    assert found == [record for record in records if record.strip(b" \t\n\r\v\f")]


@given(LINES, st.lists(st.integers(0, 40), max_size=20))
def test_overlong_lines_are_measured_wherever_chunks_end(records, sizes):
    data = b"\n".join(records)
    assert list(split_lines(chunked(data, sizes), 9)) == list(split_lines([data], 9))
    for record, found in zip(
        [record for record in records if record and not (record.isspace() and len(record) <= 9)],
        (item for item in split_lines([data], 9)),
        strict=False,
    ):
        if isinstance(found, Overlong):
            assert found.size > 9
        else:
            assert len(found) <= 9 or not record.strip()


@given(TABLES, st.sampled_from(",;\t"), st.lists(st.integers(0, 40), max_size=20))
def test_every_row_comes_out_once_with_line_feeds_within_its_cells(table, delimiter, sizes):
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    data = buffer.getvalue().encode()
    rows = list(split_rows(chunked(data, sizes), delimiter.encode()))
    assert b"\n".join(rows) == data.removesuffix(b"\n")
    assert [next(csv.reader([row.decode()], delimiter=delimiter)) for row in rows] == table


@given(st.binary(max_size=60).map(lambda data: data.translate(bytes(b'ab",\n'[i % 5] for i in range(256)))))
def test_stray_quotes_lose_no_line(data):
    joined = b"\n".join(split_rows([data], b","))
    wanted = [line for line in data.split(b"\n") if line]
    assert [line for line in joined.split(b"\n") if line] == wanted


def test_a_stray_quote_costs_one_row_of_a_large_table():
    rows = [b"1,a", b'2,"stray'] + [b"%d,b" % number for number in range(3, LONGEST_ROW // 4)]
    assert list(split_rows([b"\n".join(rows)], b",")) == rows


def test_a_table_of_stray_quotes_is_read_in_proportion_to_its_length(monkeypatch):
    looked = []
    is_open = rows._is_open
    monkeypatch.setattr(
        rows, "_is_open", lambda line, *rest, **more: looked.append(line) or is_open(line, *rest, **more)
    )
    lines = [b'x","'] * 50_000  # open after itself, and after any line before it
    assert list(split_rows([b"\n".join(lines)], b",")) == lines
    assert len(looked) < 4 * len(lines)


def test_after_stray_quotes_and_good_rows_a_long_row_is_one_again():
    long = b'3,"' + b"\n".join([b"verse"] * 1000) + b'"'
    strays = [b'x","'] * 3
    good = [b"%d,good" % number for number in range(LONGEST_ROW // 4)]
    assert list(split_rows([b"\n".join([*strays, *good, long, b"4,c"])], b",")) == [*strays, *good, long, b"4,c"]


def test_the_delimiter_is_the_one_that_is_used():
    assert [delimiter_of(header) for header in (b"id,text", b"id;text", b"id\ttext")] == [b",", b";", b"\t"]

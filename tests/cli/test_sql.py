"""`knowarchive sql` reads the archive, the whole archive, and nothing but the archive."""

import math

import pytest


@pytest.fixture
def secret(home):
    """An archive's folder without tables, which opens quickly, and what lies beside it."""
    for name in ("state", "archive"):
        (home / name).mkdir()
        (home / name / "file").write_text("s3cret" if name == "state" else "a\n1\n")
    (home / "beside.csv").write_text("s3cret\n1\n")
    return home


FORBIDDEN = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM read_text('{home}/state/file')",
    "SELECT * FROM read_text('{home}/archive/../state/file')",
    "SELECT * FROM read_csv('{home}/beside.csv')",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM query_table('/etc/passwd')",
    "SELECT * FROM 'https://example.org/a.csv'",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT * FROM query",
    "SELECT * FROM context",
    "COPY posts TO '{home}/stolen.csv'",
    "COPY posts TO '{home}/archive/posts/more.parquet'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{home}/archive/copy'",
    "ATTACH '{home}/archive/x.db'",
    "ATTACH ':memory:' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET allowed_directories = ['/']",
    "RESET allowed_directories",
    "PRAGMA enable_logging",
    "PRAGMA database_list",
    "CALL enable_logging()",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW posts AS SELECT 1",
    "DROP VIEW posts",
    "DELETE FROM posts",
    "UPDATE posts SET text = ''",
    "INSERT INTO posts SELECT * FROM posts",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY posts TO '{home}/stolen.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{home}/archive/x.csv'",
    "BEGIN",
    "CHECKPOINT",
    "",
    "   ",
    "-- nothing",
    "SELEC 1",
]


@pytest.mark.parametrize("query", FORBIDDEN)
def test_what_is_not_reading_the_archive_is_refused_and_changes_nothing(run, secret, query):
    before = sorted(secret.rglob("*"))
    result = run("sql", "--json", "--", query.format(home=secret))
    assert (result.code, result.out) == (2, "")
    assert result.line.startswith(("knowarchive: the query fails: ", "knowarchive: give one query that only reads"))
    assert "s3cret" not in result.err
    assert sorted(secret.rglob("*")) == before


def test_a_file_in_the_archives_folder_may_be_read(run, secret):
    assert run("sql", "--json", f"SELECT * FROM read_csv('{secret}/archive/file')").json == [{"a": 1}]


READING = {
    "SELECT count(*) AS n FROM posts": [{"n": 250}],
    "FROM posts SELECT count(DISTINCT uid) AS n": [{"n": 250}],
    "WITH few AS (SELECT 1 AS a) SELECT * FROM few;": [{"a": 1}],
    "VALUES (1)": [{"col0": 1}],
    "SELECT count(*) AS n FROM payloads": [{"n": 6}],
    "SELECT DISTINCT kind FROM runs": [{"kind": "import"}],
    "SELECT count(*) AS n FROM quarantine": [{"n": 0}],
    "SELECT * FROM accounts WHERE uid = ''": [],
}


@pytest.mark.parametrize(("query", "rows"), READING.items())
def test_every_way_of_reading_works(run, demo, query, rows):
    assert run("sql", "--json", query).json == rows
    assert run("sql", "--json", stdin=query.encode()).json == rows


def test_the_columns_of_the_contract_are_there(run, demo):
    columns = [row["column_name"] for row in run("sql", "--json", "DESCRIBE posts").json]
    contract = (
        "uid platform id url author_uid author_handle author_name created_at collected_at edited_at deleted_at text "
        "lang hashtags mentions links media reply_to conversation quote_of likes reposts replies quotes visibility "
        "consent payload_id"
    )
    assert set(contract.split()) <= set(columns)
    reposts = [row["column_name"] for row in run("sql", "--json", "DESCRIBE reposts").json]
    assert {"post_uid", "account_uid", "account_handle", "at", "id"} <= set(reposts)


TYPES = {
    "TIMESTAMPTZ '2015-05-20 01:00:00+00'": "2015-05-20T01:00:00Z",
    "TIMESTAMPTZ '2015-05-20 01:00:00.5+02'": "2015-05-19T23:00:00.500000Z",
    "TIMESTAMP '2015-05-20 01:00:00'": "2015-05-20T01:00:00",
    "DATE '2015-05-20'": "2015-05-20",
    "TIME '01:02:03'": "01:02:03",
    "1.50::DECIMAL(9,2)": 1.5,
    "0.1::DOUBLE": 0.1,
    "'nan'::DOUBLE": None,
    "'-inf'::DOUBLE": None,
    "170141183460469231731687303715884105727::HUGEINT": 170141183460469231731687303715884105727,
    "sum(9223372036854775807)": 9223372036854775807,
    "9007199254740993": 9007199254740993,
    "TRUE": True,
    "NULL": None,
    "[1, NULL, 3]": [1, None, 3],
    "[[1.5], []]": [[1.5], []],
    "{'a': 1, 'b': ['x']}": {"a": 1, "b": ["x"]},
    "encode('café')": "café",
    r"'a\x9f\x00'::BLOB": "a\\x9f\x00",
    "chr(27) || chr(8238) || chr(155) || chr(0)": "\x1b\u202e\x9b\0",
    "'ed67dd52-9c1f-4dee-863b-b3a4a96ffb8e'::UUID": "ed67dd52-9c1f-4dee-863b-b3a4a96ffb8e",
}


def test_every_type_is_valid_json(run, demo):
    query = "SELECT " + ", ".join(f"{value} AS v{n}" for n, value in enumerate(TYPES))
    result = run("sql", "--json", query)
    assert result.json == [{f"v{n}": expected for n, expected in enumerate(TYPES.values())}]
    assert not set(result.out) & set("\x1b\u202e\x9b")  # even JSON may be looked at in a terminal
    assert run("sql", query).code == 0


def test_large_numbers_stay_exact(run, demo):
    assert "123456789012345678.91" in run("sql", "--json", "SELECT 123456789012345678.91 AS n").out
    assert math.isclose(run("sql", "--json", "SELECT 1e300::DOUBLE AS n").json[0]["n"], 1e300)


@pytest.mark.parametrize("value", ["'infinity'::TIMESTAMP", "TIMESTAMP '290000-01-01'", "DATE '290000-01-01'"])
def test_a_value_that_no_calendar_has_is_one_line(run, demo, value):
    result = run("sql", f"SELECT {value}")
    assert result.code == 2
    assert result.line.startswith("knowarchive: the query fails: ")


def test_columns_of_one_name_are_all_printed(run, demo):
    assert run("sql", "--json", "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a").json == [
        {"a": 1, "a_2": 2, "a_2_2": 3, "a_3": 4}
    ]


def test_no_rows_are_said_beside_the_table_and_are_an_empty_list(run, demo):
    result = run("sql", "SELECT 1 AS a WHERE FALSE")
    assert (result.code, result.out, result.line) == (0, "", "No rows.")
    assert run("sql", "--json", "SELECT 1 AS a WHERE FALSE").json == []


def test_an_archive_that_is_not_there_yet_has_empty_tables(run, home):
    assert run("sql", "--json", "SELECT count(*) AS n FROM posts").json == [{"n": 0}]
    assert [path.name for path in home.iterdir()] == ["knowarchive.toml"]


def test_hostile_text_in_a_table_only_shows(run, demo):
    result = run("sql", "SELECT chr(27) || '[31mred' || chr(8238) || chr(10) || chr(155) || 'x' AS \"\x1bhead\"")
    assert result.code == 0
    assert result.out.splitlines()[2:] == [
        "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}x"
    ]
    assert not set(result.out) & set("\x1b\u202e\x9b")


def test_hostile_text_in_an_error_only_shows(run, demo):
    result = run("sql", "SELECT '\x1b]0;owned\x07\u202e\n' FROM nowhere")
    assert result.code == 2
    assert not set(result.line) & set("\x1b\x07\u202e\n")

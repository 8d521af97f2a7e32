"""GEXF 1.3 of who talks with whom: a node is an account, an edge says that one answered, named, quoted or repeated another.

Each kind is an edge of its own, with its weight (how often), its first and last time, and the weight of every month, which
Gephi plays along its timeline (https://gexf.net/schema.html, https://gexf.net/dynamics.html). Talking to oneself is left
out, and the one who is answered does not count as named too.
"""
# ruff: noqa: S608 - the SQL has our own names only

from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from xml.sax.saxutils import quoteattr

from storage.exports import FORMATS, SLICE
from storage.exports.queries import iso

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ROWS = 5_000  # fetched at once

_TABLES = """
CREATE OR REPLACE TEMP TABLE spoke (uid VARCHAR, person VARCHAR);
CREATE OR REPLACE TEMP TABLE seen (person VARCHAR, handle VARCHAR, name VARCHAR);
CREATE OR REPLACE TEMP TABLE talk (source VARCHAR, target VARCHAR, post VARCHAR, kind VARCHAR, moment TIMESTAMPTZ)
"""

#: Somebody known by handle alone is named by it; `@` cannot be in a uid there.
_PERSON = "coalesce({uid}, {platform} || ':@' || lower({handle}))"
_AUTHOR = _PERSON.format(uid="author_uid", platform="platform", handle="author_handle")
_REPEATER = _PERSON.format(uid="account_uid", platform="split_part(post_uid, ':', 1)", handle="account_handle")
_NAMED = _PERSON.format(uid="named.uid", platform="platform", handle="named.handle")

_FROM_SLICE: dict[str, tuple[str, ...]] = {
    "posts": (
        f"INSERT INTO spoke SELECT uid, {_AUTHOR} FROM {SLICE} WHERE {_AUTHOR} IS NOT NULL",
        f"INSERT INTO seen SELECT DISTINCT {_AUTHOR}, author_handle, author_name FROM {SLICE} WHERE {_AUTHOR} IS NOT NULL",
        f"""INSERT INTO talk
            SELECT {_AUTHOR}, reply_to_author, reply_to, 'reply', created_at FROM {SLICE}
            WHERE coalesce(reply_to_author, reply_to) IS NOT NULL
            UNION ALL SELECT {_AUTHOR}, NULL, quote_of, 'quote', created_at FROM {SLICE} WHERE quote_of IS NOT NULL
            UNION ALL SELECT DISTINCT ON (uid, named) {_AUTHOR}, {_NAMED}, NULL, 'mention', created_at
            FROM (SELECT *, unnest(mentions) AS named FROM {SLICE})
            WHERE named.uid IS DISTINCT FROM reply_to_author OR named.uid IS NULL""",
    ),
    "reposts": (
        f"INSERT INTO seen SELECT DISTINCT {_REPEATER}, account_handle, NULL FROM {SLICE} WHERE {_REPEATER} IS NOT NULL",
        f"""INSERT INTO talk SELECT {_REPEATER}, NULL, post_uid, 'repost', coalesce("at", post_at) FROM {SLICE}""",
    ),
    "accounts": (f"INSERT INTO seen SELECT uid, handle, name FROM {SLICE}",),
}

# Whoever is known by handle here and by uid there is one person, if the handle is one person's only.
_RESOLVED = """
CREATE OR REPLACE TEMP TABLE same AS
SELECT split_part(person, ':', 1) || ':@' || lower(handle) AS alias, any_value(person) AS person
FROM seen WHERE NOT contains(person, ':@') AND handle IS NOT NULL GROUP BY 1 HAVING count(DISTINCT person) = 1;
CREATE OR REPLACE TEMP TABLE wrote AS
SELECT uid, any_value(coalesce(same.person, spoke.person)) AS person
FROM spoke LEFT JOIN same ON spoke.person = alias GROUP BY uid;
CREATE OR REPLACE TEMP TABLE edges AS
SELECT source, target, kind, moment FROM (
    SELECT coalesce(s.person, talk.source) AS source, kind, moment,
           coalesce(t.person, talk.target, wrote.person,
                    CASE WHEN starts_with(post, 'bluesky:') THEN split_part(post, '/', 1) END) AS target
    FROM talk LEFT JOIN same s ON talk.source = s.alias LEFT JOIN same t ON talk.target = t.alias
              LEFT JOIN wrote ON talk.post = wrote.uid)
WHERE source IS NOT NULL AND target IS NOT NULL AND source <> target;
CREATE OR REPLACE TEMP TABLE nodes AS
WITH people AS (SELECT source AS person FROM edges UNION SELECT target FROM edges)
SELECT person, split_part(person, ':', 1) AS platform, max(handle) AS handle, max(name) AS name
FROM people LEFT JOIN (
    SELECT coalesce(same.person, seen.person) AS person, handle, name FROM seen LEFT JOIN same ON seen.person = alias
) USING (person) GROUP BY person
"""
_NODES = "SELECT person, platform, handle, name FROM nodes ORDER BY person"
_MONTHS = f"""
WITH monthly AS (
    SELECT source, target, kind, date_trunc('month', moment) AS month, count(*) AS number,
           min(moment) AS first, max(moment) AS last
    FROM edges GROUP BY ALL),
timed AS (
    SELECT source, target, kind, month, month + INTERVAL 1 MONTH AS after, number,
           min(first) OVER edge AS first, max(last) OVER edge AS last
    FROM monthly WINDOW edge AS (PARTITION BY source, target, kind))
SELECT source, target, kind, {iso("month")}, {iso("after")}, number, {iso("first")}, {iso("last")}
FROM timed ORDER BY source, target, kind, month
"""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://gexf.net/1.3" version="1.3">
<graph mode="dynamic" defaultedgetype="directed" timeformat="dateTime" timerepresentation="interval">
<attributes class="node" mode="static">
<attribute id="platform" title="platform" type="string"/>
<attribute id="handle" title="handle" type="string"/>
<attribute id="name" title="name" type="string"/>
</attributes>
<attributes class="edge" mode="static"><attribute id="kind" title="kind" type="string"/></attributes>
<attributes class="edge" mode="dynamic"><attribute id="weight" title="weight" type="integer"/></attributes>
<nodes>
"""


class Writer:
    def __init__(self, con: "DuckDBPyConnection", folder: Path) -> None:
        self._con = con
        self._path = folder / FORMATS["gexf"].main
        con.execute(_TABLES)

    def write(self, table: str) -> None:
        for statement in _FROM_SLICE[table]:
            self._con.execute(statement)

    def finish(self) -> None:
        self._con.execute(_RESOLVED)
        with self._path.open("w", encoding="utf-8") as file:
            file.write(_HEAD)
            rows = self._con.execute(_NODES)
            while batch := rows.fetchmany(ROWS):
                file.writelines(_node(*row) for row in batch)
            file.write("</nodes>\n<edges>\n")
            self._write_edges(file)
            file.write("</edges>\n</graph>\n</gexf>\n")

    def close(self) -> None:
        """Nothing stays open."""

    def _write_edges(self, file: TextIO) -> None:
        """Write edges, each as the months of it come together."""
        number, edge, months = 0, None, list[tuple[str, str, int]]()
        rows = self._con.execute(_MONTHS)
        while batch := rows.fetchmany(ROWS):
            for source, target, kind, month, after, count, first, last in batch:
                if edge is not None and edge[:3] != (source, target, kind):
                    file.write(_edge(number, edge, months))
                    number, months = number + 1, []
                edge = (source, target, kind, first, last)
                months.append((month, after, count))
        if edge is not None:
            file.write(_edge(number, edge, months))


def _node(person: str, platform: str, handle: str | None, name: str | None) -> str:
    known = {"platform": platform, "handle": handle, "name": name}
    values = "".join(f"<attvalue for={_xml(key)} value={_xml(value)}/>" for key, value in known.items() if value)
    return f"<node id={_xml(person)} label={_xml(handle or person)}><attvalues>{values}</attvalues></node>\n"


def _edge(number: int, edge: tuple[str, str, str, str, str], months: list[tuple[str, str, int]]) -> str:
    source, target, kind, first, last = edge
    weights = "".join(
        f'<attvalue for="weight" value="{count}" start="{month}" endopen="{after}"/>' for month, after, count in months
    )
    return (
        f'<edge id="{number}" source={_xml(source)} target={_xml(target)} kind="{kind}" '
        f'weight="{sum(count for *_, count in months)}" start="{first}" end="{last}">'
        f'<attvalues><attvalue for="kind" value="{kind}"/>{weights}</attvalues></edge>\n'
    )


def _xml(text: str) -> str:
    """Text as a quoted attribute; what XML 1.0 cannot hold is shown as unreadable (https://www.w3.org/TR/xml/#charsets)."""
    return quoteattr("".join(char if _is_xml(ord(char)) else "\N{REPLACEMENT CHARACTER}" for char in text))


def _is_xml(code: int) -> bool:
    return (code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code not in {0xFFFE, 0xFFFF}) or code in {9, 10, 13}

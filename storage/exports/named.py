"""Who is named in an archive, in whatever record, and which of their handles are words that people use."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from storage.exports import queries
from storage.schema import ACCOUNTS, POSTS, REPOSTS

if TYPE_CHECKING:
    from storage.archive import Archive


@dataclass(frozen=True, slots=True)
class People:
    """All by which records name people.

    `handles` are pairs of network and handle as stored; `owners` pairs of handle and uid on Bluesky; `names` as people
    show theirs; `pages` addresses that they give.
    """

    handles: list[tuple[str, str]]
    owners: list[tuple[str, str]]
    names: list[str]
    pages: list[str]


def read_people(archive: "Archive") -> People:
    """Read all by which people were ever named."""
    with archive.connect() as con:
        for spec in (POSTS, ACCOUNTS, REPOSTS):
            archive.scan(con, spec, archive.tables[spec.name].files(), f"all_{spec.name}")
        return People(
            con.execute(queries.ALL_HANDLES).fetchall(),
            con.execute(queries.OWNERS).fetchall(),
            [name for (name,) in con.execute(queries.ALL_NAMES).fetchall()],
            [page for (page,) in con.execute(queries.ALL_PAGES).fetchall()],
        )


def words_among(archive: "Archive", candidates: Iterable[str], least: int) -> set[str]:
    """Which of some handles, in small letters, at least so many people use without a sign: these are words."""
    listed = pa.table({"word": pa.array(sorted(candidates), pa.string())})
    if not listed.num_rows:
        return set()
    with archive.connect() as con:
        archive.scan(con, POSTS, archive.tables["posts"].files(), "all_posts")
        con.register("candidates", listed)
        return {word for (word,) in con.execute(queries.WORDS_AMONG, {"least": least}).fetchall()}

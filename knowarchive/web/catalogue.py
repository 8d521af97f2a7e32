"""What the pages count and list: sessions, people, links, who answers whom. Counted from the search index.

It is a SQLite file, so that only what changed is counted anew. The reading room's lies in the process's own scratch folder
and is gone with it; what changes is changed in a copy, and who reads the one before goes on with that. The site's lies
among what is derived and private. What somebody said leaves both when it leaves the index.
"""

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from knowarchive.model import Post
from transcripts.pages import page_of
from transcripts.people import People
from transcripts.search.posts import IndexedPost, seconds
from transcripts.search.words import exact
from transcripts.threads import is_address_of_post

NOT_FOUND = "noindex"  # why a post that is shown is found by nobody
AT_ONCE = 10_000  # posts between two looks at whether anybody waits
LONGEST_CHAIN = 200  # posts above one, in a conversation
LARGEST_CONVERSATION = 500  # posts that one page shows
LATELY = 90 * 86_400  # seconds before the newest post

_TABLES = """
CREATE TABLE posts (n INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, account TEXT, reply_to TEXT,
  as_handle TEXT, as_name TEXT, is_found INTEGER NOT NULL);
CREATE TABLE filed (n INTEGER NOT NULL, chat TEXT NOT NULL, session TEXT, topic TEXT, role TEXT);
CREATE TABLE accounts (key TEXT PRIMARY KEY, person TEXT NOT NULL, platform TEXT NOT NULL, handle TEXT, name TEXT,
  own_name TEXT, seen INTEGER NOT NULL);
CREATE TABLE withheld (at INTEGER NOT NULL, chat TEXT, platform TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE sessions (chat TEXT NOT NULL, date TEXT NOT NULL, posts INTEGER NOT NULL, people INTEGER NOT NULL,
  began INTEGER NOT NULL, ended INTEGER NOT NULL, questions INTEGER NOT NULL, PRIMARY KEY (chat, date)) WITHOUT ROWID;
CREATE TABLE chats (name TEXT PRIMARY KEY, posts INTEGER NOT NULL, people INTEGER NOT NULL, sessions INTEGER NOT NULL,
  began INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE TABLE members (chat TEXT NOT NULL, person TEXT NOT NULL, posts INTEGER NOT NULL, sessions INTEGER NOT NULL,
  last INTEGER NOT NULL);
CREATE TABLE pages (page TEXT PRIMARY KEY, url TEXT NOT NULL, title TEXT, host TEXT NOT NULL, people INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE shared (page TEXT NOT NULL, chat TEXT, person TEXT);
CREATE TABLE links (n INTEGER NOT NULL, page TEXT NOT NULL, url TEXT NOT NULL, title TEXT, host TEXT NOT NULL);
CREATE TABLE mentions (n INTEGER NOT NULL, platform TEXT NOT NULL, handle TEXT NOT NULL);
CREATE TABLE tags (n INTEGER NOT NULL, tag TEXT NOT NULL);
"""
_INDEXES = """
CREATE INDEX posts_reply ON posts (reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX posts_at ON posts (at);
CREATE INDEX filed_n ON filed (n);
CREATE INDEX filed_place ON filed (chat, session);
CREATE INDEX accounts_person ON accounts (person);
CREATE INDEX links_page ON links (page);
CREATE INDEX links_n ON links (n);
CREATE INDEX mentions_handle ON mentions (handle, platform);
CREATE INDEX mentions_n ON mentions (n);
CREATE INDEX tags_n ON tags (n);
CREATE INDEX withheld_at ON withheld (at);
CREATE INDEX pages_last ON pages (last DESC, page);
CREATE INDEX pages_people ON pages (people DESC, last DESC, page);
CREATE INDEX shared_chat ON shared (chat, page);
CREATE INDEX shared_person ON shared (person, page);
CREATE INDEX members_chat ON members (chat, sessions);
CREATE INDEX members_person ON members (person);
"""
_COUNTED = {
    "sessions": (
        "(chat, date) IN (SELECT chat, session FROM touched_sessions)",
        """SELECT chat, session, count(*), count(DISTINCT person), min(posts.at), max(posts.at),
             count(DISTINCT CASE WHEN topic GLOB 'Q[0-9]*' THEN topic END)
           FROM filed JOIN posts USING (n) LEFT JOIN accounts ON key = account
           WHERE session IS NOT NULL AND {} GROUP BY chat, session""",
        "(chat, session) IN (SELECT chat, session FROM touched_sessions)",
    ),
    "members": (
        "person IN (SELECT person FROM touched_people)",
        """SELECT chat, person, count(*), count(DISTINCT session), max(posts.at)
           FROM accounts JOIN posts ON account = key JOIN filed USING (n) WHERE {} GROUP BY chat, person""",
        "person IN (SELECT person FROM touched_people)",
    ),
    "pages": (
        "page IN (SELECT page FROM touched_pages)",
        """SELECT page, min(url), max(title), host, count(DISTINCT coalesce(person, n)), min(posts.at), max(posts.at)
           FROM links JOIN posts USING (n) LEFT JOIN accounts ON key = account WHERE {} GROUP BY page""",
        "page IN (SELECT page FROM touched_pages)",
    ),
    "shared": (
        "page IN (SELECT page FROM touched_pages)",
        """SELECT DISTINCT page, chat, person FROM links JOIN posts USING (n) LEFT JOIN filed USING (n)
           LEFT JOIN accounts ON key = account WHERE {}""",
        "page IN (SELECT page FROM touched_pages)",
    ),
    "chats": (  # from what was counted before it
        "TRUE",
        """SELECT chat, sum(posts), (SELECT count(*) FROM members WHERE members.chat = counted.chat), count(date),
             min(began), max(ended)
           FROM (SELECT chat, date, posts, began, ended FROM sessions UNION ALL
             SELECT chat, NULL, count(*), min(at), max(at) FROM filed JOIN posts USING (n) WHERE session IS NULL GROUP BY chat)
             AS counted
           WHERE {} GROUP BY chat""",
        "TRUE",
    ),
}  # what is counted: which rows are counted anew where only some are, how, and of which posts
_TOUCHED = """
CREATE TEMP TABLE touched (n INTEGER PRIMARY KEY);
CREATE TEMP TABLE touched_sessions (chat TEXT, session TEXT, PRIMARY KEY (chat, session));
CREATE TEMP TABLE touched_accounts (key TEXT PRIMARY KEY);
CREATE TEMP TABLE touched_people (person TEXT PRIMARY KEY);
CREATE TEMP TABLE touched_pages (page TEXT PRIMARY KEY);
CREATE TEMP TABLE before AS SELECT key, person, handle, name FROM accounts;
"""
_NOTE_TOUCHED = (  # CROSS: or SQLite goes through all that there is, and asks of each whether it is touched
    """INSERT OR IGNORE INTO touched_sessions SELECT chat, session FROM touched CROSS JOIN filed USING (n)
       WHERE session IS NOT NULL""",
    """INSERT OR IGNORE INTO touched_accounts (key)
       SELECT account FROM touched CROSS JOIN posts USING (n) WHERE account IS NOT NULL""",
    "INSERT OR IGNORE INTO touched_pages SELECT page FROM touched CROSS JOIN links USING (n)",
    # whom they answer, and who answers them
    """INSERT OR IGNORE INTO touched_people SELECT person FROM touched CROSS JOIN posts USING (n)
       CROSS JOIN posts AS above ON above.uid = posts.reply_to CROSS JOIN accounts ON key = above.account""",
    """INSERT OR IGNORE INTO touched_people SELECT person FROM touched CROSS JOIN posts USING (n)
       CROSS JOIN posts AS below ON below.reply_to = posts.uid CROSS JOIN accounts ON key = below.account""",
)
_NEWEST = """INSERT INTO accounts (key, person, platform, handle, own_name, seen)
  SELECT account, account, substr(account, 1, instr(account, ':') - 1), as_handle, as_name, at FROM (
    SELECT account, as_handle, as_name, at, row_number() OVER (PARTITION BY account ORDER BY at DESC, uid DESC) AS place
    FROM posts WHERE {}) WHERE place = 1"""
_NEWEST_OF_ALL = _NEWEST.format("account IS NOT NULL")
_NEWEST_OF_TOUCHED = _NEWEST.format("account IN (SELECT key FROM touched_accounts)")
_TOUCHED_BY_NAME = """
INSERT OR IGNORE INTO touched_people
  WITH changed AS (
    SELECT key, person FROM touched_accounts JOIN accounts USING (key)
    UNION SELECT key, before.person FROM touched_accounts JOIN before USING (key)
    UNION SELECT key, accounts.person FROM accounts LEFT JOIN before USING (key)
      WHERE accounts.person IS NOT before.person OR accounts.name IS NOT before.name OR accounts.handle IS NOT before.handle
    UNION SELECT key, before.person FROM before LEFT JOIN accounts USING (key)
      WHERE accounts.person IS NOT before.person OR accounts.name IS NOT before.name OR accounts.handle IS NOT before.handle)
  SELECT person FROM changed"""
_RENAMED = """(SELECT key FROM accounts LEFT JOIN before USING (key)
    WHERE before.key IS NOT NULL AND (accounts.person IS NOT before.person OR accounts.name IS NOT before.name
                                      OR accounts.handle IS NOT before.handle))"""
_RENAMED_PEOPLE = f"""
SELECT person FROM accounts WHERE key IN {_RENAMED} UNION SELECT person FROM before WHERE key IN {_RENAMED}"""
_TOUCHED_SESSIONS_OF_PEOPLE = """
INSERT OR IGNORE INTO touched_sessions SELECT DISTINCT chat, session FROM posts JOIN filed USING (n)
  WHERE session IS NOT NULL
    AND account IN (SELECT key FROM accounts JOIN before USING (key) WHERE accounts.person <> before.person)"""
_TOUCHED_PAGES_OF_PEOPLE = f"""
INSERT OR IGNORE INTO touched_pages SELECT DISTINCT page FROM posts JOIN links USING (n) WHERE account IN {_RENAMED}"""
_TOUCHED_BY_TALK = f"""
INSERT OR IGNORE INTO touched_people
  SELECT theirs.person FROM posts JOIN posts AS above ON above.uid = posts.reply_to
    JOIN accounts AS theirs ON theirs.key = above.account WHERE posts.account IN {_RENAMED}
  UNION SELECT theirs.person FROM posts AS above JOIN posts ON posts.reply_to = above.uid
    JOIN accounts AS theirs ON theirs.key = posts.account WHERE above.account IN {_RENAMED}"""
_NAMED = """(SELECT coalesce(min(CASE WHEN key = person THEN name END), min(name)) FROM accounts AS a
  WHERE a.person = {0}.person) AS name,
  (SELECT coalesce(min(CASE WHEN key = person THEN handle END), min(handle)) FROM accounts AS a
  WHERE a.person = {0}.person) AS handle"""
_OF_PERSON = "account IN (SELECT key FROM accounts WHERE person = :person)"
_ADDRESSED = f"""
  SELECT posts.n AS n, posts.at AS at FROM posts JOIN posts AS above ON above.uid = posts.reply_to
  WHERE above.{_OF_PERSON} AND posts.account NOT IN (SELECT key FROM accounts WHERE person = :person)
  UNION
  SELECT posts.n, posts.at FROM accounts JOIN mentions ON mentions.handle = lower(accounts.handle)
    AND mentions.platform = accounts.platform JOIN posts ON posts.n = mentions.n
  WHERE accounts.person = :person AND posts.account NOT IN (SELECT key FROM accounts WHERE person = :person)
"""
_SHARED = """FROM pages
  WHERE (:chat IS NULL OR page IN (SELECT page FROM shared WHERE chat = :chat))
    AND (:person IS NULL OR page IN (SELECT page FROM shared WHERE person = :person))
    AND (:host IS NULL OR host = :host OR substr(host, -length(:host) - 1) = '.' || :host)
    AND (:since IS NULL OR last >= :since)
"""

_SQL = {
    "chats": "SELECT * FROM chats ORDER BY ended DESC, name",
    "sessions": """SELECT * FROM sessions WHERE :chat IS NULL OR chat = :chat
      ORDER BY date DESC, chat LIMIT :limit OFFSET :offset""",
    "neighbours": """SELECT (SELECT max(date) FROM sessions WHERE chat = :chat AND date < :date) AS before,
      (SELECT min(date) FROM sessions WHERE chat = :chat AND date > :date) AS after""",
    "members": f"""SELECT members.*, {_NAMED.format("members")} FROM members
      WHERE chat = :chat ORDER BY sessions DESC, posts DESC, person LIMIT :limit""",
    "questions": """SELECT uid, topic FROM filed JOIN posts USING (n)
      WHERE chat = :chat AND session = :date AND role = 'question' AND topic GLOB 'Q[0-9]*'
      ORDER BY length(topic), topic, at, uid""",
    "tags": """SELECT tag, count(DISTINCT person) AS people FROM tags JOIN posts USING (n) JOIN accounts ON key = account
      WHERE at >= (SELECT max(at) FROM posts) - :lately GROUP BY tag ORDER BY people DESC, tag LIMIT :limit""",
    "count_links": f"SELECT count(*) AS total {_SHARED}",
    "links": f"SELECT * {_SHARED} ORDER BY last DESC, page LIMIT :limit OFFSET :offset",
    "popular_links": f"SELECT * {_SHARED} ORDER BY people DESC, last DESC, page LIMIT :limit OFFSET :offset",
    "shares": """SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY page ORDER BY at, uid) AS place, count(*) OVER (PARTITION BY page) AS times
        FROM (SELECT DISTINCT page, uid, at, account, person, handle, name, reply_to FROM links JOIN posts USING (n)
          LEFT JOIN accounts ON key = account WHERE page IN (SELECT value FROM json_each(:pages))))
      WHERE place <= :limit ORDER BY at, uid""",
    "hosts": f"SELECT host, count(*) AS pages {_SHARED} GROUP BY host ORDER BY count(*) DESC, host LIMIT :limit",
    "places": """SELECT uid, chat, session, topic, role FROM filed JOIN posts USING (n)
      WHERE uid IN (SELECT value FROM json_each(:uids))""",
    "keys": "SELECT key, person FROM accounts",
    "months": """SELECT strftime('%Y-%m', at, 'unixepoch') AS month, count(*) AS posts FROM filed JOIN posts USING (n)
      WHERE chat = :chat AND session IS NULL GROUP BY month ORDER BY month""",
    "of_month": """SELECT uid FROM filed JOIN posts USING (n) WHERE chat = :chat AND session IS NULL
      AND strftime('%Y-%m', at, 'unixepoch') = :month ORDER BY at, uid LIMIT :limit OFFSET :offset""",
    "link_months": """SELECT strftime('%Y-%m', first, 'unixepoch') AS month, count(*) AS pages FROM pages
      GROUP BY month ORDER BY month""",
    "links_of_month": """SELECT * FROM pages WHERE strftime('%Y-%m', first, 'unixepoch') = :month
      ORDER BY first, page LIMIT :limit OFFSET :offset""",
    "own_links": f"""SELECT page, min(url) AS url, max(title) AS title, 0 AS people, max(at) AS last
      FROM posts JOIN links USING (n) WHERE {_OF_PERSON} GROUP BY page ORDER BY last DESC, page LIMIT :limit""",
    "from_oldest": f"SELECT uid, at FROM posts WHERE {_OF_PERSON} ORDER BY at, uid LIMIT :limit OFFSET :offset",
    "is_found": f"SELECT min(is_found) AS is_found FROM posts WHERE {_OF_PERSON}",
    "everybody": "SELECT DISTINCT person FROM accounts ORDER BY person",
    "segments": """WITH RECURSIVE found (at) AS (SELECT min(at) FROM posts UNION ALL
        SELECT (SELECT min(at) FROM posts
          WHERE at >= CAST(strftime('%s', found.at, 'unixepoch', 'start of month', '+1 month') AS INTEGER))
        FROM found WHERE at IS NOT NULL)
      SELECT strftime('%Y-%m', at, 'unixepoch') AS month FROM found WHERE at IS NOT NULL ORDER BY month""",
    "of_session": """SELECT person, min(at) AS at FROM filed JOIN posts USING (n) JOIN accounts ON key = account
      WHERE chat = :chat AND session = :date GROUP BY person""",
    "links_of_session": """SELECT DISTINCT page FROM filed JOIN links USING (n)
      WHERE chat = :chat AND session = :date""",
    "said_between": """SELECT DISTINCT person, page FROM filed JOIN posts USING (n) LEFT JOIN accounts ON key = account
      LEFT JOIN links USING (n) WHERE chat = :chat AND session IS NULL AND strftime('%Y-%m', at, 'unixepoch') = :month""",
    "places_of_pages": """WITH
        dated AS (SELECT page, first, strftime('%Y-%m', first, 'unixepoch') AS month FROM pages),
        asked AS (SELECT page, month FROM dated WHERE first >= :since OR page IN (SELECT value FROM json_each(:pages)))
      SELECT month, place FROM asked JOIN (
        SELECT page, row_number() OVER (PARTITION BY month ORDER BY first, page) - 1 AS place FROM dated
        WHERE month IN (SELECT month FROM asked)) USING (page)""",
    "findable": "SELECT uid FROM posts WHERE is_found AND at >= :since AND at < :until",
    "unfound": "SELECT count(*) AS total FROM posts WHERE NOT is_found",
    "withheld": """SELECT platform, reason, count(*) AS posts FROM withheld WHERE :chat IS NULL OR chat = :chat
      GROUP BY platform, reason ORDER BY reason, platform""",
    "extent": """SELECT count(*) AS posts, (SELECT count(DISTINCT person) FROM accounts) AS people, min(at) AS began,
      max(at) AS ended FROM posts""",
    "filed": """SELECT uid, chat, session FROM filed JOIN posts USING (n)
      WHERE uid IN (SELECT value FROM json_each(:uids)) ORDER BY filed.rowid""",
    "between": """SELECT uid, strftime('%Y-%m', at, 'unixepoch') AS month, chat FROM filed JOIN posts USING (n)
      WHERE session IS NULL ORDER BY chat, month, at, uid""",
    "names": f"""SELECT person, sum(said) AS posts, {_NAMED.format("accounts")},
        min(key NOT IN (SELECT account FROM posts WHERE NOT is_found AND account IS NOT NULL)) AS is_found
      FROM accounts JOIN (SELECT account, count(*) AS said FROM posts GROUP BY account) ON account = key
      GROUP BY person ORDER BY person""",
    "person": "SELECT person FROM accounts WHERE key = :key",
    "known": "SELECT key FROM accounts WHERE key IN (SELECT value FROM json_each(:keys))",
    "accounts": """SELECT accounts.*, (SELECT count(*) FROM posts WHERE account = key) AS posts FROM accounts
      WHERE person = :person ORDER BY key <> person, posts DESC, key""",
    "memberships": "SELECT * FROM members WHERE person = :person ORDER BY posts DESC, chat",
    "answered": f"""SELECT theirs.person AS person, count(*) AS times, {_NAMED.format("theirs")}
      FROM posts JOIN posts AS above ON above.uid = posts.reply_to JOIN accounts AS theirs ON theirs.key = above.account
      WHERE posts.{_OF_PERSON} AND theirs.person <> :person
      GROUP BY theirs.person ORDER BY times DESC, theirs.person LIMIT :limit""",
    "answering": f"""SELECT theirs.person AS person, count(*) AS times, {_NAMED.format("theirs")}
      FROM posts AS above JOIN posts ON posts.reply_to = above.uid JOIN accounts AS theirs ON theirs.key = posts.account
      WHERE above.{_OF_PERSON} AND theirs.person <> :person
      GROUP BY theirs.person ORDER BY times DESC, theirs.person LIMIT :limit""",
    "count_said": f"SELECT count(*) AS total FROM posts WHERE {_OF_PERSON}",
    "said": f"SELECT uid FROM posts WHERE {_OF_PERSON} ORDER BY at DESC, uid LIMIT :limit OFFSET :offset",
    "count_addressed": f"SELECT count(*) AS total FROM ({_ADDRESSED})",
    "addressed": f"""SELECT uid FROM ({_ADDRESSED}) JOIN posts USING (n)
      ORDER BY posts.at DESC, uid LIMIT :limit OFFSET :offset""",
    "above": """WITH RECURSIVE chain (uid, depth) AS (VALUES (:uid, 0)
        UNION SELECT posts.reply_to, depth + 1 FROM chain JOIN posts USING (uid)
        WHERE posts.reply_to IS NOT NULL AND depth < :longest)
      SELECT uid FROM chain JOIN posts USING (uid) ORDER BY depth DESC LIMIT 1""",
    "below": """WITH RECURSIVE tree (uid) AS (VALUES (:uid) UNION SELECT posts.uid FROM tree
        JOIN posts ON posts.reply_to = tree.uid LIMIT :limit)
      SELECT uid FROM tree""",
}  # every statement, by name; values are bound


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a post: `withheld` is why it is not shown, if it is not; else it may be found or not."""

    withheld: str | None = None
    is_found: bool = True


@dataclass(frozen=True, slots=True)
class Touched:
    """What changed with some posts: sessions as (chat, date), people by their keys, then and now, and shared pages.

    `renamed` are those of the people who are called otherwise, or have other accounts.
    """

    sessions: set[tuple[str, str]] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    renamed: set[str] = field(default_factory=set)


class Catalogue:
    """Answers for pages. Rows are mappings with the names of the columns; times are seconds since 1970, UTC."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._lock = threading.Lock()
        weakref.finalize(self, database.close)  # when the last answer that reads it is given

    def rows(self, statement: str, **values: Any) -> list[sqlite3.Row]:
        """The rows of a statement of this module."""
        with self._lock:
            return self._database.execute(_SQL[statement], values).fetchall()

    def one(self, statement: str, **values: Any) -> sqlite3.Row | None:
        """The first row of a statement of this module."""
        return next(iter(self.rows(statement, **values)), None)


def build(
    posts: Iterable[IndexedPost],
    join: Callable[[list[Post]], People],
    *,
    path: Path,
    judge: Callable[[IndexedPost], Judgement] = lambda _: Judgement(),
) -> Catalogue:
    """Make the catalogue of posts.

    Args:
        posts: each once.
        join: says which accounts are one person's; given one post of each account.
        path: the file, which is not there yet.
        judge: says which posts are held back; all are in it by default.
    """
    database = _open(path)
    database.executescript(f"PRAGMA journal_mode = OFF; {_TABLES}")
    database.execute("BEGIN")
    numbered = enumerate(posts, 1)
    while batch := _first(numbered, AT_ONCE):
        _add(database, batch, judge)
    database.execute(_NEWEST_OF_ALL)
    _join(database, join)
    for table, (_, counted, _) in _COUNTED.items():
        if table == "members":
            database.execute("CREATE INDEX posts_account ON posts (account, at)")
        database.execute(f"INSERT INTO {table} {counted.format('TRUE')}")
    database.execute("COMMIT")
    database.executescript(f"{_INDEXES} PRAGMA query_only = ON")
    return Catalogue(database)


def read(path: Path) -> Catalogue:
    """Open a catalogue that was kept in a file."""
    database = _open(path)
    database.execute("PRAGMA query_only = ON")
    return Catalogue(database)


def amend(
    path: Path,
    stretches: Iterable[tuple[datetime, datetime]],
    posts: Iterable[IndexedPost],
    join: Callable[[list[Post]], People],
    judge: Callable[[IndexedPost], Judgement] = lambda _: Judgement(),
) -> Touched:
    """Let a catalogue in a file hold these posts, and no others, of stretches of time. It is done whole or not at all.

    Args:
        path: the file.
        stretches: since <= created_at < until, of whole seconds.
        posts: all posts of these.
        join: as in `build`.
        judge: as in `build`.
    """
    database = _open(path)
    try:
        database.execute("PRAGMA journal_mode = DELETE")
        database.executescript(_TOUCHED)
        database.execute("BEGIN IMMEDIATE")
        bounds = [(seconds(since), seconds(until)) for since, until in stretches]
        database.executemany("INSERT OR IGNORE INTO touched SELECT n FROM posts WHERE at >= ? AND at < ?", bounds)
        _note_touched(database)
        for table in ("filed", "links", "mentions", "tags", "posts"):
            database.execute(f"DELETE FROM {table} WHERE n IN (SELECT n FROM touched)")
        database.executemany("DELETE FROM withheld WHERE at >= ? AND at < ?", bounds)
        database.execute("DELETE FROM touched")
        [(last,)] = database.execute("SELECT coalesce(max(n), 0) FROM posts").fetchall()
        numbered = enumerate(posts, last + 1)
        while batch := _first(numbered, AT_ONCE):
            _add(database, batch, judge)
        database.execute("INSERT INTO touched SELECT n FROM posts WHERE n > ?", (last,))
        _note_touched(database)
        database.execute("DELETE FROM accounts WHERE key IN (SELECT key FROM touched_accounts)")
        database.execute(_NEWEST_OF_TOUCHED)
        _join(database, join)
        database.execute(_TOUCHED_BY_NAME)
        database.execute(_TOUCHED_SESSIONS_OF_PEOPLE)
        database.execute(_TOUCHED_PAGES_OF_PEOPLE)
        for table, (forgotten, counted, only) in _COUNTED.items():
            database.execute(f"DELETE FROM {table} WHERE {forgotten}")
            database.execute(f"INSERT INTO {table} {counted.format(only)}")
        database.execute(_TOUCHED_BY_TALK)
        found = Touched(
            sessions={(chat, date) for chat, date in database.execute("SELECT chat, session FROM touched_sessions")},
            people={person for (person,) in database.execute("SELECT person FROM touched_people")},
            pages={page for (page,) in database.execute("SELECT page FROM touched_pages")},
            renamed={person for (person,) in database.execute(_RENAMED_PEOPLE)},
        )
        database.execute("COMMIT")
    finally:
        database.close()
    return found


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.executescript("PRAGMA synchronous = OFF; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY")
    return database


def _join(database: sqlite3.Connection, join: Callable[[list[Post]], People]) -> None:
    """Say of each account whose it is, and what they are called."""
    accounts = database.execute("SELECT key, platform, handle, own_name, seen, person, name FROM accounts ORDER BY key")
    known = accounts.fetchall()
    people = join(
        [
            Post(
                uid=f"{platform}:",
                created_at=datetime.fromtimestamp(at, UTC),
                author_uid=_uid(key),
                author_handle=handle,
            )
            for key, platform, handle, _, at, _, _ in known
        ]
    )
    database.executemany(
        "UPDATE accounts SET person = ?, name = ? WHERE key = ?",
        [
            (person, name, key)
            for key, _, _, own_name, _, person_before, name_before in known
            for person in [people.of(key)]
            for name in [people.names.get(person, own_name)]
            if (person, name) != (person_before, name_before)
        ],
    )


def account_of(post: IndexedPost) -> str | None:
    """The key of a post's author, as `transcripts.people.author_key` has it."""
    if post.author_uid:
        return post.author_uid
    return f"{post.platform}:@{post.author_handle.removeprefix('@').casefold()}" if post.author_handle else None


def _uid(key: str) -> str | None:
    return None if key.partition(":")[2].startswith("@") else key


def _first(items: Iterator[tuple[int, IndexedPost]], count: int) -> list[tuple[int, IndexedPost]]:
    return list(islice(items, count))


def _add(
    database: sqlite3.Connection, batch: list[tuple[int, IndexedPost]], judge: Callable[[IndexedPost], Judgement]
) -> None:
    posts, filed, links, mentions, tags, withheld = [], [], [], [], [], []
    for n, post in batch:
        at, key, judged = seconds(post.created_at), account_of(post), judge(post)
        if judged.withheld or not judged.is_found:
            reason = judged.withheld or NOT_FOUND
            withheld += [(at, chat, post.platform, reason) for chat in {one.chat for one in post.filed} or [None]]
        if judged.withheld:
            continue
        posts.append((n, post.uid, at, key, post.reply_to, post.author_handle, post.author_name, judged.is_found))
        filed += [(n, one.chat, one.session, one.topic, one.role) for one in post.filed]
        for url, title in post.links:
            page = page_of(url)
            if page and not is_address_of_post(url):
                host = page.removeprefix("//").partition("/")[0]
                links.append((n, page, url, title, host))
        mentions += [(n, post.platform, exact(handle.removeprefix("@"))) for handle in post.mentions]
        tags += [(n, tag) for tag in {exact(tag) for tag in post.hashtags}]
    database.executemany("INSERT OR IGNORE INTO posts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", posts)
    database.executemany("INSERT INTO filed VALUES (?, ?, ?, ?, ?)", filed)
    database.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?)", links)
    database.executemany("INSERT INTO mentions VALUES (?, ?, ?)", mentions)
    database.executemany("INSERT INTO tags VALUES (?, ?)", tags)
    database.executemany("INSERT INTO withheld VALUES (?, ?, ?, ?)", withheld)


def _note_touched(database: sqlite3.Connection) -> None:
    """Keep what the touched posts count for, before they are gone or now that they are there."""
    for statement in _NOTE_TOUCHED:
        database.execute(statement)

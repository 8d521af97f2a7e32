"""What the pages count and list: sessions, people, links, who answers whom. Made anew from the search index.

It is a SQLite database of the process alone: SQLite keeps it in memory, puts what does not fit into a file without a
name, and it is gone with the process, so nothing has to be erased from it when somebody is forgotten.
"""

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from knowarchive.model import Post
from transcripts.pages import page_of
from transcripts.people import People
from transcripts.search.posts import IndexedPost, seconds
from transcripts.search.words import exact
from transcripts.threads import is_address_of_post

AT_ONCE = 10_000  # posts between two looks at whether anybody waits
LONGEST_CHAIN = 200  # posts above one, in a conversation
LARGEST_CONVERSATION = 500  # posts that one page shows
LATELY = 90 * 86_400  # seconds before the newest post

_TABLES = """
CREATE TABLE posts (n INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, account TEXT, reply_to TEXT);
CREATE TABLE filed (n INTEGER NOT NULL, chat TEXT NOT NULL, session TEXT, topic TEXT, role TEXT);
CREATE TABLE accounts (key TEXT PRIMARY KEY, person TEXT NOT NULL, platform TEXT NOT NULL, handle TEXT, name TEXT);
CREATE TABLE links (n INTEGER NOT NULL, page TEXT NOT NULL, url TEXT NOT NULL, title TEXT, host TEXT NOT NULL);
CREATE TABLE mentions (n INTEGER NOT NULL, platform TEXT NOT NULL, handle TEXT NOT NULL);
CREATE TABLE tags (n INTEGER NOT NULL, tag TEXT NOT NULL);
"""
_INDEXES = """
CREATE INDEX posts_account ON posts (account, at);
CREATE INDEX posts_reply ON posts (reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX posts_at ON posts (at);
CREATE INDEX filed_n ON filed (n);
CREATE INDEX filed_place ON filed (chat, session);
CREATE INDEX accounts_person ON accounts (person);
CREATE INDEX links_page ON links (page);
CREATE INDEX links_n ON links (n);
CREATE INDEX mentions_handle ON mentions (handle, platform);
CREATE INDEX tags_n ON tags (n);
CREATE TABLE sessions AS
  SELECT chat, session AS date, count(*) AS posts, count(DISTINCT person) AS people, min(at) AS began, max(at) AS ended,
         count(DISTINCT CASE WHEN topic GLOB 'Q[0-9]*' THEN topic END) AS questions
  FROM filed JOIN posts USING (n) LEFT JOIN accounts ON key = account
  WHERE session IS NOT NULL GROUP BY chat, session;
CREATE TABLE chats AS
  SELECT chat AS name, count(*) AS posts, count(DISTINCT person) AS people, count(DISTINCT session) AS sessions,
         min(at) AS began, max(at) AS ended
  FROM filed JOIN posts USING (n) LEFT JOIN accounts ON key = account GROUP BY chat;
CREATE TABLE members AS
  SELECT chat, person, count(*) AS posts, count(DISTINCT session) AS sessions, max(at) AS last
  FROM filed JOIN posts USING (n) JOIN accounts ON key = account GROUP BY chat, person;
CREATE TABLE pages AS
  SELECT page, min(url) AS url, max(title) AS title, host, count(DISTINCT coalesce(person, n)) AS people, max(at) AS last
  FROM links JOIN posts USING (n) LEFT JOIN accounts ON key = account GROUP BY page;
CREATE INDEX pages_last ON pages (last DESC, page);
CREATE INDEX pages_people ON pages (people DESC, last DESC, page);
CREATE TABLE shared AS
  SELECT DISTINCT page, chat, person FROM links JOIN posts USING (n) LEFT JOIN filed USING (n)
  LEFT JOIN accounts ON key = account;
CREATE INDEX shared_chat ON shared (chat, page);
CREATE INDEX shared_person ON shared (person, page);
CREATE INDEX members_chat ON members (chat, sessions);
CREATE INDEX members_person ON members (person);
"""
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
    "shares": """SELECT DISTINCT page, uid, at, account, person, handle, name, reply_to FROM links JOIN posts USING (n)
      LEFT JOIN accounts ON key = account WHERE page IN (SELECT value FROM json_each(:pages)) ORDER BY at, uid""",
    "hosts": f"SELECT host, count(*) AS pages {_SHARED} GROUP BY host ORDER BY count(*) DESC, host LIMIT :limit",
    "places": """SELECT uid, chat, session, topic, role FROM filed JOIN posts USING (n)
      WHERE uid IN (SELECT value FROM json_each(:uids))""",
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


def build(posts: Iterable[IndexedPost], join: Callable[[list[Post]], People]) -> Catalogue:
    """Make the catalogue of posts.

    Args:
        posts: each once.
        join: says which accounts are one person's; given one post of each account.
    """
    database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.executescript(f"PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; {_TABLES}")
    database.execute("BEGIN")
    accounts: dict[str, tuple[int, str, str | None, str | None]] = {}
    numbered = enumerate(posts, 1)
    while batch := [*_first(numbered, AT_ONCE)]:
        _add(database, batch, accounts)
    people = join(
        [
            Post(
                uid=f"{platform}:",
                created_at=datetime.fromtimestamp(at, UTC),
                author_uid=_uid(key),
                author_handle=handle,
            )
            for key, (at, platform, handle, _) in accounts.items()
        ]
    )
    database.executemany(
        "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)",
        [
            (key, people.of(key), platform, handle, people.names.get(people.of(key), name))
            for key, (_, platform, handle, name) in accounts.items()
        ],
    )
    database.execute("COMMIT")
    database.executescript(f"{_INDEXES} PRAGMA query_only = ON")
    return Catalogue(database)


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
    database: sqlite3.Connection,
    batch: list[tuple[int, IndexedPost]],
    accounts: dict[str, tuple[int, str, str | None, str | None]],
) -> None:
    posts, filed, links, mentions, tags = [], [], [], [], []
    for n, post in batch:
        at, key = seconds(post.created_at), account_of(post)
        posts.append((n, post.uid, at, key, post.reply_to))
        filed += [(n, one.chat, one.session, one.topic, one.role) for one in post.filed]
        if key and (key not in accounts or at >= accounts[key][0]):
            accounts[key] = (at, post.platform, post.author_handle, post.author_name)
        for url, title in post.links:
            page = page_of(url)
            if page and not is_address_of_post(url):
                host = page.removeprefix("//").partition("/")[0]
                links.append((n, page, url, title, host))
        mentions += [(n, post.platform, exact(handle.removeprefix("@"))) for handle in post.mentions]
        tags += [(n, tag) for tag in {exact(tag) for tag in post.hashtags}]
    database.executemany("INSERT OR IGNORE INTO posts VALUES (?, ?, ?, ?, ?)", posts)
    database.executemany("INSERT INTO filed VALUES (?, ?, ?, ?, ?)", filed)
    database.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?)", links)
    database.executemany("INSERT INTO mentions VALUES (?, ?, ?)", mentions)
    database.executemany("INSERT INTO tags VALUES (?, ?)", tags)

"""Forgetting as people ask for it: what is shown before, what is asked, and what is refused in one line."""

import pytest


def test_what_would_go_is_shown_and_nothing_changes(own_demo, run):
    before = run("sql", "SELECT count(*) AS n FROM posts WHERE text IS NOT NULL", "--json").json
    result = run("forget", "x:DesmondDemo", "--dry-run")
    assert result.code == 0
    assert "Accounts: x:998499657245328471, x:desmonddemo" in result.out
    assert "posts of others that mention them" in result.out
    assert run("forget", "DesmondDemo", "--dry-run", "--json").json["posts"] > 5
    assert run("sql", "SELECT count(*) AS n FROM posts WHERE text IS NOT NULL", "--json").json == before
    assert not (own_demo / "state" / "forget.key").exists()


def test_nobody_is_forgotten_without_a_yes(own_demo, run):
    result = run("forget", "x:DesmondDemo", stdin=b"yes\n")  # which no terminal says
    assert result.code == 2
    assert result.line == "knowarchive: nobody is there to be asked; look at it with --dry-run, and say --yes"


def test_a_person_is_forgotten_and_what_is_left_to_do_is_said(own_demo, run):
    result = run("forget", "x:DesmondDemo", "--yes")
    assert (result.code, result.err) == (0, "")
    assert "say no more of them" in result.out
    assert "Yours to clean: backups" in result.out
    assert run("sql", "SELECT * FROM posts WHERE author_name LIKE 'Desmond%'", "--json").json == []
    assert run("forget", "--finish", "--json").json == {"payloads": 0}
    assert run("forget", "DesmondDemo", "--yes").code == 2


def test_posts_are_erased_by_a_list_as_platforms_write_them(own_demo, run):
    rows = run(
        "sql", "SELECT uid FROM posts WHERE platform = 'x' AND text IS NOT NULL ORDER BY uid LIMIT 3", "--json"
    ).json
    uids = [row["uid"] for row in rows]
    (own_demo / "gone.txt").write_text(
        "# compliance\n" + "\n".join([uids[0][2:], uids[1], "1899999999999999999"]) + "\n"
    )
    result = run("forget", "--list", "gone.txt", "--post", uids[2], "--yes", "--json")
    assert (result.code, result.json) == (0, {"asked": 4, "posts": 3})
    query = f"SELECT uid, text, deleted_at FROM posts WHERE uid IN {tuple(uids)} ORDER BY uid"
    left = run("sql", query, "--json").json
    assert [(row["uid"], row["text"], row["deleted_at"] is not None) for row in left] == [
        (uid, None, True) for uid in uids
    ]
    assert run("replay").code in {0, 4}
    assert run("sql", query, "--json").json == left


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["forget"], "name one account, or posts"),
        (["forget", "x:a", "--post", "x:1"], "name one account, or posts"),
        (["forget", "--post", "x:abc", "--yes"], "'x:abc' names no post"),
        (["forget", "--list", "none.txt", "--yes"], "none.txt: cannot be read: No such file or directory"),
        (["forget", "desmond", "--yes"], "is it x:DesmondDemo?"),
        (["forget", "nobody-at-all", "--yes"], "name it as platform:handle"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(demo, run, arguments, words):
    result = run(*arguments)
    assert result.code in {1, 2}
    assert words in result.line

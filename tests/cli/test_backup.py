"""A copy of the demo's archive is kept, looked at, and made an archive again."""

import json


def test_a_backup_is_kept_verified_and_restored(demo, run):
    done = run("backup", "../copy")
    assert (done.code, done.err) == (0, "")
    assert "0 old ones removed" in done.out
    assert run("backup", "../copy", "--json").json["copied"] == 0
    assert run("verify", "--backup", "../copy", "--json").json[0]["status"] == "ok"
    before = run("sql", "--json", "SELECT * FROM posts ORDER BY uid").json
    (demo / "archive").unlink()  # it was a link
    restored = run("restore", "../copy")
    assert (restored.code, restored.err) == (0, "")
    assert "files as of" in restored.out
    assert run("sql", "--json", "SELECT * FROM posts ORDER BY uid").json == before
    assert run("restore", "../copy").line.endswith(
        "is there already, and nothing is overwritten; set archive.url elsewhere"
    )


def test_what_verify_finds_is_a_table_and_an_exit_code(own_demo, run):
    assert run("verify").code == 0
    assert {row["status"] for row in run("verify", "--json").json} == {"ok"}
    file = next((own_demo / "archive" / "posts").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    result = run("verify")
    assert result.code == 1
    assert "has not the bytes that were written" in result.out


def test_a_damaged_backup_is_told_of(demo, run):
    run("backup", "../copy")
    files = json.loads((demo.parent / "copy" / "knowarchive-backup.json").read_text())["files"]
    (demo.parent / "copy" / next(iter(files))).unlink()
    result = run("verify", "--backup", "../copy")
    assert result.code == 1
    assert "1 of its files missing or damaged" in result.out
    assert run("verify", "--backup", "../none").line.endswith("is no backup: it has no knowarchive-backup.json")

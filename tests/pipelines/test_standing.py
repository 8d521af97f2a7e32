"""What needs a person is named, each with what to do, and nothing is when all is well."""

import contextlib
import http.client
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from knowarchive.config import Archive, Chat, Config, Limits, Policy, Publish, Source, load_config
from knowarchive.errors import StorageError
from pipelines.healthz import answering
from pipelines.standing import LOW_DISK, assess, document, take_stock
from storage.archive import Run
from tests.archives import configure, open_archive
from transcripts.sessions import windows

ENVIRON = {"KNOWARCHIVE_X_BEARER": "not-a-real-one"}
CHAT = Chat(
    name="lanternkm",
    hashtags=("lanternkm",),
    timezone="America/Toronto",
    schedule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=20;BYMINUTE=0",
    source=(Source(platform="x"), Source(platform="bluesky")),
)
WINDOWS = windows(CHAT, datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC))
NOW = WINDOWS[-1].closes + timedelta(hours=1)
FREE = {"/archive": 10 * LOW_DISK}


def config(**limits):
    return Config(archive=Archive(url="archive"), chat=(CHAT,), schedule=Policy(refresh=()), limits=Limits(**limits))


def sweep(window, source="x", *, status="done", seen=40, at=None, **more):
    started = at or window.closes + timedelta(minutes=5)
    return Run(
        run_id=f"{window.label}{source}{started}", kind="collect", chat=CHAT.name, source=source, status=status, seen=seen,
        started_at=started, finished_at=started, since=window.opens, until=window.closes, **more,
    )  # fmt: skip


def ledger(*last):
    """All sessions swept at both sources but the last, of which only these runs are."""
    before = [sweep(window, source) for window in WINDOWS[:-1] for source in ("x", "bluesky")]
    return [*before, *last]


WELL = ledger(sweep(WINDOWS[-1]), sweep(WINDOWS[-1], "bluesky"))


def troubles(runs=WELL, *, free=FREE, environ=ENVIRON, now=NOW, **limits):
    standing = assess(config(**limits), runs, now, free, environ)
    return {(one.kind, one.about): one.text for one in standing.troubles}


def test_when_all_is_well_nothing_needs_a_person():
    assert troubles() == {}
    assert document(assess(config(), WELL, NOW, FREE, ENVIRON))["status"] == "ok"


def test_the_next_session_and_the_last_run_of_each_source_are_shown():
    standing = assess(config(), WELL, NOW, FREE, ENVIRON)
    assert [(one.chat.name, one.window.label) for one in standing.coming] == [("lanternkm", "2026-03-25")]
    assert [(one.source, one.status, one.session) for one in standing.sources] == [
        ("x", "done", "2026-03-18"),
        ("bluesky", "done", "2026-03-18"),
    ]


def test_a_source_that_never_ran_is_shown_as_such():
    standing = assess(config(), [], WINDOWS[0].opens - timedelta(days=200), FREE, ENVIRON)
    assert {(one.status, one.at) for one in standing.sources} == {(None, None)}


def test_a_dead_token_is_named_by_its_variable_until_a_run_does_without_the_error():
    dead = sweep(WINDOWS[-1], status="failed", error="api.x.com: the credentials are wrong or have expired; renew KNOWARCHIVE_X_BEARER")  # fmt: skip
    found = troubles(ledger(dead, sweep(WINDOWS[-1], "bluesky")))
    assert found["token", "x"] == "lanternkm: x refuses KNOWARCHIVE_X_BEARER; renew it"
    assert found.keys() == {("token", "x"), ("incomplete", "2026-03-18 x")}
    later = sweep(WINDOWS[-1], at=NOW)
    assert troubles(ledger(dead, later, sweep(WINDOWS[-1], "bluesky"))) == {}


def test_a_token_that_is_not_there_is_missed_before_the_session():
    assert troubles(environ={}) == {("token", "x"): "lanternkm: there is no token for x; set KNOWARCHIVE_X_BEARER"}


def test_an_edit_that_was_refused_is_told_while_the_schedule_goes_on(tmp_path):
    path = configure(tmp_path)
    good = load_config(path)
    path.write_text("[[chat]")
    [trouble] = take_stock(good, open_archive(tmp_path), ENVIRON, NOW).troubles
    assert (trouble.kind, trouble.about) == ("config", str(path))
    assert "is not valid TOML" in trouble.text
    assert trouble.text.endswith("; the schedule goes by what it said before")
    configure(tmp_path)
    assert take_stock(good, open_archive(tmp_path), ENVIRON, NOW).troubles == ()


def test_a_disk_that_fills_is_named():
    assert list(troubles(free={"/archive": LOW_DISK - 1})) == [("disk", "/archive")]


@pytest.mark.parametrize(("spent", "is_near"), [(7.9, False), (8.0, True)])
def test_a_budget_is_near_at_four_fifths_of_the_month(spent, is_near):
    runs = [*WELL, sweep(WINDOWS[-1], at=NOW, cost=spent), sweep(WINDOWS[0], cost=99.0)]  # in February
    assert (("budget", "2026-03") in troubles(runs, dollars_a_month=10)) == is_near


def test_a_session_that_nobody_collects_is_overdue_after_an_hour():
    late = NOW + timedelta(minutes=1)
    assert troubles(ledger(), now=NOW) == {}
    found = troubles(ledger(), now=late)
    assert list(found) == [("overdue", "2026-03-18")]
    assert "is knowarchive schedule running?" in found["overdue", "2026-03-18"]


def test_what_was_lost_for_good_is_told_and_what_was_before_our_time_is_not():
    later = WINDOWS[-1].closes + timedelta(days=8)  # X answers for seven days
    runs = [*ledger(sweep(WINDOWS[-1], "bluesky")), sweep(WINDOWS[-1], status="failed")]
    assert ("missed", "2026-03-18 x") in troubles(runs, now=later)
    assert ("missed", "2026-03-18 x") not in troubles(runs, now=later + timedelta(days=7))
    began = [sweep(WINDOWS[-1]), sweep(WINDOWS[-1], "bluesky")]
    assert not [kind for kind, _ in troubles(began) if kind == "missed"]


def test_a_chat_that_is_silent_unlike_before_is_told():
    silent = [sweep(WINDOWS[-1], seen=0), sweep(WINDOWS[-1], "bluesky", seen=0)]
    assert list(troubles(ledger(*silent))) == [("silent", "2026-03-18")]
    assert troubles(ledger(silent[0], sweep(WINDOWS[-1], "bluesky", seen=1))) == {}
    always = [msgspec.structs.replace(run, seen=0) for run in ledger(*silent)]
    assert troubles(always) == {}


def ask(port, path="/healthz", method="GET"):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def of_command(kind, source, at, status="failed", **more):
    return Run(run_id=f"{at}", kind=kind, source=source, status=status, started_at=at, finished_at=at, **more)


def test_a_site_that_cannot_be_built_is_told_until_it_is():
    site = msgspec.structs.replace(config(), publish=Publish(contact="keeper@example.org"))
    failed = of_command("publish", "site", NOW, error="site: holds other things")
    [trouble] = assess(site, [*WELL, failed], NOW, FREE, ENVIRON).troubles
    assert (trouble.kind, "site: holds other things" in trouble.text) == ("site", True)
    mended = of_command("publish", "site", NOW + timedelta(hours=1), "done")
    assert not assess(site, [*WELL, failed, mended], NOW, FREE, ENVIRON).troubles


def test_a_file_of_the_inbox_that_cannot_be_read_is_told_for_a_week():
    watching = msgspec.structs.replace(config(), schedule=Policy(refresh=(), inbox="inbox"))
    failed = of_command("import", "a\nb.csv", NOW - timedelta(days=3), error="unknown")
    [trouble] = assess(watching, [*WELL, failed], NOW, FREE, ENVIRON).troubles
    assert trouble.kind == "import"
    assert trouble.text.startswith("a b.csv: could not be imported; ")
    later = of_command("import", "a\nb.csv", NOW, "done")
    assert not assess(watching, [*WELL, failed, later], NOW, FREE, ENVIRON).troubles
    assert not assess(config(), [*WELL, failed], NOW, FREE, ENVIRON).troubles  # by hand: whoever did it was told


def test_monitoring_is_answered_by_status_and_in_words(socket_enabled):
    for runs, expected in ((WELL, 200), (ledger(sweep(WINDOWS[-1], status="failed")), 503)):
        with answering(0, lambda runs=runs: document(assess(config(), runs, NOW, FREE, ENVIRON))) as port:
            status, body = ask(port)
            assert status == expected
            assert json.loads(body)["status"] == ("ok" if expected == 200 else "attention")
            assert ask(port, method="HEAD") == (expected, b"")
            assert ask(port, "/")[0] == 404


def test_whoever_asks_often_does_not_make_work(socket_enabled):
    looks = []
    with answering(0, lambda: looks.append(1) or {"status": "ok"}) as port:
        assert {ask(port)[0] for _ in range(5)} == {200}
    assert looks == [1]


def test_an_archive_that_cannot_be_read_is_an_answer_too(socket_enabled):
    def look():
        raise StorageError("archive: is a file, not a folder")

    with answering(0, look) as port:
        status, body = ask(port)
    assert status == 503
    assert json.loads(body) == {"status": "failing", "error": "archive: is a file, not a folder"}


def test_a_port_that_is_taken_is_one_line(socket_enabled):
    taken = r"^port \d+ is in use; .*`health`"
    with answering(0, dict) as port, pytest.raises(StorageError, match=taken), answering(port, dict):
        pass

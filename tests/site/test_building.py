"""A site that is brought up to date is the one that would be made anew, page for page."""

from datetime import timedelta

import pytest
from msgspec import structs

from knowarchive.model import Account, Link
from storage.archive import Run
from tests.archives import at, open_archive, store
from tests.site.conftest import ADA_M, ADA_X, BEN, CLEO, CONFIG, GUS, NOW, add, build, make, said, session, tree
from tests.test_imports import loaded

LONG = "An oil lamp that burns and burns, whose wick is trimmed by hand every evening before the guests arrive. "


def whole(folder, name="whole", **options):
    build(folder, folder / name, **options)
    return tree(folder / name)


def test_a_new_session_changes_few_pages_and_leaves_the_site_as_if_made_anew(tmp_path):
    folder = make(tmp_path, weeks=3)
    first = build(folder)
    assert first.whole
    before = tree(folder / "site")
    add(folder, 3)
    second = build(folder)
    after = tree(folder / "site")
    assert not second.whole
    assert after == whole(folder)
    assert set(before) <= set(after), "addresses never change"
    untouched = "chats/lampchat/2015-03-10.html", "chats/lampchat/2015-03-10/q1.html", "links/2015-03.html"
    assert all(before[name] == after[name] for name in untouched[:2])
    assert not build(folder).changed


def test_nothing_new_means_that_nothing_is_written(tmp_path):
    folder = make(tmp_path)
    build(folder)
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "site").rglob("*.html")}
    published = build(folder, now=NOW + timedelta(hours=3))
    assert (published.changed, published.removed, published.whole) == (0, 0, False)
    assert stamps == {path: path.stat().st_mtime_ns for path in (folder / "site").rglob("*.html")}


CHANGES = {
    "an edit": lambda archive: store(archive, [structs.replace(session()[1], text="A1: A gas lamp #lampchat", observed_at=at(900))]),
    "a deletion": lambda archive: store(archive, [structs.replace(session()[1], text=None, deleted_at=at(900), observed_at=at(900))]),
    "a late post": lambda archive: store(archive, [said("x:77", 29, "A2: Late to the lamp #lampchat", **ADA_X)], chat="lampchat"),
    "a post between": lambda archive: store(archive, [said("x:78", 60 * 24, f"Earlier {LONG}#lampchat", **ADA_X)], chat="lampchat"),
    "a new name": lambda archive: store(
        archive, [said("x:79", 60 * 24 * 40, "New me #lampchat", **{**BEN, "author_name": "Benjamin", "author_handle": "benj"})], chat="lampchat"
    ),
    "somebody's last post goes": lambda archive: store(
        archive,
        [structs.replace(one, text=None, deleted_at=at(900), observed_at=at(900)) for one in [*session(), *session(1)]
         if one.author_uid == "x:105"],
    ),
    "a wish": lambda archive: store(
        archive, accounts=[Account(uid=ADA_M["author_uid"], handle="ada@lamps.example", observed_at=at(900), consent="noindex")]
    ),
    "a run that brought nothing": lambda archive: archive.record(
        Run(run_id="late", kind="collect", source="x", status="incomplete", chat="lampchat", since=at(-15), until=at(90),
            started_at=at(900), finished_at=at(901), gaps=("late",))
    ),
    "two say that they are one": lambda archive: store(
        archive,
        accounts=[Account(uid="x:102", handle="ben", url="https://lamps.example/@cleo", observed_at=at(900)),
                  Account(uid=CLEO["author_uid"], handle="cleo@lamps.example", url="https://x.com/ben", observed_at=at(900))],
    ),
    "a wish is taken back": lambda archive: store(
        archive, accounts=[Account(uid=GUS["author_uid"], handle="gus@lamps.example", observed_at=at(900), consent="none")]
    ),
}  # fmt: skip


QUICK = {"a deletion", "two say that they are one"}


@pytest.mark.parametrize(
    "change", [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in CHANGES]
)
def test_whatever_changes_the_site_is_as_if_made_anew(tmp_path, change):
    folder = make(tmp_path, weeks=2)
    build(folder)
    before = tree(folder / "site")
    CHANGES[change](open_archive(folder))
    build(folder)
    after = tree(folder / "site")
    assert after != before
    assert after == whole(folder)


@pytest.mark.slow
def test_change_after_change_the_site_is_as_if_made_anew(tmp_path):
    folder = make(tmp_path, weeks=2)
    build(folder)
    for number, change in enumerate([*CHANGES, *CHANGES]):
        add(folder, 2 + number) if number % 3 == 1 else CHANGES[change](open_archive(folder))
        build(folder)
        after = tree(folder / "site")
        assert after == whole(folder, f"whole{number}"), change
        assert not build(folder).changed
        assert tree(folder / "site") == after


def test_that_nothing_changed_is_found_out_without_loading_what_makes_pages(tmp_path):
    folder = make(tmp_path)
    build(folder)
    open_archive(folder).maintain()
    assert not build(folder).changed  # by the tables, which may be other files now
    code = (
        "from datetime import UTC, datetime; from pathlib import Path; from knowarchive.config import load_config; "
        "from knowarchive.site.building import publish; "
        "made = publish(load_config(Path('knowarchive.toml').absolute()), Path('site').absolute(), now=datetime(2026, 11, 22, 13, tzinfo=UTC)); "
        "assert (made.changed, made.sessions, made.people, made.whole) == (0, 1, 3, False), made"
    )
    assert loaded(folder, run=code) <= {"dateutil"}


def test_a_new_day_changes_the_calendars_and_nothing_else(tmp_path):
    folder = make(tmp_path)
    build(folder)
    later = NOW + timedelta(days=400)
    published = build(folder, now=later)
    assert (published.changed, published.whole) == (1, False)
    assert tree(folder / "site") == whole(folder, now=later)


def test_what_publishing_notes_of_itself_changes_nothing(tmp_path):
    folder = make(tmp_path)
    build(folder)
    line = Run(run_id="p", kind="publish", source="site", status="done", started_at=NOW, finished_at=NOW)
    open_archive(folder).record(line)
    before = tree(folder / "site")
    assert not build(folder).changed
    assert tree(folder / "site") == before
    CHANGES["a run that brought nothing"](open_archive(folder))
    assert build(folder).changed
    assert tree(folder / "site") == whole(folder)


@pytest.mark.slow
def test_a_correction_changes_its_session(tmp_path):
    folder = make(tmp_path, weeks=2)
    build(folder)
    (folder / "knowarchive.overrides.toml").write_text('[lampchat.2015-03-10.topics]\n"x:0200" = "Q1"\n')
    published = build(folder)
    assert not published.whole
    assert tree(folder / "site") == whole(folder)


def test_another_configuration_or_a_forgotten_state_makes_it_anew_and_writes_only_what_differs(tmp_path):
    folder = make(tmp_path)
    build(folder)
    for path in (folder / "state" / "site").rglob("built"):
        path.unlink()
    again = build(folder)
    assert (again.whole, again.changed) == (True, 0)
    (folder / "knowarchive.toml").write_text(CONFIG.replace("Be kind", "Be merry"))
    merry = build(folder)
    assert merry.whole
    assert merry.changed


def test_what_is_gone_from_the_archive_is_gone_from_the_site(tmp_path):
    folder = make(tmp_path, weeks=2)
    build(folder)
    assert any(b"regretted" not in content and b"Moonlight" in content for content in tree(folder / "site").values())
    config = CONFIG.replace('opt_out = ["x:quiet"]', 'opt_out = ["x:quiet", "mastodon:ada@lamps.example"]')
    (folder / "knowarchive.toml").write_text(config)
    published = build(folder)
    assert published.removed
    for trace in (b"Moonlight", b"Ada Wick", b"oil lamp"):
        assert not [name for name, content in tree(folder / "site").items() if trace in content], trace


@pytest.mark.parametrize("threads", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_session_that_is_too_large_for_a_page_stands_on_several(tmp_path, threads):
    config = CONFIG.replace("contact =", "largest_page = 100\ncontact =")
    folder = make(tmp_path, config=config)
    many = [
        said(
            f"x:9{k:03}",
            29,
            f"A2: {LONG * 4}{k} #lampchat",
            reply_to=(f"x:9{k - 1:03}" if threads and k else None),
            **BEN,
        )
        for k in range(300)
    ]
    store(open_archive(folder), many, chat="lampchat")
    build(folder)
    site = tree(folder / "site")
    assert max(len(content) for name, content in site.items() if name.endswith(".html")) <= 100_000
    pages = [name for name in site if name.startswith("chats/lampchat/2015-03-10/q2")]
    assert len(pages) > 2
    session_page = site["chats/lampchat/2015-03-10.html"].decode()
    for k in (0, 150, 299):
        assert f'id="p-x-9{k:03}"' in session_page, "the address of a post holds"
        assert sum(f'id="p-x-9{k:03}"'.encode() in site[name] for name in pages) == 1


@pytest.mark.slow
def test_several_processes_make_the_same_site(tmp_path):
    folder = make(tmp_path, weeks=2)
    build(folder)
    from knowarchive.config import load_config
    from knowarchive.site.building import publish

    publish(load_config(folder / "knowarchive.toml"), folder / "two", now=NOW, processes=2)
    assert tree(folder / "two") == tree(folder / "site")


@pytest.mark.slow
def test_links_of_many_months_and_pages_are_as_if_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("knowarchive.site.pages.MONTHLY", 3)
    folder = make(tmp_path)
    archive = open_archive(folder)

    def share(day, names, first):
        posts = [
            said(f"x:{first + n}", 60 * 24 * day + n, f"See {name} #lampchat", links=(Link(f"https://example.org/{name}"),), **BEN)
            for n, name in enumerate(names)
        ]  # fmt: skip
        store(archive, posts, chat="lampchat")

    share(1, "abcdefg", 5000)
    share(30, "hij", 5100)
    for day, names, first in ((35, "klmn", 5200), (32, "op", 5300), (70, "ahq", 5400), (2, "rs", 5500)):
        build(folder)
        share(day, names, first)
        published = build(folder)
        assert not published.whole
        assert tree(folder / "site") == whole(folder, f"whole{day}")
    store(archive, [said("x:5001", 60 * 24 + 1, None, deleted_at=at(900), **BEN)], chat="lampchat")
    build(folder)
    assert tree(folder / "site") == whole(folder, "last")

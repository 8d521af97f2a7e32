"""The site's folder: what is ours in it, and what happens when a build cannot come to its end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from knowarchive.errors import ConfigError
from knowarchive.site import current
from knowarchive.site.folder import LIST, STAGING, SiteError, SiteFolder
from tests.archives import ROOT
from tests.site.conftest import CONFIG, add, build, make, tree


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path)


def test_a_folder_with_other_things_is_refused_and_left_alone(folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "precious.txt").write_text("mine")
    with pytest.raises(SiteError, match="holds other things than a site"):
        build(folder, folder / "mine")
    assert tree(folder / "mine") == {"precious.txt": b"mine"}


def test_with_overwrite_other_things_stay_for_ever(folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "CNAME").write_text("site.example")
    build(folder, folder / "mine", overwrite=True)
    add(folder, 1)
    build(folder, folder / "mine")
    assert (folder / "mine" / "CNAME").read_text() == "site.example"
    assert (folder / "mine" / "index.html").exists()


@pytest.mark.parametrize(("name", "said"), [("no/such", "there is no folder"), ("knowarchive.toml", "is no folder")])
def test_a_destination_that_cannot_be_is_said_in_one_line(folder, name, said):
    with pytest.raises(SiteError, match=said) as caught:
        build(folder, folder / name)
    assert "\n" not in str(caught.value)


def test_nothing_is_published_while_nobody_is_named_to_ask(tmp_path):
    folder = make(tmp_path, config=CONFIG.replace('contact = "keeper@site.example"\n', ""))
    with pytest.raises(ConfigError, match="has no `contact`"):
        build(folder)
    assert not (folder / "site").exists()


def test_a_disk_that_fills_leaves_the_old_site_and_one_line(folder, monkeypatch):
    build(folder)
    before = tree(folder / "site")
    add(folder, 1)
    left = 20

    def write(self, data):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, os.strerror(28))
        with self.open("wb") as file:
            return file.write(data)

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.write_bytes", write)
        with pytest.raises(SiteError, match="No space left on device") as caught:
            build(folder)
    assert "\n" not in str(caught.value)
    assert tree(folder / "site") == before
    build(folder)
    assert tree(folder / "site") == tree(make_whole(folder))


def make_whole(folder):
    build(folder, folder / "whole")
    return folder / "whole"


@pytest.mark.slow
def test_a_build_that_stops_while_it_moves_pages_is_ended_by_the_next(folder, monkeypatch):
    build(folder)
    add(folder, 1)
    moves = 8
    replace = os.replace

    class StoppedHereError(Exception):
        pass

    def stop(self, target):
        nonlocal moves
        if self.is_relative_to(folder / "site" / STAGING) and self.name != LIST:
            moves -= 1
            if moves < 0:
                raise StoppedHereError
        replace(self, target)
        return target

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.replace", stop)
        with pytest.raises(StoppedHereError):
            build(folder)
    assert all(b"</html>" in content for name, content in tree(folder / "site").items() if name.endswith(".html"))
    again = build(folder)
    assert again.whole
    assert tree(folder / "site") == tree(make_whole(folder))


def test_a_page_that_somebody_deleted_is_made_again(folder):
    build(folder)
    before = tree(folder / "site")
    (folder / "site" / "about.html").unlink()
    (folder / "site" / "chats" / "lampchat" / "2015-03-10.html").unlink()
    build(folder)
    assert tree(folder / "site") == before


def test_a_list_that_reaches_out_of_the_folder_is_no_list(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / LIST).write_text('{"schema": "knowarchive.site/1", "files": {"../precious.txt": "x"}}')
    with pytest.raises(SiteError, match="holds other things"):
        SiteFolder(site)


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_a_site_and_is_gone_on_with(folder):
    build(folder)
    add(folder, 1)
    command = [sys.executable, "-m", "knowarchive", "publish"]
    for moment in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0):
        started = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
        )
        time.sleep(moment)
        started.send_signal(signal.SIGKILL)
        started.wait()
        assert (folder / "site" / "index.html").read_text().rstrip().endswith("</html>")
    build(folder)
    assert tree(folder / "site") == tree(make_whole(folder))


def test_what_decides_how_pages_look_is_part_of_what_is_remembered():
    assert {"knowarchive.site", "knowarchive.web", "transcripts"} == set(current.SOURCES)

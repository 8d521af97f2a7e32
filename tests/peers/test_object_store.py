"""An archive in an object store: the same posts as in a folder, whoever writes at once, and its backup and restoration."""

import subprocess

import pytest

from knowarchive.config import load_config
from knowarchive.model import Quarantined
from pipelines.backups import back_up, damaged, restore
from pipelines.verifying import verify
from storage.archive import Archive
from storage.places import place_at
from storage.tables import CHECKPOINT_EVERY
from tests.archives import NOW, ROOT, command, contents, environment, generated, import_path, open_archive

pytestmark = pytest.mark.slow
IMPORTERS = 4


def configure(folder, url):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "knowarchive.toml"
    path.write_text(f'[archive]\nurl = "{url}"\nstate = "state"\n')
    return load_config(path)


def overlapping(folder):
    lines = generated(folder, "v1", posts=600).read_bytes().splitlines(keepends=True)
    width = len(lines) // IMPORTERS
    made = []
    for number in range(IMPORTERS):
        path = folder / f"slice-{number}.jsonl"
        path.write_bytes(b"".join(lines[max(0, (number - 1) * width) : (number + 1) * width]))
        made.append(path)
    return made


def test_processes_that_import_at_once_into_a_store_leave_the_posts_of_a_folder(bucket, tmp_path):
    files = overlapping(tmp_path)
    config = configure(tmp_path / "work", bucket)
    importers = [
        subprocess.Popen(
            command(tmp_path / "work", "import", file), env=environment(), cwd=ROOT, stderr=subprocess.PIPE
        )
        for file in files
    ]
    for importer in importers:
        _, said = importer.communicate(timeout=300)
        assert importer.returncode == 0, said
    folder = open_archive(tmp_path / "folder")
    for file in files:
        import_path(folder, file)
    expected = contents(folder)
    archive = Archive(bucket, config.state_dir)
    assert contents(archive) == expected
    archive.maintain()
    assert contents(archive) == expected
    assert {check.status for check in verify(config, archive)} == {"ok"}


def test_an_archive_goes_from_a_store_to_a_folder_and_back(bucket, tmp_path):
    config = configure(tmp_path / "work", f"{bucket}/archive")
    archive = Archive(config.archive_url, config.state_dir)
    import_path(archive, generated(tmp_path, posts=60))
    before = contents(archive)
    for number, copy in enumerate((str(tmp_path / "copy"), f"{bucket}/copy")):
        back_up(archive, config, copy, now=NOW)
        assert back_up(archive, config, copy, now=NOW).copied == 0
        assert list(damaged(copy)) == []
        for place, url in ((f"folder{number}", "archive"), (f"store{number}", f"{bucket}/restored{number}")):
            restored = configure(tmp_path / place, url)
            restore(copy, restored, now=NOW)
            assert contents(Archive(restored.archive_url, restored.state_dir)) == before


def test_the_log_in_a_store_is_summed_up_now_and_then_and_not_at_every_page(bucket, tmp_path):
    archive = Archive(bucket, tmp_path / "state")
    for number in range(2 * CHECKPOINT_EVERY + 5):
        archive.store_quarantined(
            [Quarantined(origin="o", position=number, reason="r", digest=f"{number:064}", size=1)], NOW
        )
        archive.tables["quarantine"].checkpoint()
    log = place_at(f"{bucket}/quarantine").sizes()
    assert len([name for name in log if name.endswith(".checkpoint.parquet")]) == 2

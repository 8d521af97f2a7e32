"""Upkeep comes round as the schedule asks for it, by whoever is there to do it."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from knowarchive.config import load_config
from pipelines.claims import claim
from pipelines.upkeep import MARK, keep_up_if_due
from tests.archives import configure, data_files, open_archive, post, query, store

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
SUNDAY = datetime(2026, 3, 8, 4, tzinfo=UTC)


@pytest.fixture
def config(tmp_path):
    return load_config(configure(tmp_path, '[schedule]\nmaintain = "FREQ=WEEKLY;BYDAY=SU;BYHOUR=4;BYMINUTE=0"\n'))


def kept_up(archive, at):
    os.utime(archive.state / MARK, (at.timestamp(), at.timestamp()))


def test_an_archive_is_kept_up_once_a_week_however_often_somebody_looks(config, tmp_path):
    archive = open_archive(tmp_path)
    for number in range(3):
        store(archive, [post(number)])
    assert keep_up_if_due(config, archive, NOW)
    assert len(data_files(archive, "posts")) == 1
    kept_up(archive, NOW)
    assert not keep_up_if_due(config, archive, NOW + timedelta(hours=1))
    kept_up(archive, SUNDAY - timedelta(minutes=1))
    assert keep_up_if_due(config, archive, SUNDAY)
    assert query(archive, "SELECT count(*) AS n FROM posts") == [{"n": 3}]


def test_who_finds_another_at_it_leaves_it_to_him(config, tmp_path):
    archive = open_archive(tmp_path)
    store(archive, [post(1)])
    with claim(config.state_dir, "maintain"):
        assert not keep_up_if_due(config, archive, NOW)
    assert not (archive.state / MARK).exists()

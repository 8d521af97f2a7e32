import pytest

from tests.archives import open_archive


@pytest.fixture
def archive(tmp_path):
    return open_archive(tmp_path)

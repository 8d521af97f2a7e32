import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are not a package; the invented evening is shared by its files

from invented import evening


@pytest.fixture(scope="session")
def transcript():
    return evening()

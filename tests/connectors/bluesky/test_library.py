"""What of the library is loaded, and that the rest of it still can be."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
import connectors.bluesky.client
heavy = [name for name in sys.modules if name.startswith(("atproto_client.namespaces", "atproto_client.models.app"))]
assert not heavy, heavy
from atproto import Client, models
assert Client().invoke_query and models.AppBskyFeedPost
from connectors.bluesky.library import Session
import atproto
assert atproto.Session is Session
"""


def test_the_classes_of_lexicons_are_not_loaded_and_the_library_works_all_the_same():
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr

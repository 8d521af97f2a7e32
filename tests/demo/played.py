"""The demo as `make demo` plays it, in a folder and at ports of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo"
SESSION = "2026-03-11"

#: Asked for in a process of its own: tests open no sockets.
FREE_PORTS = """
import socket
held = [socket.socket() for _ in range(3)]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
"""


def configure(folder):
    """Put the demo's configuration into a folder, with ports that nobody uses. Returns the ports."""
    ports = subprocess.run(
        [sys.executable, "-c", FREE_PORTS], capture_output=True, text=True, check=True
    ).stdout.split()
    free = iter(ports)
    config = (DEMO / "knowarchive.toml").read_text(encoding="utf-8")
    played = re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda _: next(free), config)
    (folder / "knowarchive.toml").write_text(played, encoding="utf-8")
    return ports


def replay(folder, *command, check=True, **environment):
    """Run a command while the three networks answer."""
    return subprocess.run(
        [sys.executable, str(DEMO / "replay.py"), *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=check,
    )


def collect(folder, *more):
    """Collect the session that three networks hold."""
    command = (sys.executable, "-m", "knowarchive", "collect", "lanternkm", "--session", SESSION, *more)
    return replay(folder, *command)

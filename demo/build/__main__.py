"""`python -m demo.build`, in the repository's folder: write the files anew."""

import sys

from demo.build import build
from demo.build.script import DEMO

for name, data in build().items():
    path = DEMO / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    sys.stdout.write(f"{len(data):>9,} bytes  demo/{name}\n")

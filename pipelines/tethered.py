"""Run a module in a process that ends with the one that started it: `python -m pipelines.tethered MODULE ARGUMENTS`.

Standard input is a pipe whose other end the parent alone holds. When that is gone, however it went, the pipe ends.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 10.0  # seconds to end in good order


def main() -> None:
    """Run the module that the arguments name, with the rest of them."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(0, 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    main()

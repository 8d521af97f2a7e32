"""How the cost of something grows with its size: what a test may say of speed on a machine that is noisy."""

import gc
import time
from collections.abc import Callable

FLOOR = 0.01  # seconds of processor time; below it the clock is what is measured
TRIES = 3


def grows_fairly(work: Callable[[int], object], size: int) -> bool:
    """Whether `work(size)` takes less than 40 times the processor time of `work(size // 10)`, once in a few tries.

    It would be ten times as much if the cost is in proportion to the size, and a hundred if it is to its square.
    The first call of the small size is not counted: what is loaded or remembered then is not its cost.
    """
    small = sorted(_cost(work, size // 10) for _ in range(3))[1]
    return any(_cost(work, size) < 40 * max(small, FLOOR) for _ in range(TRIES))


def _cost(work: Callable[[int], object], size: int) -> float:
    """Seconds of processor time, without the collector's: it goes through all that other tests left."""
    gc.disable()
    try:
        began = time.process_time()
        work(size)
        return time.process_time() - began
    finally:
        gc.enable()

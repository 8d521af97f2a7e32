"""How the cost of something grows with its size: what a test may say of speed on a machine that is noisy."""

import time
from collections.abc import Callable

FLOOR = 0.01  # seconds of processor time; below it the clock and the collector are what is measured


def grows_fairly(work: Callable[[int], object], size: int) -> bool:
    """Whether `work(size)` takes less than 40 times the processor time of `work(size // 10)`.

    It would be ten times as much if the cost is in proportion to the size, and a hundred if it is to its square.
    The first call of the small size is not counted: what is loaded or remembered then is not its cost.
    """
    small = sorted(_cost(work, size // 10) for _ in range(3))[1]
    return _cost(work, size) < 40 * max(small, FLOOR)


def _cost(work: Callable[[int], object], size: int) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    work(size)
    return time.process_time() - began

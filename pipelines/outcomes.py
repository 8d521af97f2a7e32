"""What runs came to, added up."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.staging import Outcome

COUNTS = ("seen", "new", "changed", "quarantined")


def add_up(outcomes: "Iterable[Outcome | None]") -> dict[str, int]:
    """The posts of all runs together, by what became of them; None stands for a run that stored nothing."""
    known = [outcome for outcome in outcomes if outcome]
    return {name: sum(getattr(outcome, name) for outcome in known) for name in COUNTS}

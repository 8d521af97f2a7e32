"""What an interrupted run stored stands in for asking again: the same steps are gone through, and only new ones asked.

No connector has to know where it was stopped. It does everything from the beginning; a request whose answer is stored is
answered from there, once for each answer, in the order in which they came.
"""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

from connectors.base import Exchange, read_exchange
from connectors.refusals import FAILURES
from knowarchive.model import Payload


class Stored:
    """The answers that are left of an interrupted run.

    Args:
        payloads: in the order in which they were fetched. Those that hold no answer any more are left out.
        key: what of a request makes it the same; by default, all of it.
        not_before: answers from before this moment are old: what they were to may have another by now.
    """

    def __init__(
        self,
        payloads: Iterable[Payload] = (),
        key: Callable[[str], str] = lambda request: request,
        not_before: datetime | None = None,
    ) -> None:
        self._key = key
        self._answers: dict[str, deque[tuple[Payload, Exchange]]] = {}
        for payload in payloads:
            if not payload.body or (not_before and (payload.fetched_at is None or payload.fetched_at < not_before)):
                continue
            try:
                exchange = read_exchange(payload)
                asked = key(exchange.request)
            except FAILURES:
                continue
            self._answers.setdefault(asked, deque()).append((payload, exchange))

    def take(self, request: str) -> tuple[Payload, Exchange] | None:
        """The next stored answer to a request (its path with parameters); None where it has to be asked."""
        answers = self._answers.get(self._key(request))
        return answers.popleft() if answers else None

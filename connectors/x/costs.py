"""What reading X costs, and where to stop: each post and each account is paid for once in a UTC day.

Prices are counted in thousandths of a dollar, because floats do not add up. What the month has cost is kept in the state
folder and shared by everything that runs there: a page is paid for before it is asked for, at what it may cost, and what
it did not cost is given back. So no crash and no other process leads past the budget.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC
from math import ceil

import msgspec

from connectors.base import BudgetError, Report, Surroundings

#: https://docs.x.com/x-api/getting-started/pricing
POST = 5
ACCOUNT = 10

#: What one result may cost until pages have told: a post, its author, the post that it repeats, and that one's author.
UNSEEN = 2 * POST + 2 * ACCOUNT
#: And after: so much more than the dearest page so far, and never less than a post, its author and a bit.
MARGIN = 1.5
LEAST = POST + ACCOUNT + POST

FILE = "x-costs.json"


class _Month(msgspec.Struct):
    """What is kept between runs: a month's costs, and what was paid for today, whose ids are in no file besides."""

    month: str = ""
    spent: int = 0
    day: str = ""
    posts: set[str] = msgspec.field(default_factory=set)
    accounts: set[str] = msgspec.field(default_factory=set)


class Costs:
    """Counts what a run and its month cost, and refuses what would cost too much."""

    def __init__(self, surroundings: Surroundings, report: Report) -> None:
        self._run_budget = _thousandths(surroundings.limits.dollars)
        self._month_budget = _thousandths(surroundings.limits.dollars_a_month)
        self._now = surroundings.now
        self._state = surroundings.state
        self._report = report
        self._spent = 0
        self._reserved = 0
        self._dearest: float | None = None
        self._memory = _Month()  # where the state folder cannot be used

    @property
    def per_result(self) -> int:
        """What a result may cost, the posts and accounts that come along included."""
        return UNSEEN if self._dearest is None else max(LEAST, ceil(self._dearest * MARGIN))

    def left(self) -> int | None:
        """What may still be spent; None where nothing bounds it."""
        with self._month() as month:
            return self._left(month)

    def reserve(self, most: int, least: int = 1) -> int:
        """Set aside what a page may cost, at least of the fewest results that can be asked for.

        Returns:
            How many results may be asked for. `settle` or `release` follows.

        Raises:
            BudgetError: not even the fewest can be paid for.
        """
        with self._month() as month:
            left = self._left(month)
            results = most if left is None else min(most, left // self.per_result)
            if results < least:
                raise BudgetError(self._refusal(month, least))
            self._reserved = results * self.per_result
            month.spent += self._reserved
        return results

    def settle(self, posts: AbstractSet[str], accounts: AbstractSet[str], results: int) -> None:
        """Pay for what came, and give back the rest of what was set aside."""
        cost = 0
        with self._month() as month:
            seen, people = _digests(posts, month.day), _digests(accounts, month.day)
            cost = POST * len(seen - month.posts) + ACCOUNT * len(people - month.accounts)
            month.posts |= seen
            month.accounts |= people
            month.spent = max(0, month.spent - self._reserved) + cost
        self._reserved = 0
        self._spent += cost
        self._report.cost = self._spent / 1000
        if results:
            whole = POST * len(posts) + ACCOUNT * len(accounts)
            self._dearest = max(self._dearest or 0, whole / results)

    def release(self) -> None:
        """Give everything back: nothing came."""
        if self._reserved:
            self.settle(frozenset(), frozenset(), 0)

    def _left(self, month: _Month) -> int | None:
        bounds = []
        if self._run_budget is not None:
            bounds.append(self._run_budget - self._spent)
        if self._month_budget is not None:
            bounds.append(self._month_budget - month.spent)
        return max(0, min(bounds)) if bounds else None

    def _refusal(self, month: _Month, least: int) -> str:
        need = f"the next page may cost ${least * self.per_result / 1000:,.2f}"
        if self._month_budget is not None and self._month_budget - month.spent < least * self.per_result:
            return (
                f"stopped before the budget of ${self._month_budget / 1000:,.2f} a month is exceeded: {need}, "
                f"${month.spent / 1000:,.2f} are spent; raise limits.dollars_a_month or wait for the next month"
            )
        return (
            f"stopped before the run's budget of ${(self._run_budget or 0) / 1000:,.2f} is exceeded: {need}, "
            f"${self._spent / 1000:,.2f} are spent; the next run goes on"
        )

    @contextmanager
    def _month(self) -> Iterator[_Month]:
        """The month as it stands, locked against others; what is changed in it is kept.

        Raises:
            BudgetError: a budget is set, and what was spent cannot be read or kept.
        """
        try:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._state / f"{FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            if self._month_budget is not None:
                raise BudgetError(self._lost(f"cannot be kept: {error.strerror}")) from None
            month = self._memory
            self._turn(month)
            yield month
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            month = self._read()
            self._turn(month)
            before = msgspec.json.encode(month)
            yield month
            if (after := msgspec.json.encode(month)) != before:
                self._write(after)
        finally:
            os.close(lock)

    def _turn(self, month: _Month) -> None:
        """Begin a new day or month. A clock that went back does not make what was spent unspent."""
        now = self._now().astimezone(UTC)
        if now.strftime("%Y-%m") > month.month:
            month.month, month.spent = now.strftime("%Y-%m"), 0
        if (day := now.date().isoformat()) != month.day:
            month.day, month.posts, month.accounts = day, set(), set()

    def _read(self) -> _Month:
        path = self._state / FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Month)
        except FileNotFoundError:
            return _Month()
        except (OSError, ValueError):
            if self._month_budget is not None:
                raise BudgetError(self._lost("cannot be read; correct or delete it")) from None
            return _Month()

    def _write(self, content: bytes) -> None:
        path = self._state / FILE
        beside = path.with_suffix(f".{os.getpid()}.new")
        try:
            beside.unlink(missing_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            beside.replace(path)
        except OSError as error:
            if self._month_budget is not None:
                raise BudgetError(self._lost(f"cannot be written: {error.strerror}")) from None

    def _lost(self, what: str) -> str:
        return f"what this month has cost so far is not known: {self._state / FILE} {what}"


def _digests(ids: AbstractSet[str], day: str) -> set[str]:
    """What is kept of ids: enough to know them again on the same day."""
    return {hashlib.sha256(f"{day} {own}".encode()).hexdigest()[:16] for own in ids}


def _thousandths(dollars: float | None) -> int | None:
    return int(dollars * 1000) if dollars is not None else None

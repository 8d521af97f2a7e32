"""One person over many sessions: whoever shares an account is one, though another account leads in each session."""

from transcripts.model import Person
from transcripts.people import is_by_handle


class Persons:
    """Joins keys of accounts as sessions are read; when all are, tells for each the key that stands for its person.

    Somebody whom a source knows by handle alone is the account that is known to have had this handle, if it is one.
    """

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self._holders: dict[str, set[str]] = {}  # accounts by the key that each would have by its handle alone

    def join(self, person: Person) -> None:
        """Make all accounts of somebody one person."""
        self._unite([person.key, *(account.key for account in person.accounts)])
        self._hold(person.key, person.handle)
        for account in person.accounts:
            self._hold(account.key, account.handle)

    def of(self, key: str) -> str:
        """The key of the person whose account this is."""
        root = self._root(key)
        if is_by_handle(root):
            holders = {self._root(holder) for holder in self._holders.get(root, ())}
            if len(holders) == 1:
                return holders.pop()
        return root

    def _root(self, key: str) -> str:
        while (above := self._above.get(key, key)) != key:
            key = above
        return key

    def _unite(self, keys: list[str]) -> None:
        # An account that is known by more than its handle leads.
        roots = sorted({self._root(key) for key in keys}, key=lambda root: (is_by_handle(root), root))
        for root in roots:
            self._above[root] = roots[0]

    def _hold(self, key: str, handle: str | None) -> None:
        if handle and not is_by_handle(key):
            alone = f"{key.partition(':')[0]}:@{handle.removeprefix('@').casefold()}"
            self._holders.setdefault(alone, set()).add(key)

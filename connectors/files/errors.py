"""What can be wrong with a whole file."""

from knowarchive.errors import ReadError


class NoPostsError(Exception):
    """The content is known, and holds no posts; the message says what it looks like."""


class CutError(ReadError):
    """The file ends in the middle or is damaged; every record before that was given out."""

    def __init__(self, origin: str, problem: str, records: int) -> None:
        super().__init__(
            f"{origin}: {problem} after {records:,} record{'s' * (records != 1)}; what came before is kept"
        )
        self.origin = origin
        self.records = records

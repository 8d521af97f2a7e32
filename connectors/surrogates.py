"""Half characters in JSON, which careless clients and tools that cut texts write, and which no decoder takes."""

import re

#: An escaped backslash, a whole pair of surrogates, or (the group) half of one.
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def without_halves(record: bytes) -> bytes:
    """Put the character for "unreadable" in the place of every half of one; the same bytes where there is none."""
    if b"\\ud" not in record and b"\\uD" not in record:
        return record
    return _SURROGATES.sub(lambda match: rb"\ufffd" if match[1] else match[0], record)

"""Why a record was refused: what decoding and mapping may raise, whatever network it is from, in a few words."""

import msgspec

#: What decoding or mapping a hostile record may raise. `ValueError` includes msgspec's errors and bad UTF-8.
FAILURES = (ValueError, RecursionError, OverflowError)


class BadRecordError(ValueError):
    """One record cannot be mapped; the message says which field and why, without quoting the person."""


def reason(error: BaseException) -> str:
    """Say in a few words why a record was refused, without a word of what it says."""
    if isinstance(error, BadRecordError):
        return str(error)
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        what, _, where = str(error).replace("`", "").partition(" - at ")
        return f"{where.removeprefix('$').removeprefix('.') or 'record'}: {what[:1].lower()}{what[1:]}"[:200]
    if isinstance(error, msgspec.DecodeError):
        return "cut off" if "truncated" in str(error) else "not JSON"
    return "a value is out of range"

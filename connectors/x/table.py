"""Maps tables that were made from X's data: twarc's CSV of both generations, whatever spreadsheets did to it."""


def knows_header(header: bytes) -> bool:
    """Whether these are the columns of a table of posts."""
    return b"text" in header and b"id" in header

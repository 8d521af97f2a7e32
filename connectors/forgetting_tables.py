"""Takes a person out of tables: their rows to a place, and their traces in the rows of others."""

import csv
import io
import re

from connectors.forgetting import Concerned, Person, Scrubber, handle_key
from connectors.forgetting_json import Local, Walk, of_x
from connectors.refusals import FAILURES
from connectors.x.spreadsheet import SURE, read_id
from connectors.x.table import HANDLES, OF_AUTHOR, POST_IDS, Columns, cells_of, records_of
from connectors.x.text import permalink
from knowarchive.model import ERASED, Payload


def scrub_table(payload: Payload, scrub: Scrubber, concerned: Concerned) -> tuple[bytes, int]:
    """The rows of a table, scrubbed, and how many of them changed."""
    columns = Columns.of(payload)
    records = list(records_of(payload.body, columns.delimiter))
    new = [
        _row(record, columns, scrub) if concerned(record) or _may_be_rounded(record) else record for record in records
    ]
    count = sum(one != other for one, other in zip(records, new, strict=True))
    return (b"\n".join(new) if count else payload.body), count


def _may_be_rounded(record: bytes) -> bool:
    return re.search(rb"\dE\+?\d\d|\d00000", record) is not None


def _row(record: bytes, columns: Columns, scrub: Scrubber) -> bytes:
    person = scrub.person
    try:
        cells = cells_of(record, columns)
    except (ValueError, csv.Error):
        try:
            return scrub(record.decode()).encode()  # it is quarantined
        except UnicodeDecodeError:
            return b"\x1a"
    cell = {name: cells[place] for name, place in columns.places.items()}
    read_author = read_id(cell.get("author_id"))
    is_own = person.is_account("x", read_author.whole if read_author else None, cell.get("handle"))
    written = [_cell(text, scrub) for text in cells]
    for name in POST_IDS:
        if name in cell and name != "id" and (whole := _whole(cell[name], person)):
            written[columns.places[name]] = scrub.pseudonyms.number(whole)
    for name in ("author_id", "reply_to_author"):
        if name in cell and f"x:{cell[name].strip()}" in person.accounts:
            written[columns.places[name]] = scrub.pseudonyms.account(f"x:{cell[name].strip()}").removeprefix("x:")
    for name in HANDLES:
        if name in cell and not (name == "handle" and read_author and not is_own):
            words = re.split(r"([\s,;]+)", cell[name])
            if any(_is_handle(word, person) for word in words):
                erased = [ERASED if _is_handle(word, person) else word for word in words]
                written[columns.places[name]] = "".join(erased)
    if is_own:
        for name in OF_AUTHOR:
            if name in cell:
                written[columns.places[name]] = ""
        if "handle" in cell:
            written[columns.places["handle"]] = ERASED
        if "url" in cell and (own := _of_address(cell["url"], person)):
            instead = scrub.pseudonyms.number(own)
            written[columns.places["url"]] = f"https://twitter.com/i/web/status/{instead}"
            if (stated := read_id(cell.get("id"))) and (stated.fits(own) or stated.whole == own):
                written[columns.places["id"]] = instead
    if written == cells:
        return record
    line = io.StringIO()
    csv.writer(line, delimiter=columns.delimiter.decode(), lineterminator="\r\n").writerow(written)
    return line.getvalue().removesuffix("\r\n").encode()


def _cell(text: str, scrub: Scrubber) -> str:
    """A cell, scrubbed: as JSON where twarc wrote it so."""
    if text[:1] in {"[", "{"}:
        try:
            return Walk(scrub, of_x(_NO_PAYLOAD, scrub), Local()).value(text.encode(), "").decode()
        except FAILURES:
            pass
    return scrub(text)


_NO_PAYLOAD = Payload(format="x-csv", origin="", body=b"", items=0)


def _is_handle(word: str, person: Person) -> bool:
    return bool(word) and handle_key("x", word) in person.handles | person.alone


def _whole(cell: str, person: Person) -> str | None:
    """The id of a post of the person that a cell stands for, though a spreadsheet rounded it."""
    found = read_id(cell)
    if found is None:
        return None
    theirs = person.posts | person.ids
    if found.whole is not None:
        return found.whole if f"x:{found.whole}" in theirs else None
    if found.unit > SURE:
        return None
    fitting = [uid.removeprefix("x:") for uid in theirs if uid.startswith("x:") and found.fits(uid.removeprefix("x:"))]
    return fitting[0] if len(fitting) == 1 else None


def _of_address(url: str, person: Person) -> str | None:
    target = permalink(url)
    return target[0] if target and f"x:{target[0]}" in person.posts | person.ids else None

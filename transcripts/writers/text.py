"""Makes text from the networks safe to print: every writer passes every foreign string through here.

All of it is hostile. `clean` is for anything that people see; `escape_markdown` keeps a post from becoming markup;
`safe_url` decides what may become a link at all.
"""

import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit

# Whole terminal sequences go first (ECMA-48: OSC and its kin up to their terminator, CSI, two-byte escapes), so that
# "\x1b[31m" does not leave "[31m" behind.
_TERMINAL = re.compile(
    "(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|\x1b[ -/]*[0-~]?"
)
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# C0 without tab and newline, DEL and C1; bidirectional embeddings, overrides and isolates; interlinear marks, BOM;
# noncharacters.
_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ufeff\ufdd0-\ufdef\ufffe\uffff]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
# Stacked accents that climb over the neighbours: no script needs more than a handful on one letter.
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED = re.compile(f"({_MARKS}{{6}}){_MARKS}+")
_SPACES = re.compile(r"\s+")

_UNSAFE_IN_URL = re.compile(r"[\s\\\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_URL_KEPT = "!#$%&'()*+,/:;=?@[]~-._"


def clean(text: str) -> str:
    """Remove what could act on a terminal, a browser or the direction of the text; keep newlines and words."""
    if text.isascii() and text.isprintable():
        return text
    text = _TERMINAL.sub("", text)
    text = _BREAKS.sub("\n", text).replace("\t", " ")
    text = _REMOVED.sub("", text)
    return _STACKED.sub(r"\1", _SURROGATES.sub("\ufffd", text))


def clean_line(text: str) -> str:
    """`clean`, on one line: for names, titles, labels and everything else that is not the body of a post."""
    return _SPACES.sub(" ", clean(text)).strip()


def encodable(text: str) -> str:
    """Replace lone surrogates, the only thing that UTF-8 cannot carry; all else stays as it was received."""
    return _SURROGATES.sub("\ufffd", text)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is not a number
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None


def safe_url(url: str | None) -> str | None:
    """The address as it may stand in an `href`, or None: only http and https, and only what all parsers agree on.

    Backslashes and white space are refused because browsers and `urlsplit` read different hosts out of them
    (WHATWG URL, "special" schemes).
    """
    if not url or _UNSAFE_IN_URL.search(url) or _split(url) is None:
        return None
    scheme, colon, rest = url.partition(":")
    return scheme.lower() + colon + quote(rest, safe=_URL_KEPT)


def show_url(url: str, limit: int = 64) -> str:
    """An address as people read it: the host that will really be visited, then the path, cut to `limit`."""
    parts = _split(url)
    if parts is None:
        return clean_line(url)
    rest = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    rest += f"#{parts.fragment}" if parts.fragment else ""
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port is not None else ""
    shown = clean_line(host.removeprefix("www.") + port + rest)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


@lru_cache(maxsize=1 << 14)
def anchor(uid: str) -> str:
    """The permanent id of a post in a page: injective, and safe in HTML, in a fragment and in a selector's quotes.

    Letters and digits and dots stay, ":" becomes "-", every other byte "_XX" in hexadecimal.
    """
    kept = [
        chr(byte) if byte < 0x80 and (chr(byte).isalnum() or byte == 0x2E) else "-" if byte == 0x3A else f"_{byte:02X}"
        for byte in uid.encode("utf-8", "surrogatepass")
    ]
    return "p-" + "".join(kept)


# What is escaped wherever it stands; entities rather than backslashes for "<" and "&", since kramdown knows no "\<".
_MARKDOWN_INLINE = re.compile(
    r"(?P<backslash>\\(?=[!-/:-@\[-`{-~]|$))"
    r"|(?P<always>[`*\[\]{|])"
    r"|(?P<underscore>(?<![^\W_])_|_(?![^\W_]))"  # inside a word it is literal everywhere
    r"|(?P<entity>&(?=#?\w+;))"
    r"|(?P<angle><(?=[A-Za-z/!?])|<$)"
    r"|(?P<tilde>(?<=\S)~|^~|~(?=~))"  # "~20 people" opens what nothing closes
)
# What is markup only at the start of a line: headings, quotes, lists, underlines of headings, definitions.
_MARKDOWN_START = re.compile(r"[#>=:-]|\+(?=\s|$)|(?P<digits>\d{1,9})(?P<mark>[.)])(?=\s|$)")
_ENTITIES = {"&": "&amp;", "<": "&lt;"}


def escape_markdown(text: str) -> str:
    """Make a `clean` piece of a line literal in CommonMark, GFM and kramdown, touching only what would be markup."""
    return _MARKDOWN_INLINE.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), text)


def escape_markdown_start(line: str) -> str:
    """Keep a whole line, already escaped by `escape_markdown`, from beginning a heading, list, quote or rule."""
    line = line.strip()
    match = _MARKDOWN_START.match(line)
    if match is None:
        return line
    return f"{match['digits']}\\{line[match.start('mark') :]}" if match["digits"] else "\\" + line

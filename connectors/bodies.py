"""What can be said of an answer's body before it is understood: a web page, or JSON to its end. For all networks."""

import msgspec


def is_html(body: bytes, content_type: str) -> bool:
    """Whether a web page came where JSON was asked for."""
    return "html" in content_type.lower() or body[:200].lstrip()[:1] == b"<"


def is_whole(body: bytes, content_type: str) -> bool:
    """Whether a body is JSON to its end, or something else altogether, which asking again would not change."""
    if is_html(body, content_type):
        return True
    try:
        msgspec.json.decode(body)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True

"""When two addresses are one page of the web."""

from urllib.parse import urlsplit, urlunsplit

TRACKING = ("utm_", "fbclid=", "gclid=", "mc_cid=", "mc_eid=")


def page_of(url: str) -> str | None:
    """Bring an address to the form in which two are the same page; None where it is no address of the web.

    The scheme, `www.`, the case of the host, a last slash and what marketing adds do not make another page.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    except ValueError:
        return None
    if parts.scheme.casefold() not in {"http", "https"} or not host:
        return None
    query = "&".join(one for one in parts.query.split("&") if one and not one.casefold().startswith(TRACKING))
    return urlunsplit(("", host + port, parts.path.rstrip("/"), query, parts.fragment))

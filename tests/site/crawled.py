"""A site as somebody would click through it, or a search engine: every file, every address in it."""

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.ids, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert not any(name.startswith("on") or name == "style" for name in given), (tag, given)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag == "form":
            self.links.append(given["action"])
        if given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given["rel"] in {"stylesheet", "icon"}:
            self.loads.append(given["href"])
        elif tag == "link" and given["rel"] == "alternate":
            self.links.append(given["href"])

    def handle_data(self, data):
        self.words.append(data)


def problems(root):
    """What is wrong with the links of a site: they lead nowhere, load from elsewhere, or stand there twice."""
    root = root.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in root.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(root)
        if len(page.ids) != len(set(page.ids)):
            yield f"{name}: an id is there twice"
        for address in page.loads:
            if urlsplit(address).scheme not in {"", "data"}:
                yield f"{name}: loads {address}"
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.netloc or not there.is_file() or not there.is_relative_to(root):
                yield f"{name}: {address} leads nowhere"
            elif parts.fragment and unquote(parts.fragment) not in pages[there].ids:
                yield f"{name}: {address} has no such anchor"

"""Reads a page as strictly as its readers may: every tag closed in order, nothing but what a transcript needs."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "rect", "line"}
NEVER = {"script", "iframe", "img", "object", "embed", "form", "input", "base", "audio", "video", "foreignobject"}


class Page(HTMLParser):
    """Raises AssertionError where tags do not balance; collects what tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        assert tag not in NEVER, tag
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), names
        assert not [name for name in names if name.startswith("on") or name in {"style", "srcdoc"}], names
        values = dict(attrs)
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"] or "")
        if "href" in values:
            self.hrefs.append(values["href"] or "")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open[-1] == tag, (self.open, tag)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        return "".join(self.words)

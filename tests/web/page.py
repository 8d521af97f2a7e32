"""A page as a browser would take it: its links, its text, and whatever could run on it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.scripts, self.words = [], [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "script":
            self.scripts.append(given.get("src"))
        assert not any(name.startswith("on") or name == "style" for name in given), (tag, given)
        if "href" in given:
            self.links.append(given["href"])
        if "id" in given:
            self.ids.append(given["id"])

    def handle_data(self, data):
        self.words.append(data)

    @property
    def inside(self):
        """Addresses in the room itself."""
        return [link for link in self.links if link.startswith("/")]

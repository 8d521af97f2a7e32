"""Books: a session or a year with everything in it that a reader looks for, in every format."""

import io
import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from invented import evening
from markdown_it import MarkdownIt
from msgspec import structs
from test_hostile import CONTROLS, TEXT, transcripts

from transcripts.build import build_transcript
from transcripts.model import Filing
from transcripts.writers import BOOKS, bind, books
from transcripts.writers.book_pdf import lay_out
from transcripts.writers.books import Book, Notice
from transcripts.writers.chapters import is_rtl, make_chapter
from transcripts.writers.text import anchor, clean, safe_url

X = "{http://www.w3.org/1999/xhtml}"
OPS = "{http://www.idpf.org/2007/ops}"
TEMPLATE = Path(__file__).parents[3] / "transcripts" / "templates" / "book" / "book.typ"
NOTICE = Notice("Be kind to <each> other & the garden.", "gardeners@plot.example", "mailto:gardeners@plot.example")


def week(number):
    """The invented evening, that many weeks later, with posts of its own."""
    transcript, later = evening(), timedelta(weeks=number)

    def renamed(uid):
        return uid and f"{uid}{number}"

    def moved(post):
        return structs.replace(
            post, uid=renamed(post.uid), created_at=post.created_at + later, url=None,
            reply_to=renamed(post.reply_to), quote_of=renamed(post.quote_of),
        )  # fmt: skip

    window = transcript.window
    return replace(
        transcript,
        window=replace(
            window, label=str(date(2024, 3, 12) + later), start=window.start + later, end=window.end + later,
            opens=window.opens + later, closes=window.closes + later,
        ),
        questions=tuple(
            replace(one, uid=renamed(one.uid), parts=tuple(map(renamed, one.parts))) for one in transcript.questions
        ),
        entries=tuple(replace(entry, post=moved(entry.post)) for entry in transcript.entries),
        context={renamed(uid): moved(post) for uid, post in transcript.context.items()},
        links=tuple(replace(link, uids=tuple(map(renamed, link.uids))) for link in transcript.links),
        topic="Seeds & sowing" if number % 2 else None,
    )  # fmt: skip


def a_year(number=3, **more):
    return Book(
        "bedsandborders", "Beds & Borders", ("bedsandborders",), (week(one) for one in range(number)),
        since=date(2024, 1, 1), until=date(2025, 1, 1), notice=NOTICE, version="9.8.7", **more,
    )  # fmt: skip


def a_session(transcript=None):
    transcript = transcript or evening()
    return Book("bedsandborders", transcript.title, transcript.hashtags, [transcript], is_session=True, notice=NOTICE)


class Epub:
    """An EPUB as a reading system takes it: container, package, spine; every reference led to its end."""

    def __init__(self, content):
        self.zip = zipfile.ZipFile(io.BytesIO(content))
        assert self.zip.testzip() is None
        first = self.zip.infolist()[0]
        assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
        assert content[30:58] == b"mimetypeapplication/epub+zip"
        names = self.zip.namelist()
        assert len(names) == len({name.casefold() for name in names})
        assert all(re.fullmatch(r"[A-Za-z0-9./_-]+", name) and ".." not in name for name in names)
        container = ET.fromstring(self.zip.read("META-INF/container.xml"))
        (root,) = (one.get("full-path") for one in container.iter() if one.tag.endswith("}rootfile"))
        self.package = ET.fromstring(self.zip.read(root))
        self.items = {one.get("id"): one for one in self.package.iter() if one.tag.endswith("}item")}
        listed = {f"EPUB/{one.get('href')}" for one in self.items.values()}
        assert {"mimetype", "META-INF/container.xml", root} | listed == set(names)
        self.spine = [one.get("idref") for one in self.package.iter() if one.tag.endswith("}itemref")]
        assert len(self.spine) == len(set(self.spine))
        assert [one.get("href") for one in self.items.values() if one.get("properties") == "nav"] == ["nav.xhtml"]
        self.pages = {
            one.get("href"): ET.fromstring(self.zip.read(f"EPUB/{one.get('href')}"))
            for one in self.items.values()
            if one.get("media-type") == "application/xhtml+xml"
        }
        assert set(self.pages) == {self.items[one].get("href") for one in self.spine}
        self.ids = {name: [one.get("id") for one in page.iter() if one.get("id")] for name, page in self.pages.items()}
        for name, page in self.pages.items():
            assert len(self.ids[name]) == len(set(self.ids[name])), name
            check_markup(page)
            for one in page.iter(f"{X}a"):
                self.follow(name, one.get("href"))
            for one in page.iter(f"{X}img"):
                assert f"EPUB/{one.get('src')}" in names

    def follow(self, name, href):
        """Nothing leads nowhere, or to what is not the web."""
        if ":" in href:
            assert safe_url(href) == href or href.startswith("mailto:"), href
            return
        target, _, fragment = href.partition("#")
        assert not fragment or fragment in self.ids[target or name], href

    def meta(self, name):
        return [one.text for one in self.package.iter() if one.tag.endswith("}" + name)]

    def text(self, name):
        return "".join(self.pages[name].itertext())


def check_markup(root):
    """Only the elements and attributes that a book needs."""
    tags = {one.tag.removeprefix(X) for one in root.iter()}
    assert tags <= {
        "html", "head", "title", "link", "body", "main", "section", "nav", "h1", "h2", "h3", "h4", "p", "div", "span", "b",
        "bdi", "time", "sup", "a", "br", "blockquote", "ul", "ol", "li", "figure", "figcaption", "img",
    }, tags  # fmt: skip
    for one in root.iter():
        assert not {name for name in one.attrib if name.startswith("on") or name in {"style", "srcdoc"}}


def main_of(html):
    """The body of a book as one page, read as strictly as XML."""
    text = html.decode()
    return ET.fromstring(text[text.index("<main") : text.index("</main>") + len("</main>")])


@pytest.mark.parametrize("name", BOOKS)
def test_equal_sessions_give_equal_bytes(name):
    assert bind(a_year(2), name) == bind(a_year(2), name)


@pytest.mark.parametrize("name", ["epub", "html", "md", "txt"])
def test_a_year_has_contents_chapters_people_and_says_where_it_comes_from(name):
    content = bind(a_year(), name)
    if name == "epub":
        book = Epub(content)
        text = " ".join(map(book.text, sorted(book.pages)))
    else:
        text = "".join(main_of(content).itertext()) if name == "html" else content.decode()
    text = re.sub(r"\s+", " ", text.replace("\\", "").replace("&lt;", "<"))
    for words in (
        "Beds & Borders", "2024", "3 sessions, 105 posts, 7 people, 9 questions, 15 links",
        "Tuesday 12 March 2024", "Tuesday 19 March 2024: Seeds & sowing", "Tuesday 26 March 2024",
        "Which one thing would you never do to your soil again?", "The jar test took one evening",
        "A post that its author deleted" if name in {"epub", "html"} else "a post that its author deleted",
        "Index of people", "12 March", "19 March", "26 March", "יעל בן־דור", "not asked for 18:45–19:00",
        "About this book", "Made by Knowarchive 9.8.7", "X, Bluesky and Mastodon", "3 with gaps",
        "Be kind to <each> other & the garden.", "To have something taken out, write to gardeners@plot.example.",
    ):  # fmt: skip
        assert words in text, words


def test_an_epub_of_a_year_has_a_page_for_each_part_in_order():
    book = Epub(bind(a_year(), "epub"))
    assert book.spine == [
        "title", "nav", "pictures", "s-2024-03-12", "s-2024-03-19", "s-2024-03-26", "people", "colophon",
    ]  # fmt: skip
    assert book.meta("title") == ["Beds & Borders, 2024"]
    assert book.meta("language") == ["en"]
    nav = book.pages["nav.xhtml"]
    assert nav.find(f".//{X}nav").get(f"{OPS}type") == "toc"
    assert [one.get("href") for one in nav.iter(f"{X}a")][:6] == [
        "title.xhtml", "pictures.xhtml", "s-2024-03-12.xhtml", "s-2024-03-12.xhtml#s-2024-03-12-2",
        "s-2024-03-12.xhtml#s-2024-03-12-3", "s-2024-03-12.xhtml#s-2024-03-12-4",
    ]  # fmt: skip
    assert [one.get("src") for one in book.pages["pictures.xhtml"].iter(f"{X}img")] == [
        f"pictures/picture-{name}.svg" for name in ("years", "ties", "regulars", "waits")
    ]
    assert all(one.get("alt") for page in book.pages.values() for one in page.iter(f"{X}img"))


def test_the_notes_of_an_epub_have_the_address_of_every_post_and_lead_back():
    transcript = evening()
    page = Epub(bind(a_session(transcript), "epub")).pages["s-2024-03-12.xhtml"]
    notes = next(one for one in page.iter(f"{X}section") if one.get(f"{OPS}type") == "endnotes")
    addresses = {one.get("href") for one in notes.iter(f"{X}a")}
    shown = [entry.post for entry in transcript.entries if not entry.post.deleted_at]
    for post in shown:
        address = f"https://x.com/{post.author_handle}/status/{post.uid[2:]}" if post.platform == "x" else None
        assert address is None or address in addresses
    refs = [one for one in page.iter(f"{X}a") if one.get(f"{OPS}type") == "noteref"]
    assert len(refs) == len(list(notes.iter(f"{X}li"))) == len(shown) + 1  # and the post from outside
    assert [one.text for one in refs] != sorted(one.text for one in refs)
    assert {one.get("href") for one in refs} == {f"#{one.get('id')}" for one in notes.iter(f"{X}li")}


def test_a_book_is_the_same_one_when_sessions_are_added_and_another_for_another_time():
    def identity(book):
        return Epub(bind(book, "epub")).meta("identifier")

    assert identity(a_year(2)) == identity(a_year(3))
    assert identity(a_year(2)) != identity(replace(a_year(2), until=date(2024, 7, 1)))
    assert identity(a_session()) != identity(a_session(week(1)))


def test_what_is_older_than_a_book_does_not_change_its_date():
    modified = [
        one.text for one in Epub(bind(a_year(2), "epub")).package.iter() if one.get("property") == "dcterms:modified"
    ]
    assert modified == ["2024-03-19T20:11:00Z"]


def test_people_are_listed_once_though_other_accounts_lead_in_other_sessions():
    first, second = week(0), week(1)
    second = replace(
        second,
        participants=tuple(
            replace(person, key="x:@rowan_digs") if person.key == "x:101" else person for person in second.participants
        ),
    )
    book = replace(a_year(), sessions=[first, second])
    people = Epub(bind(book, "epub")).pages["people.xhtml"]
    lines = ["".join(one.itertext()) for one in people.iter(f"{X}li")]
    assert len(lines) == 7
    assert sum("Rowan" in line for line in lines) == 1
    assert next(line for line in lines if "Rowan" in line).endswith("14 posts: 12 March, 19 March")


def test_declared_wishes_are_counted_and_the_copy_is_said_to_be_the_keepers():
    transcript = evening()
    entries = [
        replace(entry, post=structs.replace(entry.post, consent="noindex" if number < 3 else "none"))
        for number, entry in enumerate(transcript.entries)
    ]
    book = a_session(replace(transcript, entries=tuple(entries)))
    text = bind(book, "txt").decode()
    assert "3 posts are by people who do not want their posts to be found by search." in " ".join(text.split())
    assert "do not put it where everybody can read it" in " ".join(text.split())
    public = " ".join(bind(replace(book, is_public=True), "txt").decode().split())
    assert "left out of this one" in public
    assert "do not put it" not in public
    assert "wish" not in bind(a_session(), "txt").decode()


def test_a_filing_that_is_unsure_is_marked_at_the_head_of_its_thread_alone():
    transcript = evening()
    entries = [
        replace(entry, filing=Filing(entry.filing.topic, entry.filing.role, 0.3, "content"))
        for entry in transcript.entries
    ]
    html = bind(a_session(replace(transcript, entries=tuple(entries))), "html").decode()
    heads = re.findall(r'<div class="post d(\d)"[^>]*>\n<p class="by">(.*?)</p>', html)
    assert {depth for depth, by in heads if "may belong elsewhere" in by} == {"0", "1"}  # 1: below a post from outside
    assert 0 < sum("may belong elsewhere" in by for _, by in heads) < len(heads) / 2 + 8


def test_a_book_as_one_page_needs_nothing_and_leads_nowhere_wrong():
    html = bind(a_year(), "html").decode()
    root = main_of(html.encode())
    check_markup(root)
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for one in root.iter("a"):
        href = one.get("href")
        assert href.removeprefix("#") in ids if href.startswith("#") else safe_url(href) == href or "mailto:" in href
    assert all(one.get("src").startswith("data:image/svg+xml;base64,") for one in root.iter("img"))
    assert "default-src 'none'" in html
    assert not re.search(r"<script|src=\"http|@import|url\(", html)


def test_a_large_year_has_contents_without_questions():
    html = bind(replace(a_year(), sessions=[week(number) for number in range(13)]), "html").decode()
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert contents.count("<li>") == 16
    assert "jar test" not in contents


@pytest.mark.parametrize("name", BOOKS)
def test_sessions_are_read_one_at_a_time(monkeypatch, name):
    happened = []

    def sessions():
        for number in range(3):
            happened.append("read")
            yield week(number)

    def make(*arguments):
        happened.append("written")
        return make_chapter(*arguments)

    monkeypatch.setattr(books, "make_chapter", make)
    bind(replace(a_year(), sessions=sessions()), name)
    assert happened == ["read", "written"] * 3


def test_a_book_without_sessions_says_so():
    for name in BOOKS:
        content = bind(replace(a_year(), sessions=()), name)
        assert name in {"epub", "pdf"} or "holds no session" in " ".join(content.decode().split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A1: חימר כבד. הגדיים", True),
        ("Hello שלום everybody", False),
        ("", False),
        ("小雨", False),
        ("مساء النور", True),
    ],
)
def test_a_paragraph_runs_as_most_of_its_letters_do(text, expected):
    assert is_rtl(text) == expected


@pytest.mark.parametrize("label", ["2015-03-10", "2015-05-19"])
def test_a_real_session_is_whole_in_every_book(real, label):
    transcript = build_transcript(real(label))
    book = Epub(bind(a_session(transcript), "epub"))
    page = book.pages[f"s-{label}.xhtml"]
    anchors = {one.get("id") for one in page.iter()}
    assert {anchor(entry.post.uid) for entry in transcript.entries} <= anchors
    for question in transcript.questions:
        assert question.label in book.text("nav.xhtml")
    content = bind(a_session(transcript), "pdf")
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type ?/Page\b", content)) > 8


# Hostile text

MANY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
FEW = settings(MANY, max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking takes minutes


@MANY
@given(transcripts())
def test_any_text_leaves_an_epub_whole_and_harmless(transcript):
    book = Epub(bind(a_session(transcript), "epub"))
    for name in book.pages:
        assert not CONTROLS.search(book.text(name))


@MANY
@given(transcripts())
def test_any_text_leaves_a_book_as_one_page_whole_and_harmless(transcript):
    html = bind(a_session(transcript), "html")
    root = main_of(html)
    check_markup(root)
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for one in root.iter("a"):
        assert one.get("href").startswith(("#", "mailto:")) or safe_url(one.get("href")) == one.get("href")


@MANY
@given(transcripts())
def test_any_text_leaves_markdown_and_text_of_a_book_harmless(transcript):
    for name in ("md", "txt"):
        text = bind(a_session(transcript), name).decode()
        assert not CONTROLS.search(text)
    kinds = {token.type for token in MarkdownIt("commonmark").parse(bind(a_session(transcript), "md").decode())}
    assert not kinds & {"html_block", "code_block", "fence", "hr"}


def typeset(query, data):
    import typst

    return json.loads(typst.query(TEMPLATE, query, sys_inputs={"data": data}, root=TEMPLATE.parent))


def parts_of(value, name):
    """Every value of a key, however deep, in order."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key == name:
                yield one
            yield from parts_of(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from parts_of(one, name)


@FEW
@given(transcripts())
def test_any_text_can_be_printed_and_leads_nowhere_wrong(transcript):
    data, _ = lay_out(a_session(transcript))
    for link in typeset("selector(link).or(raw).or(math.equation).or(ref)", data):
        assert link["func"] == "link"
        dest = link["dest"]
        assert dest.startswith("<") or dest == f"mailto:{NOTICE.contact}" or safe_url(dest) == dest, dest
    assert bind(a_session(transcript), "pdf").startswith(b"%PDF-1.7")


TYPST = [
    "#panic(1)", "#sys.inputs", '#read("/etc/passwd")', '#import "@preview/x:0.1.0"', "$x^2$", "*b* _e_ `c`", "= heading",
    "- item", "+ item", "/ term: x", "<label>", "@ref", '#link("https://evil.example")[x]', "\\u{1F600}", "// comment",
    "/* comment", "]", "[", "}", "#{", '"', "\\", "~", "--", "...", "'q'", "https://ok.example/#x", "```typ #panic()```",
]  # fmt: skip


def test_words_that_are_markup_to_typst_are_printed_as_they_are():
    transcript = evening()
    text = "\n".join(TYPST)
    first = transcript.entries[0]
    entry = replace(first, post=structs.replace(first.post, text=text, author_name=TYPST[0]))
    questions = tuple(replace(one, text=text) for one in transcript.questions)
    data, _ = lay_out(
        a_session(replace(transcript, title=text, entries=(entry, *transcript.entries[1:]), questions=questions))
    )
    (post,) = typeset(f"<p-{first.post.uid.replace(':', '-')}>", data)
    kinds = set(parts_of(post, "func"))
    assert kinds <= {"block", "sequence", "styled", "text", "strong", "h", "super", "link", "linebreak"}, kinds
    words = "".join(parts_of(post, "text"))
    assert TYPST[0] in words
    shown = [piece for piece in TYPST if "://" not in piece]
    assert [piece for piece in shown if piece not in words] == []
    headings = ["".join(parts_of(one, "text")) for one in typeset("heading", data)]
    assert sum("#panic(1)" in one for one in headings) == 4


@MANY
@given(TEXT)
def test_the_words_of_a_post_reach_the_page_as_they_were(text):
    transcript = evening()
    first = transcript.entries[0]
    entry = replace(first, post=structs.replace(first.post, text=text))
    transcript = replace(transcript, entries=(entry, *transcript.entries[1:]))
    chapter = json.loads(lay_out(a_session(transcript))[0])["chapters"][0]["chapter"]
    told = next(told for part in chapter["parts"] for told in part["rows"] if told["anchor"] == "p-x-9001")
    shown = "".join(piece["text"] for piece in told["words"]["pieces"]).replace("\u200b", "")
    words = [word for word in clean(text).replace("\u200b", "").split() if "://" not in word]
    assert [word for word in words if word not in shown] == []


def test_words_that_no_line_can_hold_are_broken():
    transcript = evening()
    first = transcript.entries[0]
    entry = replace(first, post=structs.replace(first.post, text="a" * 400))
    data, _ = lay_out(a_session(replace(transcript, entries=(entry, *transcript.entries[1:]))))
    assert max(map(len, re.findall("a+", data))) == 40


def test_a_sign_without_a_font_is_said_and_printed_as_a_box(caplog):
    transcript = evening()
    first = transcript.entries[0]
    rare = "\u0378"  # that no script has
    entry = replace(first, post=structs.replace(first.post, text=f"Here: {rare}"))
    content = bind(a_session(replace(transcript, entries=(entry, *transcript.entries[1:]))), "pdf")
    assert content.startswith(b"%PDF")
    assert "no font here has" in caplog.text
    assert "U+0378" in caplog.text


def test_a_pdf_says_what_it_is_and_is_tagged():
    content = bind(a_session(), "pdf")
    for mark in (b"/MarkInfo", b"/StructTreeRoot", b"/Outlines", b"/Lang", b"Beds & Borders, Tuesday 12 March 2024"):
        assert mark in content, mark
    assert b"20240312201100" in content  # the time of the latest thing in it, not of the making
    assert datetime.now(UTC).strftime("%Y%m%d").encode() not in content


@pytest.mark.slow
@pytest.mark.parametrize("make", [a_session, a_year])
def test_epubcheck_finds_nothing(tmp_path, make):
    checker = shutil.which("epubcheck")
    if checker is None or shutil.which("java") is None:
        pytest.skip("epubcheck is not installed; apt-get install epubcheck")
    path = tmp_path / "book.epub"
    path.write_bytes(bind(make(), "epub"))
    result = subprocess.run(["java", "-jar", checker, str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No errors or warnings detected" in result.stdout


@pytest.mark.slow
@settings(MANY, max_examples=150)
@given(transcripts())
def test_any_text_leaves_a_pdf(transcript):
    assert bind(a_session(transcript), "pdf").startswith(b"%PDF")

"""Addresses last for ever, and no two are one on any file system."""

from hypothesis import given
from hypothesis import strategies as st

from knowarchive.site import addresses
from knowarchive.site.addresses import SitePlaces, slug

NAMES = st.text() | st.sampled_from(
    ["con", "NUL", "com1", "a:b", "A:B", "../../etc/passwd", "x" * 10_000, "", ".", "x:1"]
)


@given(st.lists(NAMES, unique=True))
def test_names_that_differ_have_addresses_that_differ_whatever_the_case(names):
    slugs = [slug(name).casefold() for name in names]
    assert len(set(slugs)) == len(names)


@given(NAMES)
def test_an_address_is_a_short_name_that_every_file_system_takes(name):
    found = slug(name)
    assert 1 <= len(found) <= 60
    assert found.isascii()
    assert found == found.lower()
    assert not set(found) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert found not in {"con", "prn", "aux", "nul"} | {f"{kind}{n}" for kind in ("com", "lpt") for n in range(10)}


def test_addresses_are_the_ones_that_they_always_were():
    """Whoever changes this breaks every link to every site."""
    plain = "bluesky:did:plc:ewvi7nxzyoun6zhxrhs64oiz"
    assert addresses.session_page("critlib", "2015-05-19") == "chats/critlib/2015-05-19.html"
    assert addresses.session_page("critlib", "2015-05-19@2100") == "chats/critlib/2015-05-19-2100.html"
    assert addresses.part_page("critlib", "2015-05-19", "Q2") == "chats/critlib/2015-05-19/q2.html"
    assert addresses.part_page("critlib", "2015-05-19", "Q2", 3) == "chats/critlib/2015-05-19/q2.3.html"
    assert addresses.month_page("critlib", "2015-05", 2) == "chats/critlib/between-2015-05.2.html"
    assert addresses.person_page("x:101") == "people/x-101.html"
    assert addresses.person_page(plain, 4) == "people/bluesky-did-plc-ewvi7nxzyoun6zhxrhs64oiz.4.html"
    assert addresses.person_page("mastodon:https://lamps.example/users/Ada").startswith(
        "people/mastodon-https-lamps-example-users-ada--"
    )
    assert addresses.person_page("mastodon:https://lamps.example/users/Ada") == (
        "people/mastodon-https-lamps-example-users-ada--"
        + addresses.sha256(b"mastodon:https://lamps.example/users/Ada").hexdigest()[:16]
        + ".html"
    )
    assert addresses.links_page("2015-05") == "links/2015-05.html"
    assert addresses.chat_page("critlib") == "chats/critlib/index.html"
    assert addresses.chat_folder("con") not in {"chats/con", addresses.chat_folder("aux")}


def test_pages_lead_to_each_other_wherever_the_site_stands():
    places = SitePlaces("chats/a/2015-05-19/q1.html", {"x:2": "x:1"}, posts={"x:9": "chats/a/2015-05-19.html"})
    assert places.home_page() == "../../../index.html"
    assert places.person_page("x:2") == "../../../people/x-1.html"
    assert places.person_page("x:3") is None
    assert places.post_page("x:9") == "../../../chats/a/2015-05-19.html#p-x-9"
    assert places.question_page("a", "2015-05-19", "Q9") is None

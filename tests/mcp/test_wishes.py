"""Whoever runs an assistant is somebody else: what people declared about being shown to others holds."""

import pytest

from tests.web.conftest import DATE


@pytest.mark.parametrize("words", ["never to be found", "never to be shown", "unspeakable sparks", "regretted tallow"])
def test_no_search_finds_who_does_not_want_to_be_found(helper, words):
    found = helper.read("search", query=words)
    assert (found["total"], found["posts"], found["facets"]) == (0, [], {})
    everything = helper.read("search", query="chat:lampchat", limit=1)
    assert all(name not in str(everything["facets"]) for name in ("cleo", "dora", "quiet", "gus"))


def test_a_transcript_keeps_the_place_of_who_does_not_want_to_be_shown(helper):
    text = helper.text("transcript", chat="lampchat", date=DATE, topic="Q2")
    assert "never to be found" in text  # a page may show who only does not want to be searched for
    for secret in ("never to be shown", "dora", "unspeakable", "Quiet", "regretted", "Changedhismind", '"x:302"'):
        assert secret not in text
    assert text.count("as its author wishes") == 3


@pytest.mark.parametrize("uid", ["x:9", "x:301", "x:302"])
def test_nobody_is_read_by_uid_who_does_not_want_to_be_shown(helper, uid):
    assert "no such post" in helper.refusal("post", uid=uid)
    assert "no such post" in helper.refusal("conversation", uid=uid)


def test_whom_somebody_answered_is_not_named_if_they_do_not_want_to_be_shown(helper):
    text = helper.text("conversation", uid="x:303")
    assert "gus" not in text
    assert '"x:302"' not in text
    assert helper.read("post", uid="x:303")["post"]["reply_to"].startswith("x:-")

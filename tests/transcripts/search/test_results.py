import re
import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transcripts.search.conftest import NOON, change, indexed, write
from transcripts.search import compiling, results
from transcripts.search import index as indexes
from transcripts.search.highlighting import differs, mark, marker
from transcripts.search.index import IndexWriter, open_index, touched_since
from transcripts.search.language import parse
from transcripts.search.posts import Filed, IndexedPost
from transcripts.search.results import Around, around, search


class Words(dict):
    """A vocabulary: the forms of each word."""

    def forms(self, word):
        return self.get(word, ())

    def holds(self, _field, _value):
        return True


@pytest.mark.parametrize(
    ("texts", "query", "found"),
    [
        (["open access now", "access", "open"], "open access", [1]),
        (["access open", "open access"], '"open access"', [2]),
        (["cats", "dogs", "fish"], "cats OR dogs", [1, 2]),
        (["cats and dogs", "cats"], "cats -dogs", [2]),
        (["cats", "dogs"], "-dogs", [1]),
        (["cats", "dogs", "fish"], "cats OR -dogs", [1, 3]),
        (["we teach", "teaching it", "teacup"], "teaching", [1, 2]),
        (["knowledge", "knowing", "know"], "knowl*", [1]),
        (["Crème brûlée", "creme"], "crème", [1, 2]),
        (["図書館でお茶", "館書図"], "図書館", [1]),
        (["thanks 👍🏽", "thanks"], "👍", [1]),
        (["see https://example.org/abc"], "abc", []),  # its words count where the post's links are known
        (["the wiki", "nothing"], "wikki", [1]),
        (["the wiki"], "wikki wiki", [1]),
        (["the wiki"], "zebra", []),
        (["a", "b"], "", [1, 2]),
    ],
)
def test_a_query_finds_what_it_asks_for(find, texts, query, found):
    assert sorted(find(texts, query)) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from:jane", [1, 3]),
        ("from:@Bob@example.social", [2]),
        ("from:bob", [2]),
        ('from:"Robert Tables"', [2]),
        ("robert", [2]),
        ("@jane", [1, 2, 3]),
        ("to:jane", [2]),
        ("mentions:jane", [2]),
        ("#critlib", [1]),
        ("tag:critlib", [1]),
        ("#crit", []),
        ("lib", [1]),  # a word inside #CritLib
        ("chat:lampchat", [1, 2]),
        ("chat:otherchat", [3]),
        ("session:2015-03-10", [1, 2]),
        ("question:2", [2]),
        ("question:none", [3]),
        ("role:question", [1]),
        ("is:question", [1]),
        ("on:mastodon", []),
        ("lang:fr", [2]),
        ("has:link", [3]),
        ("has:media", [2]),
        ("has:quote", [2]),
        ("has:replies", [1]),
        ("link:example.org", [3]),
        ("link:blog.example.org", [3]),
        ("link:ample.org", []),
        ("orangutan", [3]),  # of the link's path
        ("squirrel", [2]),  # of the description of the image
        ("since:2015-03-11", [3]),
        ("until:2015-03-11", [1, 2]),
        ("year:2015", [1, 2, 3]),
        ("-year:2015", []),
        ("is:deleted", [4]),
        ("deleted OR gone", []),
    ],
)
def test_properties_can_be_asked_for(find, query, found):
    posts = [
        indexed(1, "Q1 #CritLib", hashtags=("CritLib",), replies=2, filed=(Filed("lampchat", "2015-03-10", "Q1", "question"),)),
        indexed(2, "oui", author_handle="Bob@example.social", author_name="Robert Tables", mentions=("Jane",), lang="fr",
                answers="jane", has_media=True, alts=("a squirrel",), quote_of="x:1", minute=1,
                filed=(Filed("lampchat", "2015-03-10", "Q2", "answer"),)),
        indexed(3, "read", links=(("https://www.blog.example.org/orangutan?a=1", None),), minute=24 * 60,
                filed=(Filed("otherchat", "2015-03-11", "none", "chatter"),)),
        IndexedPost(uid="x:4", created_at=NOON, deleted=True),
    ]  # fmt: skip
    assert sorted(find(posts, query)) == found


def test_the_word_itself_comes_before_its_forms_and_the_author_s_name(find):
    posts = [
        indexed(1, "some words", author_name="Radical Library"),
        indexed(2, "libraries here"),
        indexed(3, "library here"),
    ]
    assert find(posts, "library") == [3, 2, 1]


def test_a_phrase_stands_in_one_place(find):
    beside = indexed(2, "we open", alts=("access granted", "a closed door"))
    assert find([indexed(1, "open access"), beside], '"open access"') == [1]
    assert find([indexed(1, "open access"), beside], '"closed door"') == [2]


def test_of_posts_that_fit_alike_those_that_people_took_up_and_newer_ones_come_first(find):
    old = {"minute": -10 * 365 * 24 * 60}
    posts = [
        indexed(1, "open access now", **old),
        indexed(2, "open access day"),
        indexed(3, "open access too", likes=40),
    ]
    assert find(posts, "access")[0] == 3
    assert find([indexed(1, "access now", **old), indexed(2, "access day")], "access") == [2, 1]


def test_time_orders_when_asked(find):
    posts = [indexed(1, "cats", minute=5), indexed(2, "cats cats", minute=1), indexed(3, "cats", minute=9)]
    assert find(posts, "cats", sort="newest") == [3, 1, 2]
    assert find(posts, "cats", sort="oldest") == [2, 1, 3]
    assert find(posts, "from:jane") == [3, 1, 2]  # nothing to fit better or worse


def test_a_post_on_two_networks_or_repeated_by_hand_is_one_hit(tmp_path):
    said = "we should all read more poetry about catalogues"
    posts = [
        indexed(1, said, likes=5),
        indexed(2, f"RT @jane: {said}", minute=3),
        indexed(3, said, uid="mastodon:https://example.social/3", minute=4),
        indexed(4, said, minute=5 * 24 * 60),
    ]
    found = search(write(tmp_path / "index", posts), parse("poetry"))
    assert found.total == 4
    assert {hit.post.uid: sorted(post.uid for post in hit.also) for hit in found.hits} == {
        "x:1": ["mastodon:https://example.social/3", "x:2"],
        "x:4": [],
    }


@pytest.fixture(params=[results.LARGE, 0], ids=["a small index", "a large one"])
def large(request, monkeypatch):
    """From how many posts on facets are counted by another thread."""
    monkeypatch.setattr(results, "LARGE", request.param)


@pytest.mark.usefixtures("large")
def test_facets_count_all_that_fit(tmp_path):
    posts = [
        indexed(
            n, f"cats {n}", author_handle="Ann" if n % 3 else "bob", links=(("https://example.org/a", None),) * (n > 8)
        )
        for n in range(10)
    ]
    found = search(write(tmp_path / "index", posts), parse("cats"), limit=2)
    assert found.total == 10
    assert found.facets == {
        "chat": (("lampchat", 10),),
        "year": (("2015", 10),),
        "platform": (("x", 10),),
        "author": (("ann", 6), ("bob", 4)),
        "question": (("Q1", 10),),
        "host": (("example.org", 1),),
    }


def test_facets_with_the_same_value_are_counted_apart(tmp_path):
    filed = (Filed("2015", "2015-03-10", "Q1", "answer"), Filed("q1=x", "2015-03-10", "none", "chatter"))
    index = write(tmp_path / "index", [indexed(1, "cats", filed=filed), indexed(2, "cats", filed=())])
    found = search(index, parse("cats")).facets
    assert found["year"] == (("2015", 2),)
    assert sorted(found["chat"]) == [("2015", 1), ("q1=x", 1)]
    assert (found["question"], found["host"]) == ((("Q1", 1),), ())
    assert [search(index, parse(f"cats {one}")).total for one in ("chat:2015", "year:2015", "question:Q1")] == [1, 2, 1]


@pytest.mark.parametrize(
    "query",
    ["teach read", "teach read cat", "teach OR dog read", "teach -read cats", "teach read chat:lampchat", "teach"],
)
def test_asking_for_combinations_of_forms_finds_what_asking_for_any_form_of_each_word_does(
    tmp_path, monkeypatch, query
):
    forms = ["teach", "teaching", "teaches", "read", "reading", "cat", "cats", "dog"]
    texts = [" ".join(word for bit, word in enumerate(forms) if number >> bit & 1) for number in range(1, 256)]
    index = write(tmp_path / "index", [indexed(n, text, minute=3 * n) for n, text in enumerate(texts)])

    def found():
        return {hit.post.uid for hit in search(index, parse(query), limit=300).hits}

    together = found()
    monkeypatch.setattr(compiling, "MOST_COMBINATIONS", 0)
    assert together == found() != set()


@pytest.mark.usefixtures("large")
def test_facets_are_those_of_what_was_forgiven(tmp_path):
    found = search(write(tmp_path / "index", [indexed(n, f"letters {n}") for n in range(3)]), parse("leters"))
    assert (found.total, found.facets["chat"]) == (3, (("lampchat", 3),))


def test_facets_are_counted_only_where_they_are_asked_for(tmp_path):
    index = write(tmp_path / "index", [indexed(n, f"cats {n}", minute=n) for n in range(30)])
    without = search(index, parse("cats"), facets=False)
    assert without.facets == {}
    whole = search(index, parse("cats"))
    assert (without.total, without.hits, without.pages) == (whole.total, whole.hits, whole.pages)


@pytest.mark.parametrize(
    "uid",
    ["x:580930786603339776", "x:1", "x:9223372036854775808", "x:007", "x:0", "x:²", "x:", "x:-5", "x:1_000",
     "bluesky:did:plc:abc/app.bsky.feed.post/3k", "mastodon:https://example.social/3", "12"],
)  # fmt: skip
def test_a_post_is_kept_with_its_names_as_they_were(find, tmp_path, uid):
    post = indexed(1, "cats", uid=uid, author_uid=uid, reply_to=uid, quote_of=uid)
    assert [hit.post for hit in search(write(tmp_path / "index", [post]), parse("cats")).hits] == [post]


def test_having_declared_no_wish_is_nothing_to_be_found_by(tmp_path):
    posts = [indexed(1, "cats", consent="none"), indexed(2, "cats", consent="noindex"), indexed(3, "cats")]
    index = write(tmp_path / "index", posts)
    assert index.holds("marks", "consent=noindex")
    assert not index.holds("marks", "consent=none")


def test_every_page_is_there_once_and_one_beyond_the_last_is_the_last(tmp_path):
    index = write(tmp_path / "index", [indexed(n, f"cats and number {n}", minute=n) for n in range(25)])
    pages = [search(index, parse("cats"), page=page) for page in (1, 2, 3)]
    assert [len(page.hits) for page in pages] == [10, 10, 5]
    assert len({hit.post.uid for page in pages for hit in page.hits}) == 25
    assert search(index, parse("cats"), page=10**18).hits == pages[2].hits
    assert search(index, parse("cats"), page=-5).hits == pages[0].hits
    assert len(search(index, parse("cats"), limit=10**18).hits) == 25


def test_the_conversation_around_a_hit_is_told(tmp_path):
    posts = [
        indexed(1, "a question"),
        indexed(2, "the zebra", reply_to="x:1"),
        indexed(3, "late", reply_to="x:2", minute=9),
        indexed(4, "early", reply_to="x:2", minute=1),
        indexed(5, "stranger", reply_to="x:77"),
    ]
    index = write(tmp_path / "index", posts)
    found = around(index, search(index, parse("zebra OR stranger"), sort="oldest").hits)
    assert found["x:2"] == Around(posts[0], (posts[3], posts[2]))
    assert found["x:5"] == Around(None, ())


def test_what_was_meant_is_marked_and_nothing_else_is_changed():
    def marked(text, query):
        passage = mark(text, marker(parse(query), Words({"teach": {"teaching"}})))
        return "".join(f"[{one.text}]" if one.marked else one.text for one in passage.segments)

    assert marked("Teaching is <b>not</b> teachers", "teach") == "[Teaching] is <b>not</b> teachers"
    assert marked("Crème brûlée", "creme brulee") == "[Crème brûlée]"
    assert marked("access, open access", '"open access"') == "access, [open access]"
    assert marked("図書館の図", "図書館") == "[図書館]の図"
    assert marked("nothing", "zebra") == "nothing"
    assert marked("#CritLib @jane", "#critlib @jane") == "#[CritLib] @[jane]"
    assert marked("knowledge knows", "knowl*") == "[knowledge] knows"


def test_of_a_long_text_the_passage_around_the_most_is_shown():
    text = "word " * 200 + "zebra and lion " + "word " * 200
    passage = mark(text, marker(parse("zebra lion"), Words({})))
    assert passage.before
    assert passage.after
    assert [one.text for one in passage.segments if one.marked] == ["zebra", "lion"]
    shown = "".join(one.text for one in passage.segments)
    assert len(shown) <= 280
    assert re.fullmatch(r"(word )+zebra and lion( word)+", shown)


@given(st.text(max_size=600), st.text(max_size=10))
def test_the_segments_of_a_passage_are_the_text(text, query):
    passage = mark(text, marker(parse(query), Words({})))
    shown = "".join(one.text for one in passage.segments)
    assert shown in text
    assert passage.before or passage.after or shown == text


@pytest.mark.parametrize(
    ("one", "other", "most", "expected"),
    [("wiki", "wikki", 1, False), ("form", "from", 1, False), ("cat", "dog", 2, True), ("a", "abcd", 2, True)],
)
def test_typos_are_counted_by_letters_and_swaps(one, other, most, expected):
    assert differs(one, other, most) is expected


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    shutil.rmtree(folder)
    return write(folder, [indexed(n, f"cats and number {n}") for n in range(20)])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(
    st.one_of(
        st.text(st.characters(), max_size=200),
        st.lists(st.sampled_from(["cats", "-", "OR", '"', "NOT", "from:", "since:2015", "until:9999-12-31", "#", "*", "(", "x*",
                                  "'; DROP TABLE posts; --", "<script>alert(1)</script>", "(a+)+$", "\x00", "question:", "["])).map(" ".join),
    )
)  # fmt: skip
def test_nothing_that_is_typed_is_an_error(small, typed):
    found = search(small, parse(typed))
    assert 0 <= len(found.hits) <= found.total <= 20


def test_a_query_of_a_hundred_kilobytes_is_answered(small):
    assert search(small, parse("cats " * 20_000)).total == 20
    assert search(small, parse("z" * 100_000)).total == 0


def files_hold(folder, word):
    return [file.name for file in folder.rglob("*") if file.is_file() and word in file.read_bytes()]


def test_what_is_erased_leaves_the_index_and_its_files(tmp_path):
    folder = tmp_path / "index"
    posts = [indexed(n, f"cats and number {n}", minute=n) for n in range(50)]
    secret = indexed(99, "xylophonist", minute=7)
    write(folder, [*posts, secret])
    assert files_hold(folder, b"xylophonist")
    change(folder, NOON + timedelta(minutes=7), NOON + timedelta(minutes=8), [posts[7]])
    index = open_index(folder)
    assert search(index, parse("xylophonist")).total == 0
    assert search(index, parse("cats")).total == 50
    assert files_hold(folder, b"xylophonist") == []


def test_a_deleted_post_leaves_a_tombstone_without_words_even_after_it_was_changed(tmp_path):
    folder = tmp_path / "index"
    minute = (NOON, NOON + timedelta(minutes=1))
    write(folder, [indexed(1, "xylophonist"), indexed(2, "cats", minute=2)])
    change(
        folder, *minute, [indexed(1, "xylophonist", likes=3)]
    )  # what was written before lies about in a dead version
    change(folder, *minute, [IndexedPost(uid="x:1", created_at=NOON, deleted=True)])
    index = open_index(folder)
    assert search(index, parse("xylophonist")).total == 0
    assert [hit.post.uid for hit in search(index, parse("is:deleted")).hits] == ["x:1"]
    assert files_hold(folder, b"xylophonist") == []


def test_what_is_as_it_should_be_is_not_written_again(tmp_path):
    folder = tmp_path / "index"
    posts = [indexed(n, f"cats {n}", minute=n) for n in range(5)]
    write(folder, posts)
    before = open_index(folder)
    assert change(folder, NOON, NOON + timedelta(hours=1), posts) == 0
    assert change(folder, NOON, NOON + timedelta(hours=1), [*posts[:4], indexed(4, "dogs", minute=4)]) == 1
    assert search(before, parse("dogs")).total == 0  # who reads goes on with what was there
    assert search(open_index(folder), parse("dogs")).total == 1


@pytest.mark.parametrize("posts", [40, 8 * 20 - 3, 64 * 5 - 3, 64 * 5])
def test_a_new_index_of_many_posts_becomes_one_segment(tmp_path, monkeypatch, posts):
    monkeypatch.setattr(indexes, "PART", 5)
    monkeypatch.setattr(indexes, "LARGEST_PART", 20)
    monkeypatch.setattr(indexes, "MERGED", 8)
    with IndexWriter(tmp_path / "index", expected=posts) as writer:
        for n in range(posts):
            writer.add([indexed(n, f"cats {n}", minute=n)])
        writer.finish(setup="", tables={})
    index = open_index(tmp_path / "index")
    assert (index.searcher.num_docs, index.searcher.num_segments) == (posts, 1)


def test_an_index_tells_which_stretches_were_touched_since(tmp_path, monkeypatch):
    monkeypatch.setattr(indexes, "REMEMBERED", 2)
    posts = [indexed(n, f"cats {n}", minute=n) for n in range(4)]
    states = [write(tmp_path / "index", posts).state]
    minute = timedelta(minutes=1)

    def alter(number, text):
        since = NOON + number * minute
        change(tmp_path / "index", since, since + minute, [indexed(number, text, minute=number)])
        states.append(open_index(tmp_path / "index").state)
        return int(since.timestamp()), int((since + minute).timestamp())

    one, other = alter(1, "dogs"), alter(3, "birds")
    alter(2, "cats 2")  # as it was
    third = alter(2, "fish")
    assert touched_since(states[2], states[2]) == touched_since(states[2], states[3]) == []
    assert touched_since(states[1], states[3]) == [other]
    assert touched_since(states[0], states[3]) == [one, other]
    assert touched_since(states[1], states[4]) == [(third[0], other[1])]  # they touch each other
    assert touched_since(states[0], states[4]) is None  # too long ago
    assert touched_since(states[4], states[2]) is None
    assert touched_since(states[4], write(tmp_path / "index", posts).state) is None


def test_erasing_that_was_cut_short_is_finished_by_the_next_change(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    minute = (NOON, NOON + timedelta(minutes=1))
    write(folder, [indexed(1, "xylophonist"), indexed(2, "cats", minute=2)])

    def stop(_writer):
        raise KeyboardInterrupt

    gone = IndexedPost(uid="x:1", created_at=NOON, deleted=True)
    with monkeypatch.context() as patch:
        patch.setattr(IndexWriter, "_purge", stop)
        with pytest.raises(KeyboardInterrupt):
            change(folder, *minute, [gone])
    assert files_hold(folder, b"xylophonist")
    assert change(folder, *minute, [gone]) == 0
    assert files_hold(folder, b"xylophonist") == []


def test_what_was_erased_can_be_taken_off_the_disk_later(tmp_path):
    folder = tmp_path / "index"
    write(folder, [indexed(1, "xylophonist"), indexed(2, "cats", minute=2)])
    with IndexWriter(folder, open_index(folder).state) as writer:
        writer.replace(NOON, NOON + timedelta(minutes=1), [IndexedPost(uid="x:1", created_at=NOON, deleted=True)])
        writer.finish(setup="", tables={}, purge=False)
    index = open_index(folder)
    assert search(index, parse("xylophonist")).total == 0
    assert files_hold(folder, b"xylophonist")
    with IndexWriter(folder, index.state) as writer:
        writer.finish_erasing()
    assert files_hold(folder, b"xylophonist") == []
    assert [hit.post.uid for hit in search(open_index(folder), parse("")).hits] == ["x:2"]

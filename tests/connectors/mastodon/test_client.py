"""Collecting from a server in memory, well-behaved and not, through Mastodon.py and the real transport."""

import json
import logging
import random
import traceback
from datetime import timedelta

import msgspec
import pytest
import requests

from connectors import map_payload, screen
from connectors.base import BudgetError, CredentialsError, FetchError, Limits, TransientFetchError
from connectors.mastodon.client import MastodonConnector, open_connector, token_variable
from knowarchive.config import Source
from tests.connectors.mastodon.instance import (
    QUERY,
    SERVER,
    SOURCE,
    START,
    TOKEN,
    VARIABLE,
    Clock,
    Instance,
    account,
    reset_connection,
    response,
    surroundings,
)


@pytest.fixture
def server():
    return Instance()


def connect(server, tmp_path, **more):
    return MastodonConnector(SOURCE, surroundings(tmp_path, **more), sender=server)


def understood(payloads):
    """Everything that pages say, as the archive would merge it: by uid, what is known last."""
    posts, reposts = {}, set()
    for payload in payloads:
        mapped = map_payload(screen(payload)[0])
        assert not mapped.quarantined
        for post in mapped.posts:
            known = {name: value for name in post.__struct_fields__ if (value := getattr(post, name)) is not None}
            posts[post.uid] = msgspec.structs.replace(posts.get(post.uid, post), **known)
        reposts |= {(repost.post_uid, repost.account_handle) for repost in mapped.reposts}
    return posts, reposts


def texts(payloads):
    return sorted(post.text for post in understood(payloads)[0].values() if post.text is not None)


def test_a_timeline_is_read_down_to_the_edge_and_no_further(server, tmp_path):
    server.page = 10
    for minute in range(-600, 120, 5):
        server.post("ada", f"minute {minute}", minute)
    connector = connect(server, tmp_path)
    made = [post.created_at for post in understood(connector.search(QUERY))[0].values()]
    assert sum(QUERY.since <= time < QUERY.until for time in made) == 12
    assert min(made) >= START - timedelta(hours=3)
    assert connector.report.gaps == []
    assert (
        connector.report.requests == len(server.log) == connector.report.pages + 1
    )  # the first asks what the server is


def test_old_sessions_are_reached_by_the_time_in_ids(server, tmp_path):
    server.page = 10
    for minute in range(0, 12_000, 10):
        server.post("ada", f"minute {minute}", minute)
    connector = connect(server, tmp_path)
    made = [post.created_at for post in understood(connector.search(QUERY))[0].values()]
    assert sum(QUERY.since <= time < QUERY.until for time in made) == 6
    assert len(server.log) < 8


def test_ids_that_tell_no_time_are_paged_one_by_one(server, tmp_path):
    server.page = 10
    for minute in range(0, 600, 10):
        own = server.post("ada", f"minute {minute}", minute)
        serial = str(1000 + minute)
        server.statuses[serial] = server.statuses.pop(own) | {"id": serial}
    posts, _ = understood(connect(server, tmp_path).search(QUERY))
    assert len(posts) == 60


def test_one_back_dated_post_does_not_end_the_sweep(server, tmp_path):
    server.page = 5
    for minute in range(0, 60, 5):
        server.post("ada", f"minute {minute}", minute)
    late = server.post("bo", "from the past", 30)
    server.statuses[late]["created_at"] = "2001-01-01T00:00:00Z"
    assert len(texts(connect(server, tmp_path).search(QUERY))) == 13


@pytest.mark.parametrize("has_links", [True, False])
def test_a_tag_that_nobody_used_is_one_empty_page(server, tmp_path, has_links):
    server.has_links = has_links
    connector = connect(server, tmp_path)
    assert texts(connector.search(QUERY)) == []
    assert connector.report.gaps == []


def repeat_first_page(server, request):
    """A cache that answers for every page with the first."""
    request.url = request.url.partition("?")[0]


def test_a_page_that_answers_twice_is_asked_again(server, tmp_path):
    server.page = 4
    for minute in range(10):
        server.post("ada", f"minute {minute}", minute)
    server.faults = {3: repeat_first_page}
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 10
    assert connector.report.gaps == []


def test_a_cursor_that_never_ends_is_a_gap(server, tmp_path):
    for minute in range(45):
        server.post("ada", f"minute {minute}", minute)
    server.faults = dict.fromkeys(range(2, 100), repeat_first_page)
    connector = connect(server, tmp_path)
    list(connector.search(QUERY))
    assert connector.report.gaps == [
        "harbour.example: #LanternKM: the server repeats its pages; older posts may be missing"
    ]
    assert len(server.log) < 6


def test_empty_pages_that_never_end_are_a_gap(server, tmp_path):
    server.post("ada", "one", 1)
    numbers = iter(range(1000, 2000))

    def empty(_, request):
        link = f'<https://harbour.example/x?max_id={next(numbers)}>; rel="next"'
        return response(request, 200, b"[]", {"Link": link})

    server.faults = dict.fromkeys(range(3, 100), empty)
    connector = connect(server, tmp_path)
    assert len(texts(connector.search(QUERY))) == 1
    assert connector.report.gaps == [
        "harbour.example: #LanternKM: the server gives empty pages without end; older posts may be missing"
    ]
    assert len(server.log) == 7


def test_a_list_of_reposters_that_never_ends_is_a_gap(server, tmp_path):
    question = server.post("ada", "one", 1, reblogs_count=2)
    server.reposters[question] = [account("bo")]
    connector = connect(server, tmp_path)
    posts = list(understood(connector.search(QUERY))[0].values())
    numbers = iter(range(1000, 2000))

    def again(instance, request):
        answer = instance.answer(request)
        if "reblogged_by" in request.url:
            answer.headers["Link"] = f'<https://harbour.example/x?max_id={next(numbers)}>; rel="next"'
            answer._content = json.dumps([account("bo")]).encode()
            return answer
        return answer

    server.faults = dict.fromkeys(range(len(server.log) + 1, 200), again)
    list(connector.complete(posts, QUERY))
    assert [gap for gap in connector.report.gaps if "does not end" in gap]
    assert sum("reblogged_by" in path for path in server.log) == 2


def test_pages_from_before_the_end_of_the_window_are_asked_for_again(server, tmp_path):
    clock = Clock()
    clock.time = START + timedelta(minutes=10)
    server.post("ada", "before", 1)
    stored = list(MastodonConnector(SOURCE, surroundings(tmp_path, clock), sender=server).search(QUERY))
    server.post("bo", "since", 20)
    assert len(texts(connect(server, tmp_path).search(QUERY, stored))) == 2


def test_conversations_bring_answers_without_the_tag_and_leave_private_ones(server, tmp_path):
    question = server.post("moderator", "Q1 what?", 1)
    answer = server.post("ada", "that", 2, reply_to=question, tag=False)
    server.post("bo", "a friend's SECRET", 3, reply_to=answer, tag=False, visibility="private")
    server.post("cy", "why?", 4, reply_to=answer, tag=False)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    posts, _ = understood(pages)
    pages += connector.complete(list(posts.values()), QUERY)
    posts, _ = understood(pages)
    assert texts(pages) == ["Q1 what? #LanternKM", "that", "why?"]
    assert posts[server.uid(answer)].reply_to == server.uid(question)
    assert {post.conversation for post in posts.values()} == {server.uid(question)}
    assert not [page for page in pages if b"SECRET" in screen(page)[0].body]
    assert any(b"SECRET" in page.body for page in pages)


def test_a_tagged_answer_finds_its_untagged_question(server, tmp_path):
    question = server.post("moderator", "Q1 what?", 1, tag=False)
    answer = server.post("ada", "that", 2, reply_to=question)
    server.post("bo", "this", 3, reply_to=question, tag=False)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    posts, _ = understood(pages)
    assert posts[server.uid(answer)].reply_to is None  # the server's id of its parent means nothing yet
    pages += connector.complete(list(posts.values()), QUERY)
    posts, _ = understood(pages)
    assert posts[server.uid(answer)].reply_to == server.uid(question)
    assert texts(pages) == ["Q1 what?", "that #LanternKM", "this"]


def test_what_a_stranger_is_not_shown_is_asked_for_from_where_it_was_cut(server, tmp_path):
    server.descendants_limit = 5
    here = server.post("moderator", "Q1", 1)
    root = here
    for minute in range(2, 14):
        here = server.post("ada", f"turn {minute}", minute, reply_to=here, tag=False)
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    pages += connector.complete(list(understood(pages)[0].values()), QUERY)
    posts, _ = understood(pages)
    assert len(posts) == 13
    assert {post.conversation for post in posts.values()} == {server.uid(root)}
    assert connector.report.gaps == []


def test_a_quote_without_the_tag_is_found_by_what_it_quotes(server, tmp_path):
    answer = server.post("ada", "A1: oil", 1)
    server.statuses[answer]["quotes_count"] = 1
    quote = {"state": "accepted", "quoted_status": dict(server.statuses[answer])}
    quoting = server.post("cy", "hear this", 2, tag=False, quote=quote)
    connector = connect(server, tmp_path)
    posts, _ = understood(connector.search(QUERY))
    found, _ = understood(connector.complete(list(posts.values()), QUERY))
    assert found[server.uid(quoting)].quote_of == server.uid(answer)
    assert connector.report.gaps == []


def test_replies_that_nobody_but_their_readers_may_see_are_told_of_and_no_gap(server, tmp_path):
    question = server.post("moderator", "Q1", 1)
    server.hidden.add(server.post("bo", "x", 2, reply_to=question))
    connector = connect(server, tmp_path)
    posts, _ = understood(connector.search(QUERY))
    list(connector.complete(list(posts.values()), QUERY))
    assert connector.report.gaps == []
    [note] = connector.report.notes
    assert note == (
        "harbour.example: 1 reply is counted but not shown: not public, deleted, or never sent to this server"
    )


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("shape", ["wide", "deep"])
def test_a_conversation_that_may_be_cut_for_strangers_is_a_gap_for_them(server, tmp_path, shape, token):
    above = question = server.post("moderator", "Q1", 1)
    for number in range(60 if shape == "wide" else 20):
        above = server.post("bo", f"x{number}", 2, reply_to=question if shape == "wide" else above, tag=False)
    server.hidden.add(server.post("cy", "x", 3, reply_to=question if shape == "wide" else above, tag=False))
    connector = MastodonConnector(SOURCE, surroundings(tmp_path, token=token), sender=server)
    posts, _ = understood(connector.search(QUERY))
    list(connector.complete(list(posts.values()), QUERY))
    assert len(connector.report.gaps) == (token is None)
    assert len(connector.report.notes) == (token is not None)
    assert not token or "strangers" not in connector.report.notes[0]


def test_replies_that_came_another_way_are_not_missed(server, tmp_path):
    server.descendants_limit = 2
    question = server.post("moderator", "Q1", 1)
    for minute in range(2, 9):
        server.post("bo", f"x{minute}", minute, reply_to=question)
    connector = connect(server, tmp_path)
    posts, _ = understood(connector.search(QUERY))
    found, _ = understood(connector.complete(list(posts.values()), QUERY))
    assert connector.report.gaps == []
    assert sum(path.endswith("/context") for path in server.log) == 1
    assert all(post.conversation == server.uid(question) for post in found.values())


def test_the_server_is_given_time_to_ask_others_for_replies(server, tmp_path):
    clock = Clock()
    question = server.post("moderator", "Q1", 1)
    server.post("ada", "a", 2, reply_to=question)
    server.refreshing = True
    connector = MastodonConnector(SOURCE, surroundings(tmp_path, clock, token=TOKEN), sender=server)
    posts, _ = understood(connector.search(QUERY))
    list(connector.complete(list(posts.values()), QUERY))
    assert clock.slept == [3.0]
    assert sum(path.endswith("/context") for path in server.log) == 2


def test_edits_and_reposters_come_along(server, tmp_path):
    own = server.post("ada", "second", 1, edited_at="2026-03-10T20:09:00Z", reblogs_count=5)
    base = {"spoiler_text": "", "account": account("ada"), "media_attachments": [], "emojis": []}
    server.edits[own] = [
        base | {"content": "<p>first</p>", "created_at": "2026-03-10T20:01:00Z"},
        base | {"content": "<p>second</p>", "created_at": "2026-03-10T20:09:00Z"},
    ]
    server.reposters[own] = [account(name) for name in ("bo", "cy", "di", "ed", "flo")]
    connector = connect(server, tmp_path)
    pages = list(connector.search(QUERY))
    posts, _ = understood(pages)
    more = list(connector.complete(list(posts.values()), QUERY))
    versions = [post.text for payload in more for post in map_payload(screen(payload)[0]).posts]
    assert versions == ["first", "second"]
    assert {handle for _, handle in understood(more)[1]} == {
        f"{n}@harbour.example" for n in ("bo", "cy", "di", "ed", "flo")
    }


def test_looking_up_tells_what_was_deleted_and_only_then(server, tmp_path):
    kept, gone, foreign = (server.post("ada", name, 1) for name in ("kept", "gone", "foreign"))
    server.statuses[foreign]["uri"] = "https://other.example/users/ada/statuses/9"
    posts, _ = understood(connect(server, tmp_path).search(QUERY))
    server.deleted |= {gone, foreign}
    connector = connect(server, tmp_path)
    pages = list(connector.look_up(list(posts.values())))
    now, _ = understood(pages)
    assert now[server.uid(gone)].deleted_at is not None
    assert now[server.uid(gone)].created_at == posts[server.uid(gone)].created_at
    assert now[server.uid(kept)].deleted_at is None
    assert "mastodon:https://other.example/users/ada/statuses/9" not in now
    assert connector.report.gaps == []
    assert connector.report.notes == [
        f"harbour.example: {foreign} is gone from this server, which is not its own: deleted, or only forgotten here"
    ]
    assert sum(path.startswith("/api/v1/statuses?") for path in server.log) == 1


def test_a_post_of_another_server_without_an_id_here_is_a_gap(server, tmp_path):
    own = server.post("ada", "x", 1)
    (post,) = understood(connect(server, tmp_path).search(QUERY))[0].values()
    foreign = msgspec.structs.replace(post, uid="mastodon:https://other.example/notes/1", id=f"{own}@other.example")
    connector = connect(server, tmp_path)
    assert list(connector.look_up([foreign])) == []
    assert connector.report.gaps == [
        f"harbour.example: 1 posts are not known here by an id, and were not looked up; set {VARIABLE}"
    ]


def broken(status, body=b'{"error":"no"}', **headers):
    return lambda _, request: response(
        request, status, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    "fault",
    [
        broken(429, x_ratelimit_reset="2026-03-11T20:04:00.000000Z"),
        broken(429),
        broken(500),
        broken(503, retry_after="20"),
        broken(200, b'[{"id": "1", "cont'),
        broken(200, b""),
        requests.exceptions.ReadTimeout(),
        reset_connection(),
        requests.exceptions.ChunkedEncodingError(),
    ],
)
def test_what_passes_is_waited_for(server, tmp_path, fault):
    for minute in range(10):
        server.post("ada", f"minute {minute}", minute)
    server.page = 4
    server.faults = {2: fault, 4: fault}
    clock = Clock()
    connector = MastodonConnector(SOURCE, surroundings(tmp_path, clock), sender=server)
    assert len(texts(connector.search(QUERY))) == 10
    assert connector.report.gaps == []
    assert connector.report.waited == sum(clock.slept) > 0
    assert connector.report.requests == len(server.log)


def reorder(server, request):
    """The posts of a page in another order, its links as they were."""
    answer = server.answer(request)
    value = json.loads(answer.content)
    body = json.dumps(value[::-1] if isinstance(value, list) else value).encode()
    return response(request, answer.status_code, body, {"Link": answer.headers.get("Link", "")})


def double(server, request):
    """Every post of a page twice."""
    answer = server.answer(request)
    value = json.loads(answer.content)
    body = json.dumps([one for one in value for _ in "12"] if isinstance(value, list) else value).encode()
    return response(request, answer.status_code, body, {"Link": answer.headers.get("Link", "")})


FAULTS = [
    broken(429, x_ratelimit_reset="2026-03-11T20:04:00.000000Z"), broken(429), broken(500), broken(503, retry_after="9"),
    reset_connection(), requests.exceptions.ReadTimeout(), requests.exceptions.ChunkedEncodingError(), broken(200, b"[{"),
    broken(200, b'{"a": tru'), repeat_first_page, reorder, double,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_in_a_storm_the_archive_is_the_same_or_the_gap_is_named(tmp_path, seed):
    luck = random.Random(seed)

    def chat():
        server = Instance()
        server.page = 5
        question = server.post("moderator", "Q1", 1)
        for minute in range(2, 20):
            server.post("ada", f"a{minute}", minute, reply_to=luck.choice([None, question]), tag=minute % 3 > 0)
        return server

    def collect(server):
        connector = connect(server, tmp_path)
        pages = []
        try:
            pages.extend(connector.search(QUERY))
            pages += connector.complete(list(understood(pages)[0].values()), QUERY)
        except FetchError as error:
            connector.report.gaps.append(str(error))
        posts, _ = understood(pages)
        said = {uid: msgspec.structs.replace(post, observed_at=None) for uid, post in posts.items()}
        return said, connector.report.gaps, connector.report.requests

    state = luck.getstate()
    calm, gaps, requests_of_calm = collect(chat())
    assert gaps == []
    luck.setstate(state)
    server = chat()
    server.faults = {number: luck.choice(FAULTS) for number in range(1, 200) if luck.random() < 0.25}
    stormy, gaps, _ = collect(server)
    assert gaps or stormy == calm
    assert len(server.log) <= 4 * requests_of_calm


PAGE = b"<!DOCTYPE html><html><title>Welcome</title></html>"
NOT_MASTODON = "so it does not speak the Mastodon API; check the server's address"


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (broken(401), CredentialsError, f"the credentials are wrong or have expired; renew {VARIABLE}"),
        (broken(403), CredentialsError, f"the credentials lack a permission; check what {VARIABLE} may do"),
        (broken(422), FetchError, "harbour.example: refused /api/v2/instance/ with status 422"),
        (broken(200, PAGE, content_type="text/html"), FetchError, NOT_MASTODON),
        (broken(404, PAGE, content_type="text/html"), FetchError, NOT_MASTODON),
        (broken(200, b'{"hello": "world"}'), FetchError, NOT_MASTODON),
        (broken(200, b"[" * 100_000), FetchError, NOT_MASTODON),
        (broken(302, location="https://evil.example/"), FetchError, "refused to follow the server to another host"),
        (broken(302, location="http://harbour.example/"), FetchError, "from https to http"),
        (broken(200, b" " * (1 << 20)), FetchError, "harbour.example: an answer of more than 1 MB; not read"),
        (requests.exceptions.SSLError("secret"), FetchError, "harbour.example: its certificate does not verify"),
        (requests.exceptions.ProxyError("user:password@proxy"), TransientFetchError, "the proxy does not answer"),
    ],
)
def test_what_does_not_pass_is_one_line_that_says_what_to_do(server, tmp_path, fault, kind, message, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    server.faults = dict.fromkeys(range(1, 20), fault)
    limits = Limits(response_bytes=(1 << 20) - 1)
    connector = MastodonConnector(SOURCE, surroundings(tmp_path, token=TOKEN, limits=limits), sender=server)
    with pytest.raises(kind) as caught:
        list(connector.search(QUERY))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("harbour.example: ")
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capsys.readouterr())
    assert TOKEN not in shown
    assert "password" not in shown
    error = caught.value
    while error is not None:  # nothing in the chain holds a request
        assert isinstance(error, FetchError)
        error = error.__cause__ or error.__context__


def test_a_server_for_members_says_which_variable_to_set(server, tmp_path):
    server.needs_token = True
    server.post("ada", "x", 1)
    with pytest.raises(CredentialsError, match=f"harbour.example: shows this to its members alone; set {VARIABLE}"):
        list(connect(server, tmp_path).search(QUERY))
    assert len(texts(connect(server, tmp_path, token=TOKEN).search(QUERY))) == 1


def test_a_run_stops_at_its_bound_and_keeps_what_it_has(server, tmp_path):
    server.page = 2
    for minute in range(20):
        server.post("ada", f"minute {minute}", minute)
    found = connect(server, tmp_path, limits=Limits(requests=4)).search(QUERY)
    pages = [next(found), next(found), next(found)]
    with pytest.raises(BudgetError, match="stopped after 4 requests"):
        next(found)
    assert len(texts(pages)) == 6


def test_a_wait_longer_than_the_run_may_wait_is_not_begun(server, tmp_path):
    clock = Clock()
    server.faults = {1: broken(429, retry_after="7200")}
    connector = MastodonConnector(SOURCE, surroundings(tmp_path, clock), sender=server)
    with pytest.raises(TransientFetchError, match="asked to wait 7,201 s"):
        list(connector.search(QUERY))
    assert clock.slept == []


def test_no_payload_holds_the_token(server, tmp_path):
    server.post("ada", "x", 1)
    for payload in connect(server, tmp_path, token=TOKEN).search(QUERY):
        assert TOKEN.encode() not in msgspec.json.encode(payload) + payload.body + payload.head


def test_the_bytes_are_those_of_the_answer(server, tmp_path):
    server.post("ada", "x", 1)
    (page, *_) = connect(server, tmp_path).search(QUERY)
    assert page.body == json.dumps(list(server.statuses.values())).encode()
    assert page.origin == f"{SERVER}/api/v1/timelines/tag/LanternKM?limit=40"


def test_nobody_is_asked_before_something_is_wanted(tmp_path):
    open_connector(SOURCE, surroundings(tmp_path))


@pytest.mark.parametrize(
    ("address", "variable"),
    [
        ("https://fosstodon.org", "KNOWARCHIVE_MASTODON_TOKEN__FOSSTODON_ORG"),
        ("http://127.0.0.1:8600", "KNOWARCHIVE_MASTODON_TOKEN__127_0_0_1_8600"),
        ("https://my-host.example/", "KNOWARCHIVE_MASTODON_TOKEN__MY_HOST_EXAMPLE"),
    ],
)
def test_the_token_is_found_under_the_name_of_its_server(address, variable):
    assert token_variable(Source(platform="mastodon", server=address).server) == variable

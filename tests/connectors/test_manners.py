"""What we do after an answer: wait as long as the network says, within bounds, and only where it can help."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import (
    BudgetError,
    CredentialsError,
    FetchError,
    Limits,
    Report,
    Surroundings,
    TransientFetchError,
)
from connectors.manners import (
    TRANSIENT,
    Pass,
    Passage,
    Wait,
    decide,
    refusal,
    reset_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Clock:
    """Seconds that pass while somebody waits, and a wall clock that shows what it likes."""

    def __init__(self):
        self.seconds = 0.0
        self.wall = NOW

    def sleep(self, seconds):
        self.seconds += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def passage(clock, tmp_path):
    def passage(**limits):
        around = Surroundings(
            secrets={}, state=tmp_path, limits=Limits(**limits), now=lambda: clock.wall,
            elapsed=lambda: clock.seconds, sleep=clock.sleep,
        )  # fmt: skip
        return Passage(around, Report(), ["https://a.example", "http://b.example:81"])

    return passage


def after(status, headers=None, attempt=1, jitter=0.5, **limits):
    return decide(status, headers or {}, attempt=attempt, now=NOW, jitter=jitter, limits=Limits(**limits))


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 402, 403, 404, 410, 422, 501])
def test_an_answer_that_waiting_does_not_change_is_handed_on(status):
    assert after(status) == Pass()


@pytest.mark.parametrize("status", [None, *sorted(TRANSIENT)])
def test_what_may_pass_is_waited_for_longer_each_time(status):
    waits = [after(status, attempt=attempt).seconds for attempt in (1, 2, 3, 4)]
    assert waits == [1.5, 3.0, 6.0, 12.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:00 GMT"}, 60),
        ({"x-rate-limit-reset": str(int(NOW.timestamp()) + 90)}, 90),  # X
        ({"x-ratelimit-reset": "2026-11-22T12:05:00.000000Z"}, 300),  # Mastodon
        ({"ratelimit-reset": str(int(NOW.timestamp()) + 30)}, 30),  # Bluesky
        ({"retry-after": "nonsense", "ratelimit-reset": "10"}, 10),
        ({"x-ratelimit-reset": "2020-01-01T00:00:00Z"}, 0),
        (
            {"x-ratelimit-reset": "2026-11-22T10:05:00Z", "date": "Sun, 22 Nov 2026 10:00:00 GMT"},
            300,
        ),  # our clock is wrong
    ],
)
def test_the_network_names_the_moment(headers, seconds):
    assert reset_after(headers, NOW) == seconds
    assert after(429, headers).seconds == seconds + 1


def test_a_moment_that_has_passed_is_not_believed_twice():
    past = {"x-ratelimit-reset": "2020-01-01T00:00:00Z"}
    assert [after(429, past, attempt=attempt).seconds for attempt in (1, 2, 3)] == [1.0, 3.0, 6.0]


@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "x-rate-limit-reset", "date"]), st.text(max_size=20) | st.floats().map(str)
    )
)
def test_no_header_raises(headers):
    seconds = reset_after(headers, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("value", ["inf", "nan", "-inf", "1e400", "99999999999999", "-99999999999", "９"])
def test_a_number_that_is_no_moment_is_not_waited_for(value):
    wait = after(429, {"retry-after": value})
    assert isinstance(wait, Wait)
    assert wait.seconds < 60


def test_a_wait_that_is_too_long_ends_the_run():
    with pytest.raises(TransientFetchError, match="asked to wait 7,201 s, more than this run may"):
        after(429, {"retry-after": "7200"})


def test_attempts_are_bounded_and_the_last_failure_is_named():
    with pytest.raises(TransientFetchError, match="status 503 after 5 attempts"):
        after(503, attempt=5)
    with pytest.raises(TransientFetchError, match="no connection after 2 attempts"):
        decide(None, {}, attempt=2, now=NOW, jitter=0, limits=Limits(attempts=2), what="no connection")


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 4))
def test_jitter_spreads_waits_and_never_shortens_what_was_named(jitter, attempt):
    assert 30 <= after(429, {"retry-after": "30"}, attempt, jitter).seconds <= 32
    assert 2**attempt / 2 <= after(500, {}, attempt, jitter).seconds <= 2**attempt


@pytest.mark.parametrize(
    "url", ["https://a.example/x", "https://A.EXAMPLE/", "https://user:pass@a.example/", "http://b.example:81/"]
)
def test_the_hosts_of_the_source_are_asked(passage, url):
    passage().check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://c.example/",
        "https://a.example.evil.example/",
        "https://a.example@evil.example/",
        "http://b.example/",
        "file:///etc",
        "",
    ],
)
def test_no_other_host_is_asked(passage, url):
    with pytest.raises(FetchError, match="another host"):
        passage().check_address(url)


def test_encryption_is_never_given_up(passage):
    passage().check_address("https://b.example:81/")
    with pytest.raises(FetchError, match="from https to http"):
        passage().check_address("http://a.example/")


def test_a_run_stops_before_the_request_that_it_may_not_make(passage, clock):
    one = passage(requests=3, seconds=60)
    for _ in range(3):
        one.begin()
    with pytest.raises(BudgetError, match="stopped after 3 requests"):
        one.begin()
    clock.seconds += 60
    with pytest.raises(BudgetError, match="stopped after 60 s"):
        one.check_time()


def test_nobody_waits_longer_than_the_run_may_take(passage, clock):
    one = passage(seconds=60)
    one.wait(50)
    with pytest.raises(BudgetError, match="rather than wait 10 s"):
        one.wait(10)
    assert clock.seconds == 50


def test_a_wall_clock_that_jumps_changes_no_bound(passage, clock):
    one = passage(seconds=60)
    clock.wall += timedelta(days=400)
    one.begin()
    clock.wall -= timedelta(days=800)
    one.wait(59)
    one.begin()
    with pytest.raises(BudgetError):
        one.wait(1)


def test_a_refusal_says_which_variable_to_look_at():
    assert isinstance(refusal(401, "a.example", "TOKEN"), CredentialsError)
    assert (
        str(refusal(403, "a.example", "TOKEN"))
        == "a.example: the credentials lack a permission; check what TOKEN may do"
    )
    assert str(refusal(418, "a.example", "TOKEN")) == "a.example: refused with status 418"

"""Accounts are one person's where both sides say so, and never because one of them claims it."""

import pytest

from knowarchive.config import Identity
from knowarchive.model import Account, Repost
from tests.growth import grows_fairly
from tests.transcripts.networks import WREN, bluesky, bridged_to_bluesky, bridged_to_mastodon, mastodon, post, x
from transcripts.identities import bridged_from, is_bridged, join_accounts, named_accounts


def joined(*wheres, accounts=(), configured=(), reposts=()):
    """Which of the accounts that posted are one person's, as sorted groups of more than one."""
    posts = [post(where, minute, "words") for minute, where in enumerate(wheres)]
    people = join_accounts(posts, reposts, {account.uid: account for account in accounts}, configured)
    return sorted(sorted(group) for group in people.accounts.values() if len(group) > 1)


def profiles(first, second, one=None, other=None):
    """Two accounts with profiles: `one` and `other` are their fields."""
    return [
        Account(uid=where["author_uid"], handle=where["author_handle"], **(fields or {}))
        for where, fields in ((first, one), (second, other))
    ]


ALL_OF_WREN = sorted(where["author_uid"] for where in (x("wren", 1), bluesky("wren", 1), mastodon("wren", 1)))
ON_X, ON_MASTODON, ON_BLUESKY = x("wren", 1), mastodon("wren", 1), bluesky("wren", 1)


def test_the_configuration_joins_accounts():
    everywhere = (ON_X, ON_BLUESKY, ON_MASTODON, x("rook", 1), mastodon("rook", 2))
    assert joined(*everywhere, configured=(WREN,)) == [ALL_OF_WREN]
    assert joined(*everywhere) == []


def test_the_configuration_joins_what_a_bridge_made_of_a_person_too():
    copy = bridged_to_bluesky("wren", 1)
    assert joined(ON_X, copy, configured=(WREN,)) == [sorted([ON_X["author_uid"], copy["author_uid"]])]


def test_a_name_from_the_configuration_belongs_to_the_person():
    posts = [post(ON_MASTODON, 0, "a"), post(ON_X, 1, "b"), post(ON_X | {"uid": "x:77"}, 2, "c")]
    people = join_accounts(posts, (), {}, (WREN,))
    assert people.of(ON_MASTODON["author_uid"]) == ON_X["author_uid"], "the account with most posts"
    assert people.names == {ON_X["author_uid"]: "Wren Alder"}


MUTUAL = [
    ({"url": "https://birds.example/@wren"}, {"bio": "Also on x.com/wren_tweets"}),
    ({"bio": "@wren@birds.example"}, {"url": "https://twitter.com/Wren_Tweets/"}),
    ({"name": "Wren", "bio": "toots: @wren@birds.example."}, {"name": "wren", "bio": "https://x.com/wren_tweets"}),
]


@pytest.mark.parametrize(("one", "other"), MUTUAL)
def test_profiles_that_name_each_other_join(one, other):
    accounts = profiles(ON_X, ON_MASTODON, one, other)
    assert joined(ON_X, ON_MASTODON, accounts=accounts) == [sorted([ON_X["author_uid"], ON_MASTODON["author_uid"]])]


ONE_SIDED = [
    ({"url": "https://birds.example/@wren", "name": "Wren"}, {"name": "Wren"}),
    (None, {"name": "wren_tweets", "bio": "I am x.com/wren_tweets, believe me"}),
    ({"bio": "married to @wren@birds.example"}, {"bio": "husband of x.com/wren_tweets"}),
    ({"url": "https://birds.example/@wrench"}, {"url": "https://x.com/wren_tweets_too"}),
]


@pytest.mark.parametrize(("one", "other"), ONE_SIDED)
def test_a_claim_alone_joins_nothing(one, other):
    assert joined(ON_X, ON_MASTODON, accounts=profiles(ON_X, ON_MASTODON, one, other)) == []


def test_a_page_of_ones_own_names_the_handle_that_is_its_domain():
    accounts = profiles(ON_MASTODON, ON_BLUESKY, {"url": "https://wren.example/"}, {"bio": "@wren@birds.example"})
    assert len(joined(ON_MASTODON, ON_BLUESKY, accounts=accounts)) == 1
    accounts = profiles(ON_MASTODON, ON_BLUESKY, {"url": "https://wren.example/"})
    assert joined(ON_MASTODON, ON_BLUESKY, accounts=accounts) == []


def test_what_a_bridge_made_is_the_person_of_whom_it_was_made():
    to_bluesky, to_mastodon = bridged_to_bluesky("tern", 1), bridged_to_mastodon("kite", 1)
    assert joined(mastodon("tern", 1), to_bluesky, bluesky("kite", 1), to_mastodon) == sorted(
        [
            sorted([mastodon("tern", 1)["author_uid"], to_bluesky["author_uid"]]),
            sorted([bluesky("kite", 1)["author_uid"], to_mastodon["author_uid"]]),
        ]
    )


def test_two_people_whom_a_bridge_calls_the_same_are_not_joined():
    one, other = mastodon("a_b", 1), mastodon("a-b", 1)
    assert joined(one, bridged_to_bluesky("a-b", 1)) != []
    assert joined(one, other, bridged_to_bluesky("a-b", 1)) == []


def test_a_bridge_is_known_by_what_nobody_else_can_be_called():
    for where in (bridged_to_bluesky("tern", 1), bridged_to_mastodon("kite", 1)):
        assert is_bridged(where["author_uid"], where["author_handle"])
    assert not is_bridged("bluesky:did:plc:evil", "ap.brid.gy.evil.example")
    assert not is_bridged("mastodon:https://evil.example/bsky.brid.gy/ap/did:plc:kite", "kite@evil.example")
    assert bridged_from(bridged_to_mastodon("kite", 7)["uid"]) == bluesky("kite", 7)["uid"]
    assert bridged_from(mastodon("kite", 7)["uid"]) is None


def test_an_account_known_only_by_its_handle_is_the_one_with_that_handle():
    words = post(ON_X, 0, "words")
    repost = Repost(post_uid=words.uid, post_at=words.created_at, account_handle="Wren_Tweets")
    people = join_accounts([words], [repost], {})
    assert people.of("x:@wren_tweets") == ON_X["author_uid"]


def test_two_accounts_that_had_one_handle_stay_two():
    assert joined(ON_X, ON_X | {"uid": "x:2", "author_uid": "x:other"}) == []


def test_the_order_of_the_posts_does_not_matter():
    wheres = [ON_X, ON_BLUESKY, ON_MASTODON, bridged_to_bluesky("wren", 3)]
    assert joined(*wheres, configured=(WREN,)) == joined(*reversed(wheres), configured=(WREN,))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("https://x.com/Wren_Tweets?s=20", {"x:wren_tweets"}),
        ("netflix.com/wren", set()),
        ("see bsky.app/profile/did:plc:wren", {"bluesky:did:plc:wren"}),
        ("https://birds.example/users/wren", {"mastodon:wren@birds.example"}),
        ("write to wren@birds.example", set()),
        ("@wren.example and @wren@birds.example.", {"bluesky:wren.example", "mastodon:wren@birds.example"}),
        ("https://wren.example", {"bluesky:wren.example"}),
        ("https://birds.example/about", set()),
        (None, set()),
    ],
)
def test_profiles_name_accounts_in_these_ways(text, names):
    assert named_accounts(text) == names


@pytest.mark.parametrize("unit", ["a", "a.", "@", "https://", "a-", "@a@", "x.com/", "\u202e"])
def test_a_hostile_profile_is_read_in_proportion_to_its_length(unit):
    assert grows_fairly(lambda size: named_accounts(unit * size), 100_000)


def test_an_identity_that_nobody_of_the_session_has_changes_nothing():
    stranger = Identity(name="Nobody", accounts=("x:nobody", "bluesky:nobody.example"))
    assert joined(ON_X, ON_BLUESKY, configured=(stranger,)) == []

"""What people wish, where a source shows it: a wish that was withdrawn is told from one that an answer does not show."""

from datetime import UTC, datetime

import msgspec
import pytest

from connectors import map_payload
from connectors.base import Exchange
from connectors.mastodon.accounts import consent_of
from knowarchive.model import NO_WISH, Payload
from tests.archives import open_archive, rows, store

ADA = {"did": "did:plc:ada", "handle": "ada.example"}


def bluesky(profile, *, day=1):
    """The account that an answer with one profile speaks of."""
    head = Exchange(request="/xrpc/app.bsky.actor.getProfiles", server="https://bsky.example").encode()
    body = msgspec.json.encode({"profiles": [ADA | profile]})
    at = datetime(2024, 3, day, tzinfo=UTC)
    [account] = map_payload(
        Payload(format="bluesky-json", origin="", body=body, items=1, head=head, fetched_at=at)
    ).accounts
    return account


@pytest.mark.parametrize(
    ("profile", "consent"),
    [
        ({}, None),  # beside a post there is no bio
        ({"description": "I knit"}, None),
        ({"followersCount": 3}, NO_WISH),  # a whole profile, without a bio
        ({"followersCount": 3, "description": "I knit"}, NO_WISH),
        ({"followersCount": 3, "description": "#nobot"}, "noarchive"),
        ({"description": "please #NoArchive"}, "noarchive"),
        ({"labels": [{"val": "!no-unauthenticated"}]}, "no-unauthenticated"),
    ],
)
def test_on_bluesky_only_a_whole_profile_can_say_that_there_is_no_wish(profile, consent):
    assert bluesky(profile).consent == consent


@pytest.mark.parametrize(
    ("account", "consent"),
    [
        ({}, None),
        ({"note": ""}, None),  # a server that does not tell of `indexable`
        ({"note": "", "indexable": True}, NO_WISH),
        ({"note": "", "noindex": None}, NO_WISH),
        ({"note": "", "indexable": False}, "noindex"),
        ({"note": "<p>#nobot</p>", "indexable": True}, "noarchive"),
        ({"noindex": False}, None),
    ],
)
def test_on_mastodon_a_server_has_to_tell_of_all_that_can_be_wished(account, consent):
    assert consent_of(account) == consent


def test_a_withdrawn_wish_is_withdrawn_and_one_that_is_not_shown_stays(tmp_path):
    archive = open_archive(tmp_path)
    wishes = bluesky({"followersCount": 3, "description": "#noarchive"}, day=1)
    store(archive, accounts=[wishes])
    store(archive, accounts=[bluesky({}, day=2)])
    assert rows(archive, "accounts")[wishes.uid]["consent"] == "noarchive"
    store(archive, accounts=[bluesky({"followersCount": 3}, day=3)])
    assert rows(archive, "accounts")[wishes.uid]["consent"] == NO_WISH

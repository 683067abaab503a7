"""Who may what: the table is whole, and what it says of contents holds for contents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.model import Anyone, ApiKey, ContentGuid, Named, Role, SignedIn
from proxy.policy.guids import configured_key_guid
from proxy.policy.permissions import ABOUT_CONTENT, TABLE, Grant, Verb, owns, permitted
from tests.unit.policy.samples import content

SALES = replace(
    content(), guid=ContentGuid("sales"), owner="Bob@example.org", access=Named(emails=frozenset({"x@y.z"}))
)


def key(role: Role, **more: object) -> ApiKey:
    return ApiKey(guid=configured_key_guid("k"), name="k", role=role, hash=b"", **more)


ADMINISTRATOR = key(Role.ADMINISTRATOR)
BOB = key(Role.PUBLISHER, user="bob@example.org")
EVE = key(Role.PUBLISHER, user="eve@example.org")
VISITOR = key(Role.VIEWER, user="bob@example.org")
"""Even of a person who owns it."""
OF_SALES = key(Role.CONTENT, content_guid=SALES.guid)
OF_STOCK = key(Role.CONTENT, content_guid=ContentGuid("stock"))


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_has_a_row_that_says_what_own_means(verb):
    row = TABLE[verb]
    grants = {row.anonymous, row.content, row.viewer, row.publisher, row.owner, row.administrator}
    assert (Grant.OWN in grants) == bool(row.own)
    assert row.anonymous in {Grant.YES, Grant.KEY}
    assert Grant.KEY not in {row.content, row.viewer, row.publisher, row.owner, row.administrator}


@pytest.mark.parametrize("verb", sorted(set(Verb) - ABOUT_CONTENT))
def test_where_no_content_is_named_owning_one_changes_nothing(verb):
    assert TABLE[verb].publisher is TABLE[verb].owner


@pytest.mark.parametrize("verb", Verb)
def test_nobody_gets_more_than_an_administrator_but_for_the_exchange_of_a_content(verb):
    row = TABLE[verb]
    if verb is not Verb.EXCHANGE:
        assert row.administrator is not Grant.NO


@pytest.mark.parametrize(
    ("caller", "verb", "expected"),
    [
        (None, Verb.PING, Grant.YES),
        (None, Verb.READ_CONTENT, Grant.KEY),
        (ADMINISTRATOR, Verb.SET_CONTENT_ASSOCIATIONS, Grant.YES),
        (ADMINISTRATOR, Verb.EXCHANGE, Grant.NO),
        (BOB, Verb.SET_CONTENT_ASSOCIATIONS, Grant.YES),
        (BOB, Verb.READ_CONTENT, Grant.YES),
        (EVE, Verb.SET_CONTENT_ASSOCIATIONS, Grant.NO),
        (EVE, Verb.READ_CONTENT, Grant.NO),
        (VISITOR, Verb.SET_CONTENT_ASSOCIATIONS, Grant.NO),
        (VISITOR, Verb.READ_CONTENT, Grant.NO),
        (OF_SALES, Verb.READ_CONTENT, Grant.YES),
        (OF_SALES, Verb.SET_CONTENT_ASSOCIATIONS, Grant.NO),
        (OF_STOCK, Verb.READ_CONTENT, Grant.NO),
        (OF_STOCK, Verb.LIST_CONTENT_ASSOCIATIONS, Grant.NO),
    ],
)
def test_what_is_asked_about_one_content_is_settled(caller, verb, expected):
    assert permitted(verb, caller, guid=SALES.guid, content=SALES) is expected


@pytest.mark.parametrize(
    ("access", "expected"),
    [(Anyone(), Grant.YES), (SignedIn(), Grant.YES), (Named(emails=frozenset({"eve@example.org"})), Grant.YES),
     (Named(domains=frozenset({"example.org"})), Grant.YES), (Named(groups=frozenset({"all"})), Grant.NO)],
)  # fmt: skip
def test_a_publisher_reads_what_they_may_open(access, expected):
    opened = replace(SALES, access=access)
    assert permitted(Verb.READ_CONTENT, EVE, guid=opened.guid, content=opened) is expected
    visitor = replace(VISITOR, user=EVE.user)
    assert permitted(Verb.READ_CONTENT, visitor, guid=opened.guid, content=opened) is expected
    assert permitted(Verb.SET_CONTENT_ASSOCIATIONS, EVE, guid=opened.guid, content=opened) is Grant.NO


def test_a_content_that_is_not_there_is_404_to_publishers_and_no_business_of_others():
    gone = ContentGuid("gone")
    assert permitted(Verb.READ_CONTENT, VISITOR, guid=gone) is Grant.NO
    assert permitted(Verb.SET_CONTENT_ASSOCIATIONS, EVE, guid=gone) is Grant.YES
    assert permitted(Verb.READ_CONTENT, OF_SALES, guid=gone) is Grant.NO


def test_without_a_named_content_it_is_left_to_whoever_answers():
    assert permitted(Verb.LIST_CONTENT, OF_SALES) is Grant.OWN
    assert permitted(Verb.LIST_CONTENT, BOB) is Grant.OWN
    assert permitted(Verb.LIST_CONTENT, VISITOR) is Grant.OWN
    assert permitted(Verb.LIST_INTEGRATIONS, VISITOR) is Grant.NO
    assert permitted(Verb.CREATE_API_KEY, BOB) is Grant.NO


def test_nobody_owns_what_has_no_owner():
    assert not owns(ADMINISTRATOR, replace(SALES, owner=""))
    assert owns(BOB, SALES)


def test_an_owner_whose_address_reads_like_anothers_is_somebody_else():
    """U+212A, the Kelvin sign, is a k in lower case."""
    kate = replace(BOB, user="kate@example.org")
    assert owns(kate, replace(SALES, owner="Kate@example.org"))
    assert not owns(kate, replace(SALES, owner="\u212aate@example.org"))

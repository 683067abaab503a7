from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model import Identity, Integration, IntegrationGuid
from proxy.providers.base import Endpoints, Field, Provider
from proxy.providers.custom import CUSTOM
from proxy.providers.identity import (
    MAX_GROUPS,
    ClaimNames,
    FromAnswer,
    FromIdToken,
    FromResource,
    FromUserinfo,
    IdentitySource,
    completed,
    identity_from,
    is_complete,
)
from proxy.providers.registration import authorization_server, can_identify

STANDARD = ClaimNames()


def test_standard_claims_become_an_identity():
    claims = {
        "sub": "1", "email": "ada@example.org", "email_verified": True, "preferred_username": "ada", "name": "Ada L",
        "groups": ["a", 3, "b", "a"],
    }  # fmt: skip
    assert identity_from(claims, STANDARD) == Identity(
        subject="1", email="ada@example.org", email_verified=True, preferred_username="ada", name="Ada L",
        groups=("a", "b"),
    )  # fmt: skip


@pytest.mark.parametrize("sub", [None, "", True, 1.5, ["1"], "a\nb", "\ud800", "x" * 1001, 10**1000])
def test_without_a_usable_subject_there_is_no_identity(sub: object):
    assert identity_from({"sub": sub, "email": "ada@example.org"}, STANDARD) is None


def test_a_numeric_subject_is_a_subject():
    assert identity_from({"sub": 583231}, STANDARD) == Identity(subject="583231")


@pytest.mark.parametrize(
    ("said", "expected"), [(True, True), ("true", True), (False, False), ("false", False), (1, False), (None, False), ([], False)]
)  # fmt: skip
def test_only_a_clear_yes_verifies_an_email(said: object, expected: bool):
    found = identity_from({"sub": "1", "email_verified": said}, STANDARD)
    assert found is not None
    assert found.email_verified is expected


def test_wrong_types_and_a_single_group_do_no_harm():
    found = identity_from({"sub": "1", "email": 5, "name": None, "groups": "admins"}, STANDARD)
    assert found == Identity(subject="1", groups=("admins",))


def test_only_so_many_groups_are_kept():
    found = identity_from({"sub": "1", "groups": [str(number) for number in range(MAX_GROUPS + 1)]}, STANDARD)
    assert found is not None
    assert len(found.groups) == MAX_GROUPS


ENTRA = ClaimNames(subject=("tid", "oid"), email_verified="")
SCIM = ClaimNames(subject=("id",), email="emails.0.value", preferred_username="userName", name="displayName")


def test_a_subject_of_two_claims_needs_both():
    assert identity_from({"tid": "t", "oid": "o", "email": "a@b", "email_verified": True}, ENTRA) == Identity(
        subject="t:o", email="a@b"
    )
    assert identity_from({"tid": "t"}, ENTRA) is None
    assert identity_from({"oid": "o", "tid": ""}, ENTRA) is None


def test_two_pairs_of_claims_never_make_one_subject():
    assert identity_from({"tid": "a", "oid": "b:c"}, ENTRA) == Identity(subject="a:b:c")
    assert identity_from({"tid": "a:b", "oid": "c"}, ENTRA) is None


def test_a_name_with_dots_leads_into_members_and_lists():
    me = {"id": "7", "userName": "ada", "displayName": "Ada", "emails": [{"value": "ada@example.org"}]}
    assert identity_from(me, SCIM) == Identity(
        subject="7", email="ada@example.org", preferred_username="ada", name="Ada"
    )


@pytest.mark.parametrize("emails", [None, [], {}, "x", [[]], ["x"], [{"value": 7}], {"0": {"value": "a@b"}}], ids=repr)
def test_a_name_that_leads_nowhere_is_left_out(emails: object):
    found = identity_from({"id": "7", "emails": emails}, SCIM)
    assert found is not None
    assert found.email in {"", "a@b"}
    assert (found.email == "a@b") == (emails == {"0": {"value": "a@b"}})


@pytest.mark.parametrize("step", ["1", "9999", "-1", "x"])
def test_a_list_has_no_such_place(step: str):
    found = identity_from({"sub": "1", "g": ["a"]}, replace(STANDARD, groups=f"g.{step}"))
    assert found == Identity(subject="1")


def test_a_member_named_like_a_web_address_is_found_under_its_name():
    names = replace(STANDARD, groups="https://example.org/groups")
    assert identity_from({"sub": "1", "https://example.org/groups": ["a"]}, names) == Identity(
        subject="1", groups=("a",)
    )


def test_groups_may_stand_deeper():
    names = replace(STANDARD, groups="realm_access.roles")
    assert identity_from({"sub": "1", "realm_access": {"roles": ["a", "b"]}}, names) == Identity(
        subject="1", groups=("a", "b")
    )


def test_what_one_source_leaves_open_another_one_fills():
    bare = Identity(subject="1", preferred_username="ada")
    more = Identity(subject="1", email="a@b", email_verified=True, preferred_username="x", name="Ada", groups=("g",))
    assert completed(bare, more) == replace(more, preferred_username="ada")
    assert completed(more, bare) == replace(more, preferred_username="x")


def test_the_word_for_one_address_never_vouches_for_another():
    unverified = Identity(subject="1", email="mine@corp.example")
    verified = Identity(subject="1", email="other@corp.example", email_verified=True)
    assert completed(unverified, verified).email_verified is False


def test_an_identity_is_complete_with_an_address_and_groups():
    assert is_complete(Identity(subject="1", email="a@b", groups=("g",)))
    assert not is_complete(Identity(subject="1", email="a@b"))
    assert not is_complete(Identity(subject="1", groups=("g",)))


@given(
    claims=st.dictionaries(st.sampled_from(["sub", "email", "email_verified", "groups", "name"]), st.from_type(object))
)
def test_no_claims_make_it_raise(claims: dict[str, object]):
    identity_from(claims, STANDARD)


RECIPE = replace(
    CUSTOM,
    fields=tuple(
        Field(name=name, label=name, help="")
        for name in ("client_id", "host", "userinfo_uri", "jwks_uri", "tenants", "scopes")
    ),
    endpoints=Endpoints(
        authorization=("https://{host}/a",), token=("https://{host}/t",), issuer=("https://{host}/{{tid}}",)
    ),
    tenants="{tenants}",
    issuer_aliases=("i",),
)
CONFIG = {"host": "id.example", "client_id": "c"}


def test_a_recipe_says_where_keys_are_and_whose_tokens_they_sign():
    config = CONFIG | {"jwks_uri": "https://id.example/keys", "tenants": "a  b"}
    integration = Integration(guid=IntegrationGuid("g"), name="n", slug="n", template="custom", config=config)
    server = authorization_server(RECIPE, integration)
    assert server.jwks_uri == "https://id.example/keys"
    assert server.issuer == "https://id.example/{tid}"
    assert server.issuer_aliases == ("i",)
    assert server.tenants == {"a", "b"}


SOURCES: dict[str, tuple[IdentitySource, dict[str, str], bool]] = {
    "ID token with keys": (FromIdToken(), {"jwks_uri": "https://k", "tenants": "t", "scopes": "openid"}, True),
    "ID token of any tenant": (FromIdToken(), {"jwks_uri": "https://k", "scopes": "openid"}, False),
    "ID token not asked for": (FromIdToken(), {"jwks_uri": "https://k", "tenants": "t", "scopes": "read"}, False),
    "ID token without keys": (FromIdToken(), {"tenants": "t", "scopes": "openid"}, False),
    "userinfo": (FromUserinfo(), {"userinfo_uri": "https://u"}, True),
    "no userinfo": (FromUserinfo(), {"jwks_uri": "https://k"}, False),
    "answer": (FromAnswer(ClaimNames(subject=("username",))), {}, True),
    "resource": (FromResource("https://{host}/me", SCIM), {}, True),
}


@pytest.mark.parametrize(("source", "config", "can"), SOURCES.values(), ids=SOURCES)
def test_a_recipe_can_identify_when_one_of_its_sources_is_there(
    source: IdentitySource, config: dict[str, str], can: bool
):
    recipe: Provider = replace(RECIPE, identity=(source,))
    assert can_identify(recipe, CONFIG | config) is can
    no_issuer = replace(recipe, endpoints=replace(recipe.endpoints, issuer=()))
    assert can_identify(no_issuer, CONFIG | config) is (can and not isinstance(source, FromIdToken))

"""What an API key may stand for."""

from __future__ import annotations

import pytest

from proxy.model import ApiKeyGuid, Role, ViewerGuid
from proxy.policy.api_keys import contradiction
from proxy.policy.guids import (
    configured_key_guid,
    content_guid,
    integration_guid,
    key_user_guid,
    user_guid,
    visitor_key_guid,
)


@pytest.mark.parametrize(
    ("role", "has_user", "has_content", "where"),
    [
        (None, False, False, "role"),
        (None, True, False, "role"),
        (None, True, True, "user"),
        (None, False, True, None),
        (Role.CONTENT, False, True, None),
        (Role.CONTENT, False, False, "content"),
        (Role.CONTENT, True, True, "user"),
        (Role.PUBLISHER, True, False, None),
        (Role.PUBLISHER, False, False, "user"),
        (Role.PUBLISHER, True, True, "content"),
        (Role.ADMINISTRATOR, False, False, None),
        (Role.ADMINISTRATOR, True, False, None),
        (Role.ADMINISTRATOR, False, True, "content"),
        (Role.VIEWER, True, False, "role"),
        (Role.VIEWER, False, False, "role"),
    ],
)
def test_role_user_and_content_go_together_or_the_one_to_look_at_is_named(role, has_user, has_content, where):
    found = contradiction(role, has_user=has_user, has_content=has_content)
    assert (found.setting if found else None) == where


def test_guids_of_one_name_are_different_by_kind_and_always_the_same():
    guids = [kind("a") for kind in (integration_guid, content_guid, configured_key_guid, user_guid, key_user_guid)]
    guids += [
        visitor_key_guid(content_guid("a"), ViewerGuid("b")),
        visitor_key_guid(content_guid("b"), ViewerGuid("a")),
    ]
    assert len(set(guids)) == 7
    assert integration_guid("warehouse") == "51169e5a-233e-541e-ba6d-963e90c4201d"
    assert user_guid("Ada@Example.org") == user_guid("ada@example.org")
    assert key_user_guid(ApiKeyGuid("x")) != key_user_guid(ApiKeyGuid("y"))

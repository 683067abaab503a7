"""Rows: what is written is read back, and what cannot be read is called damaged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import StoreUnavailable
from proxy.model import (
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    DirectoryChanged,
    Identity,
    IntegrationGuid,
    SessionEnded,
    ViewerGuid,
)
from proxy.store import rows
from proxy.store.administration_rows import from_integration, to_integration
from proxy.store.api_key_rows import from_api_key, to_api_key
from tests.contract.records import NOON, credentials_of, identified, session_hash, session_of
from tests.contract.test_administration import CRM
from tests.contract.test_api_keys import OPS

VIEWER = identified()


@given(instant=st.datetimes(timezones=st.just(UTC)))
def test_instants_are_kept_to_the_microsecond(instant):
    row = {**rows.from_session(session_of(VIEWER, expires_at=instant)), **_viewer_row()}
    assert rows.to_known_session(row).session.expires_at == instant


def test_an_instant_of_another_zone_is_the_same_instant():
    from zoneinfo import ZoneInfo

    assert rows.micros(NOON.astimezone(ZoneInfo("Asia/Kolkata"))) == rows.micros(NOON)


def test_a_naive_instant_is_a_mistake():
    with pytest.raises(TypeError):
        rows.micros(datetime(2026, 1, 1))  # noqa: DTZ001  # what is being refused


@given(
    identity=st.builds(
        Identity,
        subject=st.text(), email=st.text(), email_verified=st.booleans(), preferred_username=st.text(), name=st.text(),
        groups=st.lists(st.text()).map(tuple),
    )
)  # fmt: skip
def test_every_identity_reads_back(identity):
    credentials = credentials_of(VIEWER, account=identity)
    assert rows.to_credentials(rows.from_credentials(credentials)) == credentials


@pytest.mark.parametrize(
    "change",
    [
        SessionEnded(session_hash("s1")),
        ConsentEnded(VIEWER.guid, ContentGuid("c")),
        ConsentEnded(None, ContentGuid("c")),
        CredentialsChanged(ViewerGuid("v"), IntegrationGuid("i")),
        DirectoryChanged(frozenset()),
        DirectoryChanged(frozenset({ContentGuid("c"), ContentGuid("d")})),
    ],
)
def test_every_change_reads_back(change):
    assert rows.to_change(rows.from_change(change, now=NOON)) == change


def test_an_unknown_kind_of_change_is_damage():
    row = {**rows.from_change(SessionEnded(session_hash("s")), now=NOON), "position": 1, "kind": "of magic"}
    with pytest.raises(StoreUnavailable, match="a kind of change"):
        rows.to_change(row)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("guid", None),
        ("guid", 5),
        ("generation", "one"),
        ("fingerprint", "text"),
        ("access_token", None),
        ("refresh_token", "text"),
        ("state", "unheard of"),
        ("expires_at", "soon"),
        ("issued_at", 2**62),
        ("account", "{"),
        ("account", "[]"),
        ("account", '{"groups": []}'),
        ("account", '{"subject": "s", "unknown": 1, "groups": []}'),
        ("account", '{"subject": "s"}'),
        ("account", b"bytes"),
    ],
)
def test_a_column_that_cannot_be_is_damage(column, value):
    row = {**rows.from_credentials(credentials_of(VIEWER)), column: value}
    with pytest.raises(StoreUnavailable, match="damaged"):
        rows.to_credentials(row)


def _viewer_row():
    return {**rows.from_viewer(VIEWER), "viewer_created_at": rows.micros(NOON + timedelta(0))}


def test_a_key_of_an_unheard_of_role_is_damage():
    row = {**from_api_key(OPS), "last_used_at": None}
    assert to_api_key(row) == OPS
    with pytest.raises(StoreUnavailable, match="a role"):
        to_api_key({**row, "role": "emperor"})


@pytest.mark.parametrize("config", ["", "[]", '{"client_id": 7}', None], ids=["nothing", "a list", "a number", "NULL"])
def test_a_damaged_config_is_damage(config):
    row = {**from_integration(CRM), "config": config}
    with pytest.raises(StoreUnavailable, match="damaged"):
        to_integration(row, {})

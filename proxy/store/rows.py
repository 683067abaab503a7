"""Rows to values and back: the one place that knows how a value is written down.

A row that cannot be read back raises :class:`~proxy.errors.StoreUnavailable`; it is never repaired or deleted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from proxy.errors import StoreUnavailable
from proxy.model import (
    ApiKeysChanged,
    ConsentEnded,
    ContentGuid,
    Credentials,
    CredentialsChanged,
    CredentialsGuid,
    CredentialsState,
    DirectoryChanged,
    EndedGrant,
    Identity,
    IntegrationGuid,
    NotedIntegration,
    Sealed,
    SessionEnded,
    SessionHash,
    SidHash,
    StoredChange,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.policy.access import verified_email
from proxy.store.base import KnownSession, ListedSession, Presence
from proxy.store.engine import Row, Value, Values

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(instant: datetime) -> int:
    """Write an aware instant as microseconds since 1970 UTC, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def optional_micros(instant: datetime | None) -> int | None:
    """Write an instant that may be absent."""
    return None if instant is None else micros(instant)


# ── viewers and their sessions ───────────────────────────────────────────────────────────────────────────────────────


def from_viewer(viewer: Viewer) -> Values:
    """Return the columns of a viewer."""
    return {
        "guid": viewer.guid,
        "identified_by": viewer.identified_by,
        "subject": None if viewer.identity is None else viewer.identity.subject,
        "identity": _from_identity(viewer.identity),
        "email": None if viewer.identity is None else verified_email(viewer.identity),
        "created_at": micros(viewer.created_at),
    }


def to_viewer(row: Row) -> Viewer:
    """Read a viewer; the instant stands in ``viewer_created_at``, because it comes joined with a session's."""
    identified_by = optional_text(row["identified_by"])
    return Viewer(
        guid=ViewerGuid(text(row["guid"])),
        identity=_to_identity(row["identity"]),
        identified_by=None if identified_by is None else IntegrationGuid(identified_by),
        created_at=instant(row["viewer_created_at"]),
    )


def from_session(session: ViewerSession) -> Values:
    """Return the columns of a viewer session."""
    return {
        "hash": session.hash,
        "viewer_guid": session.viewer_guid,
        "created_at": micros(session.created_at),
        "last_seen_at": micros(session.last_seen_at),
        "expires_at": micros(session.expires_at),
        "sid_hash": session.sid_hash,
    }


def to_known_session(row: Row) -> KnownSession:
    """Read a session joined with its viewer."""
    return KnownSession(session=_to_session(row), viewer=to_viewer(row))


def to_presence(rows: Sequence[Row]) -> Presence:
    """Read a session and its viewer, repeated once per consent."""
    consents = (optional_text(row["integration_guid"]) for row in rows)
    return Presence(
        session=_to_session(rows[0]),
        viewer=to_viewer(rows[0]),
        consents=frozenset(IntegrationGuid(guid) for guid in consents if guid is not None),
    )


def to_listed_session(rows: Sequence[Row]) -> ListedSession:
    """Read a session and its viewer, repeated once per consent for any content."""
    return ListedSession(
        session=_to_session(rows[0]),
        viewer=to_viewer(rows[0]),
        consents=frozenset(
            (to_content_guid(row), IntegrationGuid(text(row["integration_guid"])))
            for row in rows
            if row["integration_guid"] is not None
        ),
    )


def to_viewer_guid(row: Row) -> ViewerGuid:
    """Read whose credentials these were."""
    return ViewerGuid(text(row["viewer_guid"]))


def to_content_guid(row: Row) -> ContentGuid:
    """Read which content a session token or a consent is for."""
    return ContentGuid(text(row["content_guid"]))


def to_integration_guid(row: Row) -> IntegrationGuid:
    """Read which integration somebody was asked for."""
    return IntegrationGuid(text(row["integration_guid"]))


def to_session_hash(row: Row) -> SessionHash:
    """Read the hash of a session."""
    return SessionHash(blob(row["hash"]))


def _to_session(row: Row) -> ViewerSession:
    return ViewerSession(
        hash=to_session_hash(row),
        viewer_guid=ViewerGuid(text(row["guid"])),
        created_at=instant(row["created_at"]),
        last_seen_at=instant(row["last_seen_at"]),
        expires_at=instant(row["expires_at"]),
        sid_hash=None if row["sid_hash"] is None else SidHash(blob(row["sid_hash"])),
    )


# ── credentials ──────────────────────────────────────────────────────────────────────────────────────────────────────


def from_credentials(credentials: Credentials) -> Values:
    """Return the columns of credentials (a lease is no part of them)."""
    return {
        "guid": credentials.guid,
        "viewer_guid": credentials.viewer_guid,
        "integration_guid": credentials.integration_guid,
        "fingerprint": credentials.fingerprint,
        "generation": credentials.generation,
        "state": credentials.state.value,
        "access_token": credentials.access_token.value,
        "refresh_token": from_sealed(credentials.refresh_token),
        "issued_at": micros(credentials.issued_at),
        "expires_at": optional_micros(credentials.expires_at),
        "refresh_expires_at": optional_micros(credentials.refresh_expires_at),
        "scope": credentials.scope,
        "account": _from_identity(credentials.account),
        "former_account": _from_identity(credentials.former_account),
        "ended_because": credentials.ended_because,
        "claims": credentials.claims,
        "account_subject": None if credentials.account is None else credentials.account.subject,
        "created_at": micros(credentials.created_at),
        "updated_at": micros(credentials.updated_at),
    }


def to_credentials(row: Row) -> Credentials:
    """Read credentials."""
    return Credentials(
        guid=CredentialsGuid(text(row["guid"])),
        viewer_guid=ViewerGuid(text(row["viewer_guid"])),
        integration_guid=IntegrationGuid(text(row["integration_guid"])),
        fingerprint=blob(row["fingerprint"]),
        generation=integer(row["generation"]),
        state=_state(text(row["state"])),
        access_token=Sealed(blob(row["access_token"])),
        refresh_token=optional_sealed(row["refresh_token"]),
        issued_at=instant(row["issued_at"]),
        expires_at=optional_instant(row["expires_at"]),
        refresh_expires_at=optional_instant(row["refresh_expires_at"]),
        scope=text(row["scope"]),
        account=_to_identity(row["account"]),
        former_account=_to_identity(row["former_account"]),
        ended_because=text(row["ended_because"]),
        claims=optional_text(row["claims"]),
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
    )


def to_credentials_changed(row: Row) -> CredentialsChanged:
    """Read whose credentials were deleted."""
    return CredentialsChanged(to_viewer_guid(row), IntegrationGuid(text(row["integration_guid"])))


def to_ended_grant(row: Row) -> EndedGrant:
    """Read what is to be given back."""
    return EndedGrant(
        credentials_guid=CredentialsGuid(text(row["guid"])),
        viewer_guid=to_viewer_guid(row),
        integration_guid=IntegrationGuid(text(row["integration_guid"])),
        fingerprint=blob(row["fingerprint"]),
        account_subject=optional_text(row["account_subject"]),
        access_token=Sealed(blob(row["access_token"])),
        access_expires_at=optional_instant(row["access_expires_at"]),
        refresh_token=optional_sealed(row["refresh_token"]),
        failures=integer(row["failures"]),
    )


def from_noted_integration(noted: NotedIntegration) -> Values:
    """Return the columns of what an integration is."""
    return {
        "integration_guid": noted.integration_guid,
        "fingerprint": noted.fingerprint,
        "sealed": from_sealed(noted.sealed),
    }


def to_noted_integration(row: Row) -> NotedIntegration:
    """Read what an integration was."""
    return NotedIntegration(
        integration_guid=IntegrationGuid(text(row["integration_guid"])),
        fingerprint=blob(row["fingerprint"]),
        sealed=to_optional_sealed(row),
    )


def to_optional_sealed(row: Row) -> Sealed | None:
    """Read a sealed value that may be absent."""
    return optional_sealed(row["sealed"])


def to_claims(row: Row) -> str:
    """Read a claims challenge."""
    return text(row["claims"])


def from_sealed(sealed: Sealed | None) -> bytes | None:
    """Write a sealed value that may be absent."""
    return None if sealed is None else sealed.value


def _state(name: str) -> CredentialsState:
    try:
        return CredentialsState(name)
    except ValueError as exc:
        raise damaged("a state of credentials") from exc


# ── the change feed ──────────────────────────────────────────────────────────────────────────────────────────────────


def from_change(change: StoredChange, *, now: datetime) -> Values:
    """Return the columns of a change that happens ``now``."""
    values: dict[str, Value] = dict.fromkeys(("session_hash", "viewer_guid", "content_guid", "integration_guid"))
    values["created_at"] = micros(now)
    match change:
        case SessionEnded(session_hash):
            return {**values, "kind": "session_ended", "session_hash": session_hash}
        case ConsentEnded(viewer, content):
            return {**values, "kind": "consent_ended", "viewer_guid": viewer, "content_guid": content}
        case CredentialsChanged(viewer, integration):
            return {**values, "kind": "credentials_changed", "viewer_guid": viewer, "integration_guid": integration}
        case DirectoryChanged(contents):  # one row, whatever it concerns: a list of guids has blanks between them
            return {**values, "kind": "directory_changed", "content_guid": " ".join(sorted(contents))}
        case ApiKeysChanged():
            return {**values, "kind": "api_keys_changed"}


def to_position(row: Row) -> int:
    """Read a position in the feed."""
    return integer(row["position"])


def to_oldest_position(row: Row) -> int:
    """Read where the feed begins now."""
    return integer(row["oldest"])


def to_change(row: Row) -> StoredChange:
    """Read a change."""
    viewer = optional_text(row["viewer_guid"])
    match row["kind"]:
        case "session_ended":
            return SessionEnded(SessionHash(blob(row["session_hash"])))
        case "consent_ended":
            return ConsentEnded(None if viewer is None else ViewerGuid(viewer), to_content_guid(row))
        case "credentials_changed":
            return CredentialsChanged(ViewerGuid(text(viewer)), IntegrationGuid(text(row["integration_guid"])))
        case "directory_changed":
            return DirectoryChanged(frozenset(map(ContentGuid, text(row["content_guid"]).split())))
        case "api_keys_changed":
            return ApiKeysChanged()
        case _:
            raise damaged("a kind of change")


# ── single values ────────────────────────────────────────────────────────────────────────────────────────────────────


def _from_identity(identity: Identity | None) -> str | None:
    # Escaped, because a provider's JSON may hold characters that no database takes (NUL, lone surrogates).
    return None if identity is None else json.dumps(asdict(identity))


def _to_identity(value: Value) -> Identity | None:
    if value is None:
        return None
    try:
        claims = json.loads(text(value))
        return Identity(**{**claims, "groups": tuple(claims["groups"])})
    except (ValueError, TypeError, KeyError) as exc:
        raise damaged("an identity") from exc


def text(value: Value) -> str:
    """Read text."""
    if not isinstance(value, str):
        raise damaged("text")
    return value


def optional_text(value: Value) -> str | None:
    """Read text that may be absent."""
    return None if value is None else text(value)


def blob(value: Value) -> bytes:
    """Read bytes."""
    if not isinstance(value, bytes):
        raise damaged("bytes")
    return value


def integer(value: Value) -> int:
    """Read an integer."""
    if not isinstance(value, int):
        raise damaged("an integer")
    return value


def instant(value: Value) -> datetime:
    """Read an instant."""
    try:
        return _EPOCH + integer(value) * _MICROSECOND
    except OverflowError as exc:
        raise damaged("an instant") from exc


def optional_instant(value: Value) -> datetime | None:
    """Read an instant that may be absent."""
    return None if value is None else instant(value)


def optional_sealed(value: Value) -> Sealed | None:
    """Read what may be sealed there."""
    return None if value is None else Sealed(blob(value))


def damaged(expected: str) -> StoreUnavailable:
    """Return what to raise for a row that is not what it has to be."""
    return StoreUnavailable(f"a stored row is damaged: {expected} was expected")

"""Values for store tests: short to write, every field overridable."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from proxy.model import (
    Consent,
    ContentGuid,
    Credentials,
    CredentialsGuid,
    CredentialsState,
    HandleHash,
    Identity,
    IntegrationGuid,
    Sealed,
    SessionHash,
    SessionTokenHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.store.base import Completed, RefreshedTokens

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=365)
SALES = ContentGuid("content-sales")
STOCK = ContentGuid("content-stock")
WAREHOUSE = IntegrationGuid("integration-warehouse")
LAKE = IntegrationGuid("integration-lake")

ADA = Identity(
    subject="ada-1",
    email="ada@example.org",
    email_verified=True,
    preferred_username="ada",
    name="Ada Ł.",
    groups=("x", "y"),
)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def session_hash(name: str) -> SessionHash:
    return SessionHash(hashlib.sha256(name.encode()).digest())


def token_hash(name: str) -> SessionTokenHash:
    return SessionTokenHash(hashlib.sha256(b"token " + name.encode()).digest())


def handle_hash(name: str) -> HandleHash:
    return HandleHash(hashlib.sha256(b"handle " + name.encode()).digest())


def anonymous(guid: str = "viewer-anonymous") -> Viewer:
    return Viewer(guid=ViewerGuid(guid), identity=None, identified_by=None, created_at=NOON)


def identified(guid: str = "viewer-ada", identity: Identity = ADA) -> Viewer:
    return Viewer(guid=ViewerGuid(guid), identity=identity, identified_by=WAREHOUSE, created_at=NOON)


def session_of(viewer: Viewer, name: str = "s1", **fields) -> ViewerSession:
    session = ViewerSession(
        hash=session_hash(name),
        viewer_guid=viewer.guid,
        created_at=NOON,
        last_seen_at=NOON,
        expires_at=NOON + timedelta(days=7),
    )
    return replace(session, **fields)


def credentials_of(viewer: Viewer, integration: IntegrationGuid = WAREHOUSE, guid: str = "", **fields) -> Credentials:
    credentials = Credentials(
        guid=CredentialsGuid(guid or f"credentials-{viewer.guid}-{integration}"),
        viewer_guid=viewer.guid,
        integration_guid=integration,
        fingerprint=hashlib.sha256(b"client and endpoints").digest(),
        generation=1,
        state=CredentialsState.ACTIVE,
        access_token=Sealed(b"sealed at 1"),
        refresh_token=Sealed(b"sealed rt 1"),
        issued_at=NOON,
        expires_at=NOON + minutes(60),
        refresh_expires_at=NOON + timedelta(days=30),
        scope="openid offline_access",
        account=ADA,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(credentials, **fields)


def consent_of(viewer: Viewer, content: ContentGuid = SALES, integration: IntegrationGuid = WAREHOUSE) -> Consent:
    return Consent(viewer_guid=viewer.guid, content_guid=content, integration_guid=integration, created_at=NOON)


def completed_of(viewer: Viewer, name: str = "s1", **fields) -> Completed:
    """A whole sign-in: credentials, consent and a new session."""
    completed = Completed(
        credentials=credentials_of(viewer),
        consent=consent_of(viewer),
        session=session_of(viewer, name),
        ended_session=None,
    )
    return replace(completed, **fields)


def tokens(number: int = 2, **fields) -> RefreshedTokens:
    refreshed = RefreshedTokens(
        access_token=Sealed(f"sealed at {number}".encode()),
        refresh_token=Sealed(f"sealed rt {number}".encode()),
        issued_at=NOON + minutes(50),
        expires_at=NOON + minutes(110),
        refresh_expires_at=NOON + timedelta(days=31),
        scope="openid",
    )
    return replace(refreshed, **fields)


async def sign_in(store, viewer: Viewer, name: str = "s1", **fields) -> Credentials:
    """Store a whole sign-in and return its credentials."""
    await store.ensure_viewer(viewer)
    completed = completed_of(viewer, name, **fields)
    await store.complete_authorization(completed)
    return completed.credentials

"""The store over any SQL engine: each method is one statement to read or one unit of work to write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from proxy.errors import Conflict
from proxy.model import (
    AuditEvent,
    ChangesLost,
    Consent,
    ContentGuid,
    Credentials,
    CredentialsChanged,
    CredentialsGuid,
    CredentialsState,
    EndedGrant,
    HandleHash,
    IntegrationGuid,
    News,
    NotedIntegration,
    Sealed,
    SessionEnded,
    SessionHash,
    SessionTokenHash,
    Viewer,
    ViewerGuid,
    ViewerSession,
)
from proxy.store import rows, statements
from proxy.store.api_keys import StoredApiKeys
from proxy.store.base import (
    Completed,
    Disconnected,
    KnownSession,
    ListedSession,
    Presence,
    ProviderLogout,
    RefreshedTokens,
)
from proxy.store.configured import ConfiguredThings
from proxy.store.disconnecting import disconnect
from proxy.store.engine import Engine, Row, Transaction, Unit, Values
from proxy.store.feed import announce
from proxy.store.people import People
from proxy.store.sql_administration import SqlDirectory
from proxy.store.sql_api_keys import SqlApiKeys
from proxy.store.sql_audit import SqlAuditLog, append_in
from proxy.store.sql_configured import SqlConfigured
from proxy.store.sql_people import SqlPeople

FEED_KEPT_FOR = timedelta(hours=1)
"""A reader that falls further behind misses changes, and is told so; readers ask about once a second."""

MOST_CHANGES_AT_ONCE = 1000
"""What one answer of the feed holds: whoever applies it does so without a pause."""


class SqlStore:
    """The sidecar's records in a database; see :class:`proxy.store.base.Store` for what each method promises."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        """Take an open engine; ``now`` dates the rows of the change feed."""
        self._engine = engine
        self._now = now
        self.api_keys: StoredApiKeys = SqlApiKeys(engine, now=now)
        self.people: People = SqlPeople(engine)
        self._checking: asyncio.Task[None] | None = None
        self.audit = SqlAuditLog(engine, now=now)
        self.administration = SqlDirectory(engine, now=now)
        self.configured: ConfiguredThings = SqlConfigured(engine, now=now)

    async def close(self) -> None:
        await self._engine.close()

    async def check(self) -> None:
        # One at a time, whoever asks how often: a probe costs a write, and writes stand in one line with sign-ins.
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._engine.write(_beat))
        await asyncio.shield(self._checking)

    # — sign-in ————————————————————————————————————————————————————————————————————————————————

    async def claim_state(self, state_id: str, *, expires_at: datetime) -> bool:
        values: Values = {"id": state_id, "expires_at": rows.micros(expires_at)}
        return bool(await self._engine.write(_one_statement(statements.CLAIM_STATE, values)))

    async def ensure_viewer(self, viewer: Viewer) -> Viewer:
        stored = await self._engine.write(_one_statement(statements.ENSURE_VIEWER, rows.from_viewer(viewer)))
        return rows.to_viewer(stored[0])

    async def complete_authorization(self, completed: Completed) -> None:
        credentials, now = completed.credentials, self._now()

        async def complete(transaction: Transaction) -> None:
            if not await transaction.rows(statements.VIEWER_EXISTS, {"guid": credentials.viewer_guid}):
                raise Conflict("the viewer has signed out")
            values = rows.from_credentials(credentials)
            await transaction.rows(statements.KEEP_REPLACED_GRANT, {**values, "now": rows.micros(now)})
            await transaction.rows(statements.REPLACE_CREDENTIALS, values)
            await announce(transaction, [_changed(credentials)], now=now)
            if completed.consent is not None:
                await transaction.rows(statements.ADD_CONSENT, _from_consent(completed.consent))
                await transaction.rows(statements.FORGET_ASKED, _of_consent(completed.consent))
            if completed.session is not None:
                await transaction.rows(statements.ADD_SESSION, rows.from_session(completed.session))
            # Last, so that the session being replaced is not the viewer's last one.
            if completed.ended_session is not None:
                await _end_session(transaction, completed.ended_session, now=now)

        await self._engine.write(complete)

    # — sessions ———————————————————————————————————————————————————————————————————————————————

    async def session(self, session_hash: SessionHash) -> KnownSession | None:
        found = await self._engine.read(statements.SESSION, {"hash": session_hash})
        return rows.to_known_session(found[0]) if found else None

    async def presence(self, session_hash: SessionHash, content_guid: ContentGuid) -> Presence | None:
        values: Values = {"hash": session_hash, "content_guid": content_guid}
        found = await self._engine.read(statements.PRESENCE, values)
        return rows.to_presence(found) if found else None

    async def note_asked(
        self,
        session_hash: SessionHash,
        *,
        content_guid: ContentGuid,
        integration_guid: IntegrationGuid,
        now: datetime,
    ) -> bool:
        values: Values = {
            "session_hash": session_hash,
            "content_guid": content_guid,
            "integration_guid": integration_guid,
            "created_at": rows.micros(now),
        }
        return bool(await self._engine.write(_one_statement(statements.NOTE_ASKED, values)))

    async def asked(self, viewer_guid: ViewerGuid, content_guid: ContentGuid) -> frozenset[IntegrationGuid]:
        values: Values = {"viewer_guid": viewer_guid, "content_guid": content_guid}
        return frozenset(map(rows.to_integration_guid, await self._engine.read(statements.ASKED, values)))

    async def add_handle(
        self, handle_hash: HandleHash, *, session_hash: SessionHash, content_guid: ContentGuid
    ) -> bool:
        values: Values = {"hash": handle_hash, "session_hash": session_hash, "content_guid": content_guid}
        return bool(await self._engine.write(_one_statement(statements.ADD_HANDLE, values)))

    async def presence_at_host(self, handle_hash: HandleHash, content_guid: ContentGuid) -> Presence | None:
        values: Values = {"hash": handle_hash, "content_guid": content_guid}
        found = await self._engine.read(statements.PRESENCE_AT_HOST, values)
        return rows.to_presence(found) if found else None

    async def touch_sessions(self, last_seen: Mapping[SessionHash, datetime]) -> None:
        values: list[Values] = [{"hash": session_hash, "at": rows.micros(at)} for session_hash, at in last_seen.items()]
        if values:
            await self._engine.write(lambda transaction: transaction.each(statements.TOUCH_SESSION, values))

    async def begin_session(self, session: ViewerSession) -> None:
        await self._engine.write(_one_statement(statements.BEGIN_SESSION, rows.from_session(session)))

    async def end_session(self, session_hash: SessionHash) -> bool:
        now = self._now()
        return await self._engine.write(lambda transaction: _end_session(transaction, session_hash, now=now))

    async def end_viewer(self, viewer_guid: ViewerGuid) -> Sequence[SessionHash]:
        now = self._now()
        values: Values = {"guid": viewer_guid}

        async def end(transaction: Transaction) -> Sequence[SessionHash]:
            await transaction.rows(statements.KEEP_GRANTS_OF_VIEWER, {**values, "now": rows.micros(now)})
            deleted = await transaction.rows(statements.DELETE_CREDENTIALS_OF_VIEWER, values)
            await announce(transaction, [rows.to_credentials_changed(row) for row in deleted], now=now)
            endings = [_Ending.of(row) for row in await transaction.rows(statements.SESSIONS_OF_VIEWER, values)]
            await _end_sessions(transaction, endings, now=now)
            return [ending.session_hash for ending in endings]

        return await self._engine.write(end)

    async def end_sessions_of(
        self, logout: ProviderLogout, *, line: AuditEvent | None = None
    ) -> Sequence[SessionHash] | None:
        now = self._now()
        claim: Values = {"id": logout.id, "expires_at": rows.micros(logout.usable_until)}
        of: Values = {
            "identified_by": logout.identified_by,
            "subject": logout.subject,
            "sid_hash": logout.sid_hash,
        }

        async def end(transaction: Transaction) -> Sequence[SessionHash] | None:
            if not await transaction.rows(statements.CLAIM_STATE, claim):
                return None
            over = [_Ending.of(row) for row in await transaction.rows(statements.SESSIONS_OF_LOGOUT, of)]
            await _end_sessions(transaction, over, now=now, line=line)
            return [ending.session_hash for ending in over]

        return await self._engine.write(end)

    async def add_session_token(
        self, token_hash: SessionTokenHash, *, session_hash: SessionHash, content_guid: ContentGuid
    ) -> bool:
        # A session's tokens are derived, so almost always it is there already: no write then.
        if await self._engine.read(statements.SESSION_TOKEN_EXISTS, {"hash": token_hash}):
            return True
        values: Values = {"hash": token_hash, "session_hash": session_hash, "content_guid": content_guid}
        return bool(await self._engine.write(_one_statement(statements.ADD_SESSION_TOKEN, values)))

    async def redeem_session_token(self, token_hash: SessionTokenHash) -> tuple[ContentGuid, Presence] | None:
        found = await self._engine.read(statements.REDEEM_SESSION_TOKEN, {"hash": token_hash})
        return (rows.to_content_guid(found[0]), rows.to_presence(found)) if found else None

    # — credentials ————————————————————————————————————————————————————————————————————————————

    async def credentials(self, viewer_guid: ViewerGuid, integration_guid: IntegrationGuid) -> Credentials | None:
        values: Values = {"viewer_guid": viewer_guid, "integration_guid": integration_guid}
        found = await self._engine.read(statements.CREDENTIALS, values)
        return rows.to_credentials(found[0]) if found else None

    async def acquire_lease(
        self, credentials_guid: CredentialsGuid, *, owner: str, now: datetime, until: datetime
    ) -> Credentials | None:
        values: Values = {
            "guid": credentials_guid,
            "owner": owner,
            "now": rows.micros(now),
            "until": rows.micros(until),
        }

        async def acquire(transaction: Transaction) -> Credentials | None:
            leased = await transaction.rows(statements.ACQUIRE_LEASE, values)
            return rows.to_credentials(leased[0]) if leased else None  # inside: no lease on a row that cannot be read

        return await self._engine.write(acquire)

    async def release_lease(self, credentials_guid: CredentialsGuid, *, owner: str) -> None:
        values: Values = {"guid": credentials_guid, "owner": owner}
        await self._engine.write(_one_statement(statements.RELEASE_LEASE, values))

    async def save_refresh(
        self, credentials_guid: CredentialsGuid, *, generation: int, tokens: RefreshedTokens, now: datetime
    ) -> Credentials | None:
        values: Values = {
            "guid": credentials_guid,
            "generation": generation,
            "access_token": tokens.access_token.value,
            "refresh_token": rows.from_sealed(tokens.refresh_token),
            "issued_at": rows.micros(tokens.issued_at),
            "expires_at": rows.optional_micros(tokens.expires_at),
            "refresh_expires_at": rows.optional_micros(tokens.refresh_expires_at),
            "scope": tokens.scope,
            "now": rows.micros(now),
        }
        stands = await self._change_credentials(statements.SAVE_REFRESH, values)
        if stands is None:
            await self._engine.write(_one_statement(statements.REFRESH_ENDED_GRANT, values))
        return stands

    async def end_credentials(
        self,
        credentials_guid: CredentialsGuid,
        *,
        generation: int,
        because: str,
        keep_refresh_token: bool,
        claims: str | None,
        now: datetime,
    ) -> Credentials | None:
        state = CredentialsState.INTERACTION_REQUIRED if keep_refresh_token else CredentialsState.ENDED
        values: Values = {
            "guid": credentials_guid,
            "generation": generation,
            "state": state.value,
            "because": because,
            "claims": claims,
            "now": rows.micros(now),
        }
        return await self._change_credentials(statements.END_CREDENTIALS, values)

    async def take_claims(self, viewer_guid: ViewerGuid, integration_guid: IntegrationGuid) -> str | None:
        values: Values = {"viewer_guid": viewer_guid, "integration_guid": integration_guid}
        if not await self._engine.read(statements.CLAIMS, values):  # almost always: no write then
            return None

        async def take(transaction: Transaction) -> str | None:
            found = await transaction.rows(statements.CLAIMS, values)
            await transaction.each(statements.FORGET_CLAIMS, [{"guid": row["guid"]} for row in found])
            return rows.to_claims(found[0]) if found else None

        return await self._engine.write(take)

    async def _change_credentials(self, statement: str, values: Values) -> Credentials | None:
        """Change the row if its generation is the expected one; return what stands afterwards."""
        now = self._now()

        async def change(transaction: Transaction) -> Credentials | None:
            changed = await transaction.rows(statement, values)
            if not changed:
                standing = await transaction.rows(statements.CREDENTIALS_BY_GUID, {"guid": values["guid"]})
                return rows.to_credentials(standing[0]) if standing else None
            credentials = rows.to_credentials(changed[0])
            await announce(transaction, [_changed(credentials)], now=now)
            return credentials

        return await self._engine.write(change)

    # — what is to be given back ———————————————————————————————————————————————————————————————

    async def add_ended_grant(self, credentials: Credentials, *, now: datetime) -> None:
        values = {**rows.from_credentials(credentials), "now": rows.micros(now)}
        await self._engine.write(_one_statement(statements.ADD_ENDED_GRANT, values))

    async def ended_grants(self, *, now: datetime, most: int) -> Sequence[EndedGrant]:
        found = await self._engine.read(statements.ENDED_GRANTS, {"now": rows.micros(now), "most": most})
        return [rows.to_ended_grant(row) for row in found]

    async def put_off_revocation(self, grant: EndedGrant, *, until: datetime, others_too: bool) -> None:
        due_at = rows.micros(until)
        others: Values = {"integration_guid": grant.integration_guid, "due_at": due_at}

        async def put_off(transaction: Transaction) -> None:
            await transaction.rows(statements.COUNT_FAILURE, {"guid": grant.credentials_guid, "due_at": due_at})
            if others_too:
                await transaction.rows(statements.PUT_OFF_ENDED_GRANTS, others)

        await self._engine.write(put_off)

    async def forget_ended_grant(self, grant: EndedGrant) -> None:
        values: Values = {"guid": grant.credentials_guid, "access_token": grant.access_token.value}
        await self._engine.write(_one_statement(statements.FORGET_ENDED_GRANT, values))

    async def is_account_in_use(self, grant: EndedGrant) -> bool:
        values: Values = {
            "integration_guid": grant.integration_guid,
            "account_subject": grant.account_subject,
            "fingerprint": grant.fingerprint,
        }
        return bool(await self._engine.read(statements.ACCOUNT_IN_USE, values))

    # — integrations that are gone —————————————————————————————————————————————————————————————

    async def note_integrations(
        self, configured: Sequence[NotedIntegration], *, unusable: Sequence[IntegrationGuid] = (), now: datetime
    ) -> None:
        instant: Values = {"now": rows.micros(now)}

        async def note(transaction: Transaction) -> None:
            # What is gone already keeps its instant; what is here loses it again with the next statement.
            await transaction.rows(statements.MISS_ALL_INTEGRATIONS, instant)
            await transaction.each(
                statements.NOTE_INTEGRATION, [rows.from_noted_integration(one) for one in configured]
            )
            await transaction.rows(statements.NOTE_UNKNOWN_INTEGRATIONS, instant)
            await transaction.each(statements.NOT_GONE, [{"integration_guid": guid} for guid in unusable])

        await self._engine.write(note)

    async def noted_integration(self, integration_guid: IntegrationGuid, fingerprint: bytes) -> Sealed | None:
        values: Values = {"integration_guid": integration_guid, "fingerprint": fingerprint}
        found = await self._engine.read(statements.NOTED_INTEGRATION, values)
        return rows.to_optional_sealed(found[0]) if found else None

    async def gone_integrations(self, *, before: datetime) -> Sequence[NotedIntegration]:
        found = await self._engine.read(statements.GONE_INTEGRATIONS, {"before": rows.micros(before)})
        return [rows.to_noted_integration(row) for row in found]

    async def credentials_of(
        self, noted: NotedIntegration, *, after: CredentialsGuid, most: int
    ) -> Sequence[Credentials]:
        values: Values = {**rows.from_noted_integration(noted), "after": after, "most": most}
        return [rows.to_credentials(row) for row in await self._engine.read(statements.CREDENTIALS_OF, values)]

    async def give_up_credentials(self, guids: Sequence[CredentialsGuid]) -> None:
        values: list[Values] = [{"guid": guid, "now": rows.micros(self._now())} for guid in guids]

        async def give_up(transaction: Transaction) -> None:
            await transaction.each(statements.KEEP_GRANT, values)
            await transaction.each(statements.DELETE_CREDENTIALS_BY_GUID, values)

        await self._engine.write(give_up)

    async def forget_integrations(self) -> None:
        await self._engine.write(_one_statement(statements.FORGET_INTEGRATIONS, {}))

    # — for operators ——————————————————————————————————————————————————————————————————————————

    async def sessions(self) -> Sequence[ListedSession]:
        by_session = groupby(await self._engine.read(statements.SESSIONS, {}), key=rows.to_session_hash)
        return [rows.to_listed_session(list(of_session)) for _, of_session in by_session]

    async def viewers(self) -> Sequence[Viewer]:
        return [rows.to_viewer(row) for row in await self._engine.read(statements.VIEWERS, {})]

    async def end_sessions(self, hashes: Sequence[SessionHash], *, line: AuditEvent | None = None) -> int:
        now = self._now()

        async def end(transaction: Transaction) -> int:
            ended = [await _end_session(transaction, session_hash, now=now, line=line) for session_hash in hashes]
            return ended.count(True)

        return await self._engine.write(end)

    async def disconnect(
        self, integration_guid: IntegrationGuid, *, viewer_guid: ViewerGuid | None, line: AuditEvent | None = None
    ) -> Disconnected:
        now = self._now()

        async def cut(transaction: Transaction) -> Disconnected:
            done = await disconnect(transaction, integration_guid, viewer_guid=viewer_guid, now=now)
            await _write_down(transaction, line, done.viewers, now=now)
            return Disconnected(credentials=done.ended.credentials, consents=done.ended.consents)

        return await self._engine.write(cut)

    # — housekeeping ———————————————————————————————————————————————————————————————————————————

    async def purge(
        self, *, now: datetime, idle_since: datetime, line: AuditEvent | None = None
    ) -> Sequence[SessionHash]:
        limits = {"now": rows.micros(now), "idle_since": rows.micros(idle_since)}

        async def purge(transaction: Transaction) -> Sequence[SessionHash]:
            await transaction.rows(statements.PURGE_STATES, {"now": limits["now"]})
            await transaction.rows(statements.PURGE_CHANGES, {"before": rows.micros(now - FEED_KEPT_FOR)})
            over = [_Ending.of(row) for row in await transaction.rows(statements.SESSIONS_OVER, limits)]
            await _end_sessions(transaction, over, now=now, line=line)
            idle_since_only = {"idle_since": limits["idle_since"]}
            await transaction.rows(statements.PURGE_VIEWERS_NEVER_SIGNED_IN, idle_since_only)
            return [ending.session_hash for ending in over]

        return await self._engine.write(purge)

    async def changes_since(self, position: int) -> tuple[int, Sequence[News]]:
        if position < 0:
            present = await self._engine.read(statements.PRESENT_POSITION, {})
            return rows.to_position(present[0]), []
        found = await self._engine.read(statements.CHANGES_SINCE, {"position": position, "most": MOST_CHANGES_AT_ONCE})
        if not found:
            return position, []
        lost: list[News] = [ChangesLost()] if rows.to_oldest_position(found[0]) > position + 1 else []
        return rows.to_position(found[-1]), lost + [rows.to_change(row) for row in found]


# ── units of work and their parts ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """A session about to be deleted."""

    session_hash: SessionHash
    viewer_guid: ViewerGuid
    has_identity: bool

    @classmethod
    def of(cls, row: Row) -> _Ending:
        return cls(
            session_hash=rows.to_session_hash(row),
            viewer_guid=ViewerGuid(rows.text(row["guid"])),
            has_identity=row["identified_by"] is not None,
        )


def _one_statement(statement: str, values: Values) -> Unit[Sequence[Row]]:
    return lambda transaction: transaction.rows(statement, values)


async def _beat(transaction: Transaction) -> None:
    await transaction.rows(statements.BEAT, {})


async def _end_session(
    transaction: Transaction, session_hash: SessionHash, *, now: datetime, line: AuditEvent | None = None
) -> bool:
    found = await transaction.rows(statements.SESSION, {"hash": session_hash})
    await _end_sessions(transaction, [_Ending.of(row) for row in found], now=now, line=line)
    return bool(found)


async def _end_sessions(
    transaction: Transaction, endings: Sequence[_Ending], *, now: datetime, line: AuditEvent | None = None
) -> None:
    if not endings:
        return
    hashes = [{"hash": ending.session_hash} for ending in endings]
    await transaction.each(statements.DELETE_SESSION_TOKENS, hashes)
    await transaction.each(statements.DELETE_HANDLES, hashes)
    await transaction.each(statements.DELETE_SESSION, hashes)
    passing = [{"guid": ending.viewer_guid} for ending in endings if not ending.has_identity]
    keeping: list[Values] = [{**values, "now": rows.micros(now)} for values in passing]
    await transaction.each(statements.KEEP_ABANDONED_GRANTS, keeping)
    await transaction.each(statements.DELETE_ABANDONED_CREDENTIALS, passing)
    await transaction.each(statements.DELETE_ABANDONED_CONSENTS, passing)
    await transaction.each(statements.DELETE_ABANDONED_ASKED, passing)
    await transaction.each(statements.DELETE_ABANDONED_VIEWER, passing)
    await announce(transaction, [SessionEnded(ending.session_hash) for ending in endings], now=now)
    await _write_down(transaction, line, [ending.viewer_guid for ending in endings], now=now)


async def _write_down(
    transaction: Transaction, line: AuditEvent | None, viewers: Iterable[ViewerGuid], *, now: datetime
) -> None:
    """Add the line for each of the viewers to the audit log."""
    if line is not None:
        of_each = [replace(line, viewer_guid=viewer_guid) for viewer_guid in dict.fromkeys(viewers)]
        await append_in(transaction, of_each, now=now)


def _changed(credentials: Credentials) -> CredentialsChanged:
    return CredentialsChanged(credentials.viewer_guid, credentials.integration_guid)


def _of_consent(consent: Consent) -> Values:
    return {
        "viewer_guid": consent.viewer_guid,
        "content_guid": consent.content_guid,
        "integration_guid": consent.integration_guid,
    }


def _from_consent(consent: Consent) -> Values:
    return {**_of_consent(consent), "created_at": rows.micros(consent.created_at)}

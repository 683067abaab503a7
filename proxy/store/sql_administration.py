"""What was made through the Server API over any SQL engine; see :mod:`proxy.store.administration` for what is promised."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from proxy.model import (
    ConsentEnded,
    ContentGuid,
    CredentialsGuid,
    DirectoryChanged,
    IntegrationGuid,
    StoredIntegration,
)
from proxy.store import rows
from proxy.store.administration import Ended, StoredDirectory, StoredGrant, Tell
from proxy.store.administration_rows import (
    from_integration,
    from_permissions,
    to_association,
    to_grant,
    to_integration,
    to_name,
    to_permissions,
    to_seen,
)
from proxy.store.disconnecting import disconnect
from proxy.store.engine import Engine, Transaction, Values
from proxy.store.feed import announce
from proxy.store.sql_audit import append_in

SEE = "INSERT INTO first_seen (guid, at) VALUES (:guid, :at) ON CONFLICT (guid) DO NOTHING"
SEEN = "SELECT id, guid, at FROM first_seen"

ADD_INTEGRATION = """
INSERT INTO integration (
    guid, name, slug, description, template, config, client_secret, private_key, pin_identity, generation,
    revision, created_at, updated_at
) VALUES (
    :guid, :name, :slug, :description, :template, :config, :client_secret, :private_key, :pin_identity, :generation,
    :revision, :created_at, :updated_at
)
"""
CHANGE_INTEGRATION = """
UPDATE integration SET
    name = :name, slug = :slug, description = :description, template = :template, config = :config,
    client_secret = :client_secret, private_key = :private_key, pin_identity = :pin_identity,
    generation = :generation, revision = :revision, updated_at = :updated_at
WHERE guid = :guid AND revision = :revision - 1
RETURNING guid
"""
DELETE_INTEGRATION = "DELETE FROM integration WHERE guid = :guid"
INTEGRATION_EXISTS = "SELECT guid FROM integration WHERE guid = :guid"
NAMES = "SELECT guid, name FROM integration"
INTEGRATIONS = "SELECT i.* FROM integration i JOIN first_seen s ON s.guid = i.guid ORDER BY s.id"

ADD_PERMISSION = """
INSERT INTO permission (integration_guid, position, user_email, group_name)
VALUES (:integration_guid, :position, :user_email, :group_name)
"""
DELETE_PERMISSIONS = "DELETE FROM permission WHERE integration_guid = :guid"
PERMISSIONS = "SELECT * FROM permission ORDER BY integration_guid, position"

ASSOCIATIONS = "SELECT content_guid, integration_guid, created_at FROM association ORDER BY content_guid, position"
ASSOCIATIONS_OF = (
    "SELECT content_guid, integration_guid, created_at FROM association WHERE content_guid = :content_guid"
)
CONTENTS_OF = "SELECT content_guid FROM association WHERE integration_guid = :guid"
ADD_ASSOCIATION = """
INSERT INTO association (content_guid, integration_guid, position, created_at)
VALUES (:content_guid, :integration_guid, :position, :created_at)
"""
DELETE_ASSOCIATIONS_OF = "DELETE FROM association WHERE content_guid = :content_guid"
DELETE_ASSOCIATIONS_WITH = "DELETE FROM association WHERE integration_guid = :guid"
DELETE_CONSENTS_FOR = """
DELETE FROM consent WHERE content_guid = :content_guid AND integration_guid = :integration_guid RETURNING viewer_guid
"""

_GRANTS = """
SELECT c.guid AS credentials_guid, c.integration_guid, c.refresh_token IS NOT NULL AS has_refresh_token,
    c.created_at, c.updated_at, v.guid, v.identified_by, v.identity, v.created_at AS viewer_created_at
FROM credentials c JOIN viewer v ON v.guid = c.viewer_guid
"""
GRANTS = _GRANTS + "WHERE c.guid > :after ORDER BY c.guid LIMIT :most"
GRANTS_OF = _GRANTS + "WHERE v.identified_by = :identified_by AND v.email = :email ORDER BY c.guid"
GRANT = _GRANTS + "WHERE c.guid = :guid"


class SqlDirectory:
    """The room for integrations, permissions and associations."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def see(self, guids: Collection[str], *, now: datetime) -> None:
        values: list[Values] = [{"guid": guid, "at": rows.micros(now)} for guid in guids]
        await self._engine.write(lambda transaction: transaction.each(SEE, values))

    async def read(self) -> StoredDirectory:
        async def read(transaction: Transaction) -> StoredDirectory:  # one transaction: nothing of it is half changed
            permissions = to_permissions(await transaction.rows(PERMISSIONS, {}))
            return StoredDirectory(
                integrations=[to_integration(row, permissions) for row in await transaction.rows(INTEGRATIONS, {})],
                associations=[to_association(row) for row in await transaction.rows(ASSOCIATIONS, {})],
                seen=dict(map(to_seen, await transaction.rows(SEEN, {}))),
            )

        return await self._engine.write(read)

    async def names(self) -> Mapping[IntegrationGuid, str]:
        return dict(map(to_name, await self._engine.read(NAMES, {})))

    async def add_integration(self, made: StoredIntegration, *, tell: Tell) -> None:
        async def add(transaction: Transaction) -> None:
            await transaction.rows(SEE, {"guid": made.guid, "at": rows.micros(made.created_at)})
            await transaction.rows(ADD_INTEGRATION, from_integration(made))
            await transaction.each(ADD_PERMISSION, from_permissions(made))
            await self._changed(transaction, (), Ended(), tell)

        await self._engine.write(add)

    async def change_integration(self, changed: StoredIntegration, *, ends_grants: bool, tell: Tell) -> Ended | None:
        guid: Values = {"guid": changed.guid}

        async def change(transaction: Transaction) -> Ended | None:
            if not await transaction.rows(CHANGE_INTEGRATION, from_integration(changed)):
                return None
            await transaction.rows(DELETE_PERMISSIONS, guid)
            await transaction.each(ADD_PERMISSION, from_permissions(changed))
            contents = {rows.to_content_guid(row) for row in await transaction.rows(CONTENTS_OF, guid)}
            ended = Ended()
            if ends_grants:
                ended = (await disconnect(transaction, changed.guid, viewer_guid=None, now=self._now())).ended
            return await self._changed(transaction, contents, ended, tell)

        return await self._engine.write(change)

    async def delete_integration(self, guid: IntegrationGuid, *, tell: Tell) -> Ended | None:
        values: Values = {"guid": guid}

        async def delete(transaction: Transaction) -> Ended | None:
            if not await transaction.rows(INTEGRATION_EXISTS, values):
                return None
            contents = {rows.to_content_guid(row) for row in await transaction.rows(CONTENTS_OF, values)}
            await transaction.rows(DELETE_ASSOCIATIONS_WITH, values)
            await transaction.rows(DELETE_PERMISSIONS, values)
            await transaction.rows(DELETE_INTEGRATION, values)
            ended = (await disconnect(transaction, guid, viewer_guid=None, now=self._now())).ended
            await self._lost(transaction, contents)
            return await self._changed(transaction, contents, ended, tell)

        return await self._engine.write(delete)

    async def associate(
        self,
        content_guid: ContentGuid,
        integration_guids: Sequence[IntegrationGuid],
        *,
        made: Collection[IntegrationGuid],
        now: datetime,
        tell: Tell,
    ) -> Ended | None:
        content: Values = {"content_guid": content_guid}

        async def associate(transaction: Transaction) -> Ended | None:
            for guid in made:
                if not await transaction.rows(INTEGRATION_EXISTS, {"guid": guid}):
                    return None
            found = [to_association(row) for row in await transaction.rows(ASSOCIATIONS_OF, content)]
            before = {one.integration_guid: one.created_at for one in found}
            await transaction.rows(DELETE_ASSOCIATIONS_OF, content)
            written: list[Values] = [
                {
                    **content,
                    "integration_guid": guid,
                    "position": position,
                    "created_at": rows.micros(before.get(guid, now)),
                }
                for position, guid in enumerate(integration_guids)
            ]
            await transaction.each(ADD_ASSOCIATION, written)
            gone = sorted(before.keys() - set(integration_guids))
            ended = [await transaction.rows(DELETE_CONSENTS_FOR, {**content, "integration_guid": one}) for one in gone]
            await self._lost(transaction, [content_guid] if gone else [])
            return await self._changed(transaction, [content_guid], Ended(consents=sum(map(len, ended))), tell)

        return await self._engine.write(associate)

    async def grants(self, *, after: CredentialsGuid, most: int) -> Sequence[StoredGrant]:
        return [to_grant(row) for row in await self._engine.read(GRANTS, {"after": after, "most": most})]

    async def grants_of(self, email: str, identified_by: IntegrationGuid) -> Sequence[StoredGrant]:
        values: Values = {"email": email, "identified_by": identified_by}
        return [to_grant(row) for row in await self._engine.read(GRANTS_OF, values)]

    async def grant(self, guid: CredentialsGuid) -> StoredGrant | None:
        found = await self._engine.read(GRANT, {"guid": guid})
        return to_grant(found[0]) if found else None

    async def end_grant(self, credentials: StoredGrant, *, tell: Tell) -> Ended | None:
        async def end(transaction: Transaction) -> Ended | None:
            if not await transaction.rows(GRANT, {"guid": credentials.guid}):
                return None  # or others in their place: whoever consented anew meant those
            guid, viewer_guid = credentials.integration_guid, credentials.viewer.guid
            ended = (await disconnect(transaction, guid, viewer_guid=viewer_guid, now=self._now())).ended
            await append_in(transaction, tell(ended), now=self._now())
            return ended

        return await self._engine.write(end)

    async def _lost(self, transaction: Transaction, contents: Collection[ContentGuid]) -> None:
        """Announce that these contents use less than before: what began with more must end."""
        await announce(transaction, [ConsentEnded(None, content) for content in sorted(contents)], now=self._now())

    async def _changed(
        self, transaction: Transaction, contents: Iterable[ContentGuid], ended: Ended, tell: Tell
    ) -> Ended:
        """Announce that the directory is another, and write the lines that tell of it."""
        await announce(transaction, [DirectoryChanged(frozenset(contents))], now=self._now())
        await append_in(transaction, tell(ended), now=self._now())
        return ended

"""The end of what viewers granted to an integration, as a part of units of work: credentials, consents, and the news of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.model import ConsentEnded, CredentialsChanged, IntegrationGuid, StoredChange, ViewerGuid
from proxy.store import rows, statements
from proxy.store.administration import Ended
from proxy.store.engine import Transaction, Values
from proxy.store.feed import announce


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What was deleted, and whose it was."""

    ended: Ended
    viewers: Sequence[ViewerGuid]


async def disconnect(
    transaction: Transaction, integration_guid: IntegrationGuid, *, viewer_guid: ViewerGuid | None, now: datetime
) -> Cut:
    """Delete credentials and consents of one viewer, or all; the tokens are kept to be given back."""
    values: Values = {"integration_guid": integration_guid, "viewer_guid": viewer_guid}
    await transaction.rows(statements.KEEP_DISCONNECTED_GRANTS, {**values, "now": rows.micros(now)})
    holders = await transaction.rows(statements.DELETE_CREDENTIALS, values)
    consents = await transaction.rows(statements.DELETE_CONSENTS, values)
    contents = sorted({rows.to_content_guid(row) for row in consents})
    changes: list[StoredChange] = [ConsentEnded(viewer_guid, content) for content in contents]
    changes += [CredentialsChanged(rows.to_viewer_guid(row), integration_guid) for row in holders]
    await announce(transaction, changes, now=now)
    return Cut(
        ended=Ended(credentials=len(holders), consents=len(consents)),
        viewers=[rows.to_viewer_guid(row) for row in (*holders, *consents)],
    )

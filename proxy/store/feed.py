"""The change feed as units of work write it: what others may have prepared is named in the transaction that ends it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from proxy.model import StoredChange
from proxy.store import rows, statements
from proxy.store.engine import Transaction


async def announce(transaction: Transaction, changes: Iterable[StoredChange], *, now: datetime) -> None:
    """Append changes to the feed."""
    await transaction.each(statements.ADD_CHANGE, [rows.from_change(change, now=now) for change in changes])

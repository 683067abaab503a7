"""What the store needs from a database engine: one statement to read, one function to write in a transaction.

Statements use ``:name`` parameters; an engine with another notation translates them. Values are what every engine has:
text, integers, bytes and ``None``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

Value = str | int | bytes | None
Values = Mapping[str, Value]

T = TypeVar("T")


class Row(Protocol):
    """One row of a result."""

    def __getitem__(self, column: str, /) -> Value:
        """Return the column's value."""


class Transaction(Protocol):
    """An open transaction; nothing of it is seen by others before its unit of work returns."""

    async def rows(self, statement: str, values: Values) -> Sequence[Row]:
        """Execute and return what it selects (or, with ``RETURNING``, changed)."""

    async def each(self, statement: str, values: Sequence[Values]) -> None:
        """Execute once per set of values."""


Unit = Callable[[Transaction], Awaitable[T]]


class Engine(Protocol):
    """A database.

    Every method raises :class:`~proxy.errors.StoreUnavailable` when the engine cannot do it, and
    :class:`~proxy.errors.Conflict` when the records forbid it.
    """

    async def read(self, statement: str, values: Values) -> Sequence[Row]:
        """Return what one statement selects from what is committed."""

    async def write(self, unit: Unit[T]) -> T:
        """Run the unit in one transaction: committed when it returns, as if never run when it raises.

        Goes on when the caller is cancelled.
        """

    async def close(self) -> None:
        """Let running units finish, then let go of the database; closing again changes nothing."""

"""Leave a grant alone for a while after the authorization server could not, or would not, refresh it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.flows.fresh_tokens import Key
from proxy.flows.memory import Memory
from proxy.model import Credentials, CredentialsGuid, IntegrationGuid

OPERATOR_COOL_DOWN_S = 60.0
"""How long a refusal that an administrator must mend is answered from memory."""
SHORTEST_COOL_DOWN_S = 1.0
LONGEST_COOL_DOWN_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolDown:
    """The authorization server is not asked again before ``until`` with what was asked at this generation."""

    credentials_guid: CredentialsGuid
    generation: int
    until: datetime
    because: str
    failures: int


class CoolDowns:
    """One cool-down per viewer and integration."""

    def __init__(self, *, now: Callable[[], datetime], pause_s: Callable[[int], float], max_remembered: int) -> None:
        self._now = now
        self._pause_s = pause_s
        self._memory: Memory[Key, CoolDown] = Memory(max_remembered)

    def holding(self, key: Key, row: Credentials) -> CoolDown | None:
        """Return the cool-down that holds for this row; new consent and another generation end one."""
        cooling = self._memory.get(key)
        if cooling is None or cooling.until <= self._now():
            return None
        same = (cooling.credentials_guid, cooling.generation) == (row.guid, row.generation)
        return cooling if same else None

    def begin(self, key: Key, row: Credentials, because: str, at_least_s: float | None) -> CoolDown:
        """Start a cool-down, longer after each failure in a row; ``at_least_s`` is the server's own wish."""
        before = self._memory.get(key)
        failures = 1 if before is None or before.generation != row.generation else before.failures + 1
        pause_s = max(at_least_s or 0.0, self._pause_s(failures), SHORTEST_COOL_DOWN_S)
        cooling = CoolDown(
            credentials_guid=row.guid,
            generation=row.generation,
            until=self._now() + timedelta(seconds=min(pause_s, LONGEST_COOL_DOWN_S)),
            because=because,
            failures=failures,
        )
        self._memory.put(key, cooling)
        return cooling

    def end(self, key: Key) -> None:
        """The refresh worked: ask again whenever needed."""
        self._memory.drop(key)

    def forget(self, integration_guid: IntegrationGuid) -> None:
        """Ask for everybody again: the integration is another now."""
        self._memory.drop_where(lambda key: key[1] == integration_guid)

    def left_s(self, cooling: CoolDown) -> float:
        """Return how long to wait yet, at least a second."""
        return max(SHORTEST_COOL_DOWN_S, (cooling.until - self._now()).total_seconds())

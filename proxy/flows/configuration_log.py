"""What is another in the configuration since the last start, for the audit log: which content, integration and setting.

Of each setting the store has a keyed hash and not the value, so that a secret may change and be told of without being kept a
second time. Hashes of older keys of the ring count: rotating keys changes nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime

from proxy.model import (
    SIDECAR,
    AuditAction,
    AuditEvent,
    Content,
    ContentGuid,
    Directory,
    Integration,
    IntegrationGuid,
    Secret,
)
from proxy.sealing import KeyRing
from proxy.store.configured import Configured, ConfiguredThings

_DEPLOYMENT = "deployment"
_PURPOSE = "configured setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thing:
    """Something that is configured."""

    guid: str
    kind: str
    name: str
    settings: Mapping[str, str]


class ConfigurationLog:
    """Compares the configuration of this start with that of the last."""

    def __init__(
        self,
        *,
        configured: Directory,
        deployment: Mapping[str, object],
        records: ConfiguredThings,
        key_ring: KeyRing,
        now: Callable[[], datetime],
        lines: Callable[[AuditEvent], Sequence[AuditEvent]],
    ) -> None:
        """``deployment``: every setting that is not a content's or an integration's, by name."""
        self._configured = configured
        self._deployment = deployment
        self._records = records
        self._key_ring = key_ring
        self._now = now
        self._lines = lines

    async def write(self) -> None:
        """Write down what is configured, and a line for each thing that was added, changed or removed; once per start.

        The first start has nothing to compare with, and writes no line.
        """
        before = {one.guid: one for one in await self._records.remembered()}
        things = tuple(_things(self._configured, self._deployment))
        events = tuple(self._differences(things, before)) if before else ()
        await self._records.remember(
            [Configured(guid=one.guid, name=f"{one.kind} {one.name}", settings=self._hashed(one)) for one in things],
            lines=[line for event in events for line in self._lines(event)],
        )

    def _differences(self, things: Iterable[_Thing], before: Mapping[str, Configured]) -> Iterator[AuditEvent]:
        there = {one.guid: one for one in things}
        for one in there.values():
            known = before.get(one.guid)
            if known is None:
                yield self._event(one.guid, one.kind, one.name, "added")
            elif changed := self._changed(one, known):
                yield self._event(one.guid, one.kind, one.name, "changed", settings=" ".join(changed))
        for gone in before.values():
            if gone.guid not in there:
                kind, _, name = gone.name.partition(" ")
                yield self._event(gone.guid, kind, name, "removed")

    def _changed(self, one: _Thing, known: Configured) -> list[str]:
        """Name the settings that are others now."""
        present = {name: self._handles(one.guid, name, value) for name, value in one.settings.items()}
        return sorted(
            name
            for name in {*present, *known.settings}
            if not any(hmac.compare_digest(known.settings.get(name, b""), hashed) for hashed in present.get(name, ()))
        )

    def _hashed(self, one: _Thing) -> Mapping[str, bytes]:
        return {name: self._handles(one.guid, name, value)[0] for name, value in one.settings.items()}

    def _handles(self, guid: str, name: str, value: str) -> tuple[bytes, ...]:
        return self._key_ring.handles(_PURPOSE, guid.encode(), name.encode(), value.encode("utf-8", "surrogatepass"))

    def _event(self, guid: str, kind: str, name: str, change: str, **detail: str) -> AuditEvent:
        return AuditEvent(
            at=self._now(),
            action=AuditAction.CONFIGURATION_CHANGED,
            actor=SIDECAR,
            content_guid=ContentGuid(guid) if kind == "content" else None,
            integration_guid=IntegrationGuid(guid) if kind == "integration" else None,
            detail={"what": f"{kind} {name}".rstrip(), "change": change, **detail},
        )


def _things(configured: Directory, deployment: Mapping[str, object]) -> Iterator[_Thing]:
    whole = {
        **deployment,
        "sign_in": configured.sign_in,
        "groups_claim": configured.groups_claim,
    }
    yield _Thing(guid=_DEPLOYMENT, kind=_DEPLOYMENT, name="", settings=_written(whole))
    for integration in configured.integrations.values():
        yield _Thing(
            guid=integration.guid, kind="integration", name=integration.name, settings=_of_integration(integration)
        )
    for content in configured.contents.values():
        yield _Thing(guid=content.guid, kind="content", name=content.name, settings=_written(_fields(content)))


def _of_integration(integration: Integration) -> Mapping[str, str]:
    found = _fields(integration)
    return _written({**{name: value for name, value in found.items() if name != "config"}, **integration.config})


def _fields(value: Content | Integration) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _written(settings: Mapping[str, object]) -> Mapping[str, str]:
    return {name: _text(value) for name, value in settings.items()}


def _text(value: object) -> str:
    """Write a value so that equal ones give the same text, in this process and the next: sets have an order here."""
    match value:
        case Secret():
            return value.reveal()
        case Mapping():
            return repr(sorted((str(key), _text(one)) for key, one in value.items()))
        case AbstractSet():
            return repr(sorted(map(_text, value)))
        case tuple() | list():
            return repr([_text(one) for one in value])
        case _ if is_dataclass(value):
            return repr(
                [type(value).__name__, *((field.name, _text(getattr(value, field.name))) for field in fields(value))]
            )
        case _:
            return str(value)

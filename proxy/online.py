"""``oauth-sidecar check --online``: ask every integration's authorization server, and say what was found."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from proxy.config.values import Config
from proxy.flows.online_check import OnlineCheck
from proxy.flows.online_visit import Finding
from proxy.model import Integration
from proxy.provider_client import provider_client

Findings = Mapping[str, Sequence[Finding]]
"""By the integration's name, in the order of the configuration."""


def ask(config: Config) -> Findings:
    """Ask all of them at once; takes as long as the slowest, a minute at the worst. Nothing is stored."""
    return asyncio.run(_ask(config, list(config.directory.integrations.values())))


def has_problem(findings: Findings) -> bool:
    """Say whether viewers of some integration will not get through, or not for long."""
    return any(finding.level == "problem" for found in findings.values() for finding in found)


def as_text(findings: Findings) -> str:
    """Return a paragraph for each integration, a line for each step."""
    lines = [line for name, found in findings.items() for line in (f"{name}:", *map(_line, found))]
    return "\n".join(lines) or "There is no integration to ask for."


def as_json(findings: Findings) -> str:
    """Return ``[{"integration": …, "findings": [{"step": …, "level": …, "text": …}]}]``."""
    shown = [
        {
            "integration": name,
            "findings": [{"step": one.step, "level": one.level, "text": one.text} for one in found],
        }
        for name, found in findings.items()
    ]
    return json.dumps(shown, indent=2, ensure_ascii=False)


async def _ask(config: Config, integrations: Sequence[Integration]) -> Findings:
    client = provider_client(config)
    check = OnlineCheck(send=client.send, now=_now, random_bytes=secrets.token_bytes, redirect_uri=config.redirect_uri)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = {one.name: group.create_task(check.of(one)) for one in integrations}
    finally:
        await client.close()
    return {name: task.result() for name, task in tasks.items()}


def _line(finding: Finding) -> str:
    return f"  {finding.level:<8}{finding.step:<15}{finding.text}"


def _now() -> datetime:
    return datetime.now(UTC)

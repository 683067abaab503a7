"""What the checks across settings look at: all that is sound so far, with its place in the file."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path as FilePath

from proxy.config.document import Value
from proxy.config.parse import Parsed
from proxy.config.problems import Path, Report
from proxy.config.schema import ApiKeySettings, ContentSettings, IntegrationSettings, Settings
from proxy.config.tree import at


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Settings that are parsed but not yet known to fit together."""

    settings: Settings
    report: Report
    folder: FilePath
    """Relative file names start here."""
    integrations: tuple[tuple[Path, IntegrationSettings], ...]
    contents: tuple[tuple[Path, ContentSettings], ...]
    api_keys: tuple[tuple[Path, ApiKeySettings], ...]
    store_keys: tuple[tuple[Path, str], ...]
    integration_names: frozenset[str]
    """All that are written, faulty ones too: a reference to a faulty one is not a second problem."""
    content_names: frozenset[str]

    def integration(self, name: str) -> IntegrationSettings | None:
        """Return the first sound integration of that name."""
        return next((item for _, item in self.integrations if item.name == name), None)


def draft(tree: Value, parsed: Parsed, report: Report, folder: FilePath) -> Draft:
    """Bring settings and their places together."""
    settings, positions = parsed.settings, parsed.positions

    def places(*where: str) -> list[Path]:
        return [(*where, position) for position in positions[where]]

    return Draft(
        settings=settings,
        report=report,
        folder=folder,
        integrations=tuple(zip(places("integrations"), settings.integrations, strict=True)),
        contents=tuple(zip(places("content"), settings.content, strict=True)),
        api_keys=tuple(zip(places("api", "keys"), settings.api.keys, strict=True)),
        store_keys=tuple(zip(places("store", "keys"), settings.store.keys, strict=False)),
        integration_names=_names(at(tree, ("integrations",))),
        content_names=_names(at(tree, ("content",))),
    )


def refuse_repeats(items: Iterable[tuple[Path, Hashable]], report: Report, say: str) -> None:
    """Report each value that an earlier item has too; ``say`` gets that item's place as ``{}``."""
    seen: dict[Hashable, Path] = {}
    for path, value in items:
        if value in seen:
            report.add(path, say.format(f"line {report.line_of(seen[value])}"))
        else:
            seen[value] = path


def slug_of(integration: IntegrationSettings) -> str:
    """Return the slug as given or as it follows from the name."""
    derived = re.sub(r"[^a-z0-9]+", "-", integration.name.lower())[:40].strip("-")
    return integration.slug or derived


def _names(items: Value) -> frozenset[str]:
    """Names as written; an item without a readable one may have had any name, so it is not counted."""
    listed = items if isinstance(items, list) else []
    return frozenset(
        str(item["name"]) for item in listed if isinstance(item, dict) and isinstance(item.get("name"), str)
    )

"""What the checks across settings look at: all that is sound so far, with its place in the file.

A check leaves alone what :meth:`Draft.is_given` denies (nobody wrote the stand-in that is there), and asks
:meth:`Report.is_sound <proxy.config.problems.Report.is_sound>` before it says what may only follow from another problem.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import TypeVar

from proxy.config.document import Value
from proxy.config.parse import Parsed
from proxy.config.problems import Path, Report
from proxy.config.schema import ApiKeySettings, ContentSettings, HeaderSettings, IntegrationSettings, Settings
from proxy.config.tree import at
from proxy.model import HeaderRules
from proxy.policy.header_names import default_preset
from proxy.policy.slugs import derived_slug

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Settings that are parsed but not yet known to fit together."""

    settings: Settings
    report: Report
    folder: FilePath
    """Relative file names start here."""
    refused: frozenset[Path]
    integrations: tuple[tuple[Path, IntegrationSettings], ...]
    contents: tuple[tuple[Path, ContentSettings], ...]
    api_keys: tuple[tuple[Path, ApiKeySettings], ...]
    store_keys: tuple[tuple[Path, str], ...]
    integration_names: frozenset[str]
    """All that are written, faulty ones too: a reference to a faulty one is not a second problem."""
    content_names: frozenset[str]

    def integration(self, name: str) -> tuple[Path, IntegrationSettings] | None:
        """Return the first integration of that name, with its place."""
        return next(
            (found for found in self.integrations if found[1].name == name and self.is_given(*found[0], "name")), None
        )

    def is_given(self, *path: str | int) -> bool:
        """Whether the settings have at ``path`` what is written there (or a default, where nothing is)."""
        return not any(path[:length] in self.refused for length in range(1, len(path) + 1))

    def given(
        self, items: Iterable[tuple[Path, ItemT]], name: str, value: Callable[[ItemT], ValueT]
    ) -> list[tuple[Path, ValueT]]:
        """Return one setting of all items that have it, with its place."""
        return [((*path, name), value(item)) for path, item in items if self.is_given(*path, name)]


def draft(tree: Value, parsed: Parsed, report: Report, folder: FilePath) -> Draft:
    """Bring settings and their places together."""
    settings = parsed.settings
    return Draft(
        settings=settings,
        report=report,
        folder=folder,
        refused=parsed.refused,
        integrations=_placed(settings.integrations, "integrations"),
        contents=_placed(settings.content, "content"),
        api_keys=_placed(settings.api.keys, "api", "keys"),
        store_keys=_placed(settings.store.keys, "store", "keys"),
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
    return integration.slug or derived_slug(integration.name)


def header_rules_of(content: ContentSettings) -> HeaderRules:
    """Return the header rules as given, or as they follow from the kind of content."""
    given = content.headers or HeaderSettings()
    return HeaderRules(
        preset=given.preset or default_preset(content.app_mode),
        rename=MappingProxyType({source.lower(): name for source, name in given.rename.items()}),
        drop=frozenset(name.lower() for name in given.drop),
    )


def _placed(items: list[ItemT], *where: str) -> tuple[tuple[Path, ItemT], ...]:
    return tuple(((*where, position), item) for position, item in enumerate(items))


def _names(items: Value) -> frozenset[str]:
    """Names as written; an item without a readable one may have had any name, so it is not counted."""
    listed = items if isinstance(items, list) else []
    return frozenset(
        str(item["name"]) for item in listed if isinstance(item, dict) and isinstance(item.get("name"), str)
    )

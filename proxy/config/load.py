"""YAML, environment and files → :class:`~proxy.config.values.Config`, or all that is wrong at once.

The way: ``document`` (text → values with places), ``references`` (``${ENV}``, ``file:``), ``parse`` (types and names),
``checks`` (do the settings fit each other), ``build`` (settings → plain values).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxy.config.build import build
from proxy.config.checks import check
from proxy.config.checks.draft import draft
from proxy.config.document import MAX_BYTES, Value, read_document
from proxy.config.parse import parse
from proxy.config.problems import ConfigProblems, Report
from proxy.config.references import Surroundings, expand
from proxy.config.schema import Settings
from proxy.config.tree import at
from proxy.config.values import Config
from proxy.model import Secret


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration with what only the commands around it need."""

    config: Config
    plain_keys: Mapping[str, tuple[Secret, ...]]
    """By content name: its API keys in plain, as ``content-env`` prints one."""


def load(path: Path, *, environment: Mapping[str, str]) -> Config:
    """Read a configuration file; :class:`ConfigProblems` with everything that is wrong with it."""
    return load_with_keys(path, environment=environment).config


def load_with_keys(path: Path, *, environment: Mapping[str, str]) -> Loaded:
    """Read a configuration file and keep the contents' API keys in plain beside it."""
    report = Report(file=str(path))
    settings = _settings(path, environment, report)
    problems = report.problems()
    if problems or settings is None:
        raise ConfigProblems(problems)
    keys: dict[str, tuple[Secret, ...]] = {}
    for key in settings.api.keys:
        if key.content is None:
            continue
        keys[key.content] = (*keys.get(key.content, ()), Secret(key.key))
    return Loaded(build(settings, path.absolute().parent), keys)


def _settings(path: Path, environment: Mapping[str, str], report: Report) -> Settings | None:
    """Return the settings as far as they are sound; problems are in the report."""
    folder = path.absolute().parent
    raw = _read(path, report)
    written = read_document(raw, report) if raw is not None else None
    if written is None:
        return None
    report.secrets.update(_secrets(written))
    tree = {
        key: expand(value, Surroundings(environment=environment, folder=folder), report, (key,))
        for key, value in written.items()
    }
    parsed = parse(tree, report)
    check(draft(tree, parsed, report, folder))
    return parsed.settings


def _read(path: Path, report: Report) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        report.add((), f"the file cannot be read ({(isinstance(exc, OSError) and exc.strerror) or 'bad name'})")
        return None


def _secrets(tree: Value) -> Iterator[str]:
    """Yield the secrets that are written out in the file itself, so that no problem shows them."""
    store, keys, integrations = at(tree, ("store", "keys")), at(tree, ("api", "keys")), at(tree, ("integrations",))
    yield from (str(item) for item in (store if isinstance(store, list) else [store]) if item is not None)
    yield from (str(item["key"]) for item in _mappings(keys) if item.get("key") is not None)
    for config in _mappings([item.get("config") for item in _mappings(integrations)]):
        yield from (str(value) for name, value in config.items() if _is_secret(name) and value is not None)


def _is_secret(name: str) -> bool:
    """Whether a key looks like one of a secret, misspelled or not."""
    return "secret" in name or "private" in name


def _mappings(items: Value) -> list[dict[str, Value]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

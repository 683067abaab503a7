"""``${ENV}`` and ``file:PATH`` in the values of a configuration → what they stand for, so that secrets live elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path as FilePath

from proxy.config.document import Value
from proxy.config.problems import Path, Report

MAX_FILE_BYTES = 64 * 1024

_FILE = "file:"
_BARE_VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]*")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


def say_not_a_value(secret: str) -> str:
    """Say what a secret most likely was to be when it is the name of a variable or of a file; empty: it may be one."""
    if _BARE_VARIABLE.fullmatch(secret):
        return "this is the name of a variable, not its value: write it with braces, ${NAME}"
    with suppress(OSError, ValueError):
        if secret.startswith("/") and FilePath(secret).is_file():
            return "this is the name of a file, not its text: write `file:` in front of it"
    return ""


class Expanded(str):
    """Text out of a variable or a file: not shown in problems, and free to stand for a number or a boolean."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What references refer to."""

    environment: Mapping[str, str]
    folder: FilePath
    """Relative paths start here: the configuration file's folder."""


def expand(value: Value, surroundings: Surroundings, report: Report, path: Path = ()) -> Value:
    """Return the tree with each reference replaced; what is missing is reported and becomes ``None``."""
    match value:
        case dict():
            return {key: expand(item, surroundings, report, (*path, key)) for key, item in value.items()}
        case list():
            return [expand(item, surroundings, report, (*path, index)) for index, item in enumerate(value)]
        case str():
            return _expand_text(value, surroundings, report, path)
        case _:
            return value


def _expand_text(text: str, surroundings: Surroundings, report: Report, path: Path) -> str | None:
    """Only the written text decides what is a reference, never what a variable holds."""
    missing: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name = match[1]
        found = surroundings.environment.get(name) if name else None
        if found is None:
            missing.append(name or "")
            return ""
        report.secrets.add(found)
        return found

    expanded = _VARIABLE.sub(stand_in, text)
    for name in missing:
        report.add(path, _say_missing(name))
    if missing:
        return None
    if text.startswith(_FILE):
        return _read(expanded.removeprefix(_FILE), surroundings, report, path)
    return Expanded(expanded) if "${" in text.replace("$${", "") else expanded


def _say_missing(name: str) -> str:
    if not name:
        return "`${` starts a variable, `${NAME}`; write `$${` for the characters themselves"
    return f"the environment variable {name} is not set"


def _read(name: str, surroundings: Surroundings, report: Report, path: Path) -> Expanded | None:
    try:
        raw = _read_bounded(surroundings.folder / name)
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        report.add(path, f"the file {name} is not UTF-8 text")
    except (OSError, ValueError) as exc:
        report.add(
            path, f"the file {name} cannot be read ({(isinstance(exc, OSError) and exc.strerror) or 'bad name'})"
        )
    else:
        if len(raw) <= MAX_FILE_BYTES:
            report.secrets.add(text)
            return Expanded(text)
        report.add(path, f"the file {name} is larger than {MAX_FILE_BYTES // 1024} KiB")
    return None


def _read_bounded(file: FilePath) -> bytes:
    """Read a regular file, at most one byte more than allowed; a pipe would wait for ever, a device never ends."""
    if file.exists() and not file.is_file():
        raise OSError(0, "not a regular file")
    with file.open("rb") as opened:
        return opened.read(MAX_FILE_BYTES + 1)

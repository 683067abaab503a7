"""What is wrong with a configuration, and where: one line each, in the form that editors and compilers agree on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from proxy.errors import ConfigError

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the file down to a value."""

_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_SHORTEST_HIDDEN = 4
"""Shorter values from the environment (ports, ``on``) say nothing, and hiding them garbles the text."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing to correct; line and column count from 1."""

    file: str
    line: int
    column: int
    path: str = ""
    """``integrations[0].config.tenant_id``; empty for the file as a whole."""
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return where + (f"{self.path}: {self.text}" if self.path else self.text)


class ConfigProblems(ConfigError):  # a plural says more here than "Error"
    """Everything that is wrong with a configuration, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)


@dataclass(slots=True)
class Report:
    """Collects problems while a file is read; no text of a problem ever holds one of ``secrets``."""

    file: str
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Where each value starts."""
    key_marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Where the key of each value starts."""
    secrets: set[str] = field(default_factory=set, repr=False)
    _found: list[tuple[int, int, Path, str]] = field(default_factory=list, repr=False)

    def add(self, path: Path, text: str, *, at_key: bool = False) -> None:
        """Note a problem with the value at ``path``; where there is none, its nearest parent's place is shown."""
        line, column = self._mark(path, at_key=at_key)
        self._found.append((line, column, path, text))

    def add_at(self, line: int, column: int, text: str, path: Path = ()) -> None:
        """Note a problem at a place in the file."""
        self._found.append((line, column, path, text))

    def paths(self) -> list[Path]:
        """Return where something was found, once for each."""
        return [path for *_, path, _ in self._found]

    def is_sound(self, *path: str | int) -> bool:
        """Whether nothing was found at ``path``, above it or below it: then a follow-up check makes sense."""
        return not any(path[: len(found)] == found[: len(path)] for *_, found, _ in self._found)

    def line_of(self, path: Path) -> int:
        """Return the line of the value at ``path``, or of its nearest parent that is written."""
        return self._mark(path, at_key=False)[0]

    def problems(self) -> tuple[Problem, ...]:
        """Return what was found, sorted, each once."""
        return ConfigProblems(
            Problem(file=self.file, line=line, column=column, path=show_path(path), text=self._hide(text))
            for line, column, path, text in self._found
        ).problems

    def _mark(self, path: Path, *, at_key: bool) -> tuple[int, int]:
        if at_key and path in self.key_marks:
            return self.key_marks[path]
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, (1, 1))

    def _hide(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_HIDDEN:
                text = text.replace(secret, "…")
        return text


def show_path(path: Path) -> str:
    """Write a path as ``integrations[0].config.tenant_id``."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += ("." if shown else "") + show_key(step)
    return shown


def show_key(key: str) -> str:
    """Return the key itself when it looks like one; a value that slipped into a key's place is not shown."""
    return key if _PLAIN_KEY.fullmatch(key) else "…"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `` (did you mean `this`?)``, or nothing when no known word is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean `{near[0]}`?)" if near else ""

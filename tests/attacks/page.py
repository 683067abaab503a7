"""Writes ``docs/attacks.md`` from the catalogue: ``python -m tests.attacks.page``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.attacks.catalogue import ROWS, SECTIONS, Row

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "attacks.md"
MENTION = re.compile(r"\brow\(\s*(\d+)|\bdef test_row_(\d+)_|[\"']row (\d+):")

INTRODUCTION = """\
# What was tried against it

<!-- Written by `python -m tests.attacks.page` from `tests/attacks/catalogue.py`. -->

Each row is one kind of attack, most of them published for a system of the same trade. *Tests* says where it is tried: cases
in `tests/attacks/` are sent over raw sockets to the real process, most of them as one segment and once more byte by byte.
After every case, no secret may stand in a log, a page or the store, no content may have seen our cookie, and every token
that content saw must be the one of its session's viewer. Numbers are names: they stay, and some are missing.
"""


def mentioned() -> dict[int, list[str]]:
    """Return the modules of this package with a case, by row."""
    modules: dict[int, list[str]] = {}
    for module in sorted(Path(__file__).parent.glob("test_[a-z]_*.py")):
        numbers = {int(number) for found in MENTION.findall(module.read_text()) for number in found if number}
        for number in sorted(numbers):
            modules.setdefault(number, []).append(f"tests/attacks/{module.name}")
    return modules


def page() -> str:
    """Return the whole page."""
    modules = mentioned()
    parts = [INTRODUCTION]
    for letter, title in SECTIONS.items():
        parts.append(f"## {letter}. {title}\n\n| # | Tried | Here | Source | Tests |\n|---|---|---|---|---|\n")
        parts[-1] += "".join(
            line(number, row, modules.get(number, [])) for number, row in ROWS.items() if row.section == letter
        )
    return "\n".join(parts)


def line(number: int, row: Row, modules: list[str]) -> str:
    places = [*modules, *(test.partition("::")[0] for test in row.elsewhere)]
    shown = [f"`{place.removeprefix('tests/')}`" for place in dict.fromkeys(places)]
    if row.waits:
        shown.append(f"waits for {row.waits}")
    cells = (str(number), row.tried, row.here, row.source, ", ".join(shown))
    return f"| {' | '.join(escaped(cell) for cell in cells)} |\n"


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())

"""Writes the table of actions into the audit log's page: `python -m tests.unit.policy.audit_page`."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.policy.audit_words import WORDS

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"
_PLACE = re.compile(r"(<!-- table: actions -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """Return the page with the table as it is now."""
    rows = [f"| `{action}` | {words.when} |" for action, words in WORDS.items()]
    table = "\n".join(["| action | when, and what stands in it |", "|---|---|", *rows])
    return _PLACE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))

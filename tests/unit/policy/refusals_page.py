"""Writes the exchange's table of refusals into its page: `python -m tests.unit.policy.refusals_page`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from proxy.policy.exchange_refusals import NoToken

PAGE = Path(__file__).parents[3] / "docs" / "exchange.md"
_PLACE = re.compile(r"(<!-- what the exchange refuses: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """Return the page with the table as it is now."""
    table = "\n".join(_lines())
    return _PLACE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def _lines() -> Iterator[str]:
    yield "| code | Connect's name | status | when | `login_url` |"
    yield "|---|---|---|---|---|"
    for why in sorted(NoToken, key=lambda one: one.value.code):
        says = why.value
        mended = "yes" if says.is_mended_by_viewer else ""
        yield f"| {says.code} | {says.name} | {says.status} | {says.when} | {mended} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))

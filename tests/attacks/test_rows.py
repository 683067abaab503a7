"""Every row of the catalogue has a case or a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.attacks.rows import CATALOGUE, ELSEWHERE

MENTION = re.compile(r"\brow\(\s*(\d+)|\bdef test_row_(\d+)_|[\"']row (\d+):")


def covered(section: str) -> set[int]:
    """Rows of one section that some module names in its cases; numbers are unique over all sections."""
    modules = Path(__file__).parent.glob("test_[a-z]_*.py")
    mentions = [found for module in modules for found in MENTION.findall(module.read_text())]
    return {int(number) for found in mentions for number in found if number} & set(CATALOGUE[section])


@pytest.mark.parametrize("section", CATALOGUE)
def test_every_row_has_a_case_or_a_reason_and_not_both(section: str) -> None:
    here, elsewhere = covered(section), set(CATALOGUE[section]) & set(ELSEWHERE)
    assert here | elsewhere == set(CATALOGUE[section])
    assert here & elsewhere == set()

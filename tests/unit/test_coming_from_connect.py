"""The page for people who come from Posit Connect keeps up with the code, as far as it lists what the code lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.model import INTERACTIVE_APP_MODES, RENDERED_APP_MODES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "coming-from-posit-connect.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "app_modes"), [("yes: a process", INTERACTIVE_APP_MODES), ("no: every viewer", RENDERED_APP_MODES)]
)
def test_it_lists_the_app_modes(row, app_modes):
    [listed] = re.findall(rf"^\| (.*) \| {row}", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", listed)) == app_modes


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (DOCS / target).exists(), target

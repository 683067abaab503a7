"""What the audit log's actions mean."""

import pytest

from proxy.model import AuditAction
from proxy.policy.audit_words import WORDS
from tests.unit.policy.audit_page import PAGE, page


def test_every_action_has_its_words():
    assert list(WORDS) == list(AuditAction)


@pytest.mark.parametrize("action", AuditAction)
def test_the_words_of_each_can_stand_in_a_table_and_begin_a_line(action):
    words = WORDS[action]
    assert words.when.endswith(".")
    assert not words.says.endswith(".")
    assert "|" not in words.when + words.says


def test_the_page_shows_the_table():
    written = PAGE.read_text()
    assert page(written) == written, "run `python -m tests.unit.policy.audit_page`"
    assert written.count("\n| `hand_out_header` |") == 1

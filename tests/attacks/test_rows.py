"""Every row of the catalogue has a case, a test elsewhere, or what it waits for; the page says the same."""

from __future__ import annotations

import pytest

from tests.attacks.catalogue import ROWS, SECTIONS
from tests.attacks.page import PAGE, REPOSITORY, mentioned, page


@pytest.mark.parametrize("number", ROWS, ids="row {}".format)
def test_every_row_is_tried_or_says_what_it_waits_for(number: int) -> None:
    row = ROWS[number]
    assert row.section in SECTIONS
    assert mentioned().get(number) or row.elsewhere or row.waits


def test_no_case_belongs_to_a_row_that_is_not_there() -> None:
    assert set(mentioned()) <= set(ROWS)


@pytest.mark.parametrize("test", sorted({test for row in ROWS.values() for test in row.elsewhere}))
def test_tests_elsewhere_are_where_the_catalogue_says(test: str) -> None:
    file, _, name = test.partition("::")
    assert not name or f"def {name}(" in (REPOSITORY / file).read_text()
    assert (REPOSITORY / file).exists()


def test_the_page_is_written_from_the_catalogue() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.attacks.page`"

"""Short names, no two the same."""

import pytest

from proxy.policy.slugs import derived_slug, free_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("warehouse", "warehouse"),
        ("The Lake (EU)", "the-lake-eu"),
        ("-a-", "a"),
        ("データ", ""),
        ("x" * 50, "x" * 40),
        ("y" * 39 + "-z", "y" * 39),
    ],
)
def test_a_slug_follows_from_a_name(name, slug):
    assert derived_slug(name) == slug


@pytest.mark.parametrize(
    ("wanted", "taken", "free"),
    [
        ("lake", set(), "lake"),
        ("lake", {"lake"}, "lake-2"),
        ("lake", {"lake", "lake-2"}, "lake-3"),
        ("expires", set(), "expires-2"),
        ("x" * 40, {"x" * 40}, "x" * 38 + "-2"),
        ("x" * 37 + "-yz", {"x" * 37 + "-yz"}, "x" * 37 + "-2"),
    ],
)
def test_a_slug_that_is_taken_or_reserved_gets_a_number(wanted, taken, free):
    assert free_slug(wanted, taken) == free
    assert len(free) <= 40

"""The limit of open files is raised as far as it may be, and no more connections are taken than fit."""

from __future__ import annotations

from resource import RLIM_INFINITY

import pytest

from proxy.descriptors import OWN, room


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        pytest.param(1024, 524_288, (2000 + OWN, 1000), id="raised as far as needed"),
        pytest.param(1024, RLIM_INFINITY, (2000 + OWN, 1000), id="no hard limit"),
        pytest.param(9999, 9999, (9999, 1000), id="enough already"),
        pytest.param(RLIM_INFINITY, RLIM_INFINITY, (RLIM_INFINITY, 1000), id="no limit"),
        pytest.param(1024, 2000, (2000, (2000 - OWN) // 2), id="raised, and still too few"),
        pytest.param(2000 + OWN - 1, 2000 + OWN - 1, (2000 + OWN - 1, 999), id="one too few"),
        pytest.param(64, 64, (64, 1), id="hardly any"),
    ],
)
def test_connections_fit_into_what_the_system_gives(soft: int, hard: int, expected: tuple[int, int]) -> None:
    assert room(1000, soft=soft, hard=hard) == expected

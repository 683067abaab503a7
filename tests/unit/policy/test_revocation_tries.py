"""How long a server is asked to take a token back."""

from datetime import timedelta

import pytest

from proxy.policy.revocation_tries import PAUSES, pause_after


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "pause"),
    [
        pytest.param(1, None, timedelta(minutes=1), id="the first"),
        pytest.param(3, None, timedelta(minutes=30), id="the third"),
        pytest.param(6, None, timedelta(hours=24), id="the last but one"),
        pytest.param(7, None, None, id="enough"),
        pytest.param(1, 30.0, timedelta(minutes=1), id="the server would take it sooner"),
        pytest.param(1, 600.0, timedelta(minutes=10), id="the server wants to be left alone"),
        pytest.param(7, 600.0, None, id="enough, whatever it says"),
    ],
)
def test_pauses_grow_and_end(failures, retry_after_s, pause):
    assert pause_after(failures, retry_after_s) == pause


def test_all_tries_together_take_a_day_and_a_half():
    assert timedelta(hours=30) < sum(PAUSES, timedelta()) < timedelta(hours=36)

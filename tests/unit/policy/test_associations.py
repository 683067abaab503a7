"""Which contents may use which integrations."""

from dataclasses import replace

import pytest

from proxy.model import RENDERED_APP_MODES, Anyone, Named
from proxy.policy.associations import association_problem
from tests.unit.flows.house import LAKE, SALES

ROBOT = replace(LAKE, config={**LAKE.config, "auth_type": "Service Account"})


@pytest.mark.parametrize("app_mode", sorted(RENDERED_APP_MODES))
def test_content_without_a_process_has_none(app_mode):
    for integration in (LAKE, ROBOT):
        assert "has no process" in association_problem(replace(SALES, app_mode=app_mode), integration)


def test_content_that_is_open_to_anyone_has_service_accounts_only():
    anyone = replace(SALES, access=Anyone())
    assert "no viewer who could consent" in association_problem(anyone, LAKE)
    assert association_problem(anyone, ROBOT) == ""


def test_interactive_content_with_viewers_has_any():
    for content in (SALES, replace(SALES, access=Named(groups=frozenset({"board"})))):
        assert association_problem(content, LAKE) == association_problem(content, ROBOT) == ""

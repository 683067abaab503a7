"""E: a discovery document is believed about its own server only; each case has a process that never saw a right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.rows import cases
from tests.doubles import faults
from tests.doubles.faults import Fault
from tests.doubles.rules import query_of
from tests.journeys.sidecar import Setup
from tests.journeys.stage import stage

pytestmark = pytest.mark.asyncio(loop_scope="function")

EVIL = "https://evil.example"


def discovered(setup: Setup) -> None:
    """Know nothing but the issuer and the client, and sign in there."""
    [integration] = setup.integrations
    config = integration["config"]
    assert isinstance(config, dict)
    integration["template"] = "oidc"
    integration["config"] = {name: config[name] for name in ("issuer", "client_id", "client_secret")}
    setup.more["sign_in"] = integration["name"]


@cases(
    "fault",
    {
        "row 73: another issuer": faults.with_members({"issuer": EVIL}),
        "row 73: token endpoint elsewhere": faults.with_members({"token_endpoint": f"{EVIL}/token"}),
        "row 73: authorization endpoint elsewhere": faults.with_members({"authorization_endpoint": f"{EVIL}/a"}),
        "row 73: keys elsewhere": faults.with_members({"jwks_uri": "http://169.254.169.254/keys"}),
        "row 73: 10 MB": faults.huge(10),
        "row 71: redirect to an attacker": faults.redirect(302, f"{EVIL}/document"),
    },
)
async def test_a_document_that_is_not_the_issuers_sends_nobody_anywhere(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, change=discovered) as s:
        s.server.faults.always("metadata", fault)
        viewer = await s.viewer()
        page = await viewer.get("/sales/")
        assert (page.status, page.headers.get("Location")) == (503, None)
        assert "Set-Cookie" not in page.headers
        assert {entry.path.partition("/.well-known/")[1] for entry in s.server.journal} == {"/.well-known/"}
        assert len(s.server.journal) <= 2
        assert s.content.hits == 0


async def test_row_73_a_right_document_is_enough_and_its_iss_is_then_demanded(tmp_path: Path) -> None:
    async with stage(tmp_path, change=discovered) as s:
        await s.signed_in("ada")
        assert s.owner_of(s.new_content_request()) == "ada"
        eve = await s.viewer("eve")
        at_provider = await eve.until_redirected_to(s.server.url, "/sales/")
        s.server.decisions.append("drop_iss")
        callback = (await eve.get(at_provider.location)).location
        assert "iss" not in query_of(callback)
        assert (await eve.get(callback)).status == 400
        assert len(s.server.token_requests) == 1
        assert len([entry for entry in s.server.journal if "/.well-known/" in entry.path]) == 1

"""rsconnect-python, unmodified: its ``integration`` commands, as an administrator types them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from proxy.policy.guids import integration_guid
from proxy.providers import PROVIDERS
from tests.journeys.office import BOB, OPS, Office

NOBODY = "12121212-1212-4212-8212-121212121212"
WAREHOUSE = integration_guid("warehouse")

pytestmark = pytest.mark.skipif(
    find_spec("rsconnect") is None, reason="rsconnect-python is not installed (extra `clients`)"
)


async def rsconnect(place: Office, *arguments: str, who: str = OPS) -> subprocess.CompletedProcess[str]:
    """Run ``rsconnect integration …`` against the sidecar."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place.scene.setup.folder),  # it keeps notes about servers there
        "CONNECT_SERVER": place.url,
        "CONNECT_API_KEY": place.keys[who],
    }
    return await asyncio.to_thread(
        subprocess.run,
        [Path(sys.executable).with_name("rsconnect"), "integration", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def said(place: Office, *arguments: str, who: str = OPS) -> str:
    finished = await rsconnect(place, *arguments, who=who)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


async def added(place: Office, *more: str, **config: str) -> dict[str, object]:
    pairs = [argument for name, value in place.crm_config(**config).items() for argument in ("-C", f"{name}={value}")]
    found: dict[str, object] = json.loads(await said(place, "add", "-t", "custom", "-N", "The CRM", *pairs, *more))
    return found


async def test_templates_are_listed_and_shown_by_what_the_list_says(place: Office) -> None:
    listed = [line.split("  ", 1) for line in (await said(place, "templates", "list")).splitlines()]
    assert set(PROVIDERS) <= {key for key, _ in listed}
    assert ["databricks", "Databricks"] in listed

    shown = json.loads(await said(place, "templates", "show", "databricks"))
    fields = {field["name"]: field for field in shown["fields"]}
    assert shown["id"] == "databricks"
    assert fields["client_secret"]["secret"] is True
    assert fields["workspace_host"]["secret"] is False

    unknown = await rsconnect(place, "templates", "show", "carrier-pigeon")
    assert unknown.returncode != 0
    assert "Traceback" not in unknown.stderr


async def test_an_integration_is_added_shown_listed_edited_and_removed(anywhere: Office) -> None:
    assert (await said(anywhere, "list")).splitlines() == [f"{WAREHOUSE}  warehouse"]

    created = await added(anywhere, "-d", "for sales", use_pkce="true")
    guid = str(created["guid"])
    assert json.loads(await said(anywhere, "show", guid)) == created
    assert (created["name"], created["description"], created["template"]) == ("The CRM", "for sales", "custom")
    config = created["config"]
    assert isinstance(config, dict)
    assert ("client_secret" in config, config["client_id"]) == (False, "sidecar-at-crm")
    assert (await said(anywhere, "list")).splitlines() == [f"{WAREHOUSE}  warehouse", f"{guid}  The CRM"]

    # It reads the config, which lacks the secret, lays the change over it and sends the whole back.
    edited = json.loads(await said(anywhere, "edit", guid, "-N", "CRM", "-C", "scopes=openid email"))
    assert edited == created | {"name": "CRM", "config": config | {"scopes": "openid email"}} | {
        name: edited[name] for name in ("updated_time", *(set(edited) - set(created)))
    }
    await said(anywhere, "edit", guid, "-C", f"scopes={config['scopes']}")
    await anywhere.asks(BOB, lambda client: client.content.get(anywhere.sales).oauth.associations.update(guid))
    session_token = await anywhere.session_token_of("ada")  # the secret is still there
    token = await anywhere.asks("sales", lambda client: client.oauth.get_credentials(session_token)["access_token"])
    assert [owner.id for owner in [anywhere.crm.owner_of(token)] if owner] == ["ada"]

    assert await said(anywhere, "remove", guid) == f"Deleted integration {guid}.\n"
    assert (await said(anywhere, "list")).splitlines() == [f"{WAREHOUSE}  warehouse"]


async def test_an_integration_is_for_the_people_it_is_given_to(place: Office) -> None:
    bob = await place.asks(OPS, lambda client: client.users.find(prefix="bob")[0]["guid"])
    created = await added(place, "--allow-user", bob)
    assert created["permissions"]
    assert not created["everyone"]
    assert str(created["guid"]) in await said(place, "list", who=BOB)
    assert str(created["guid"]) not in await said(place, "list", who="eve")


async def test_what_is_refused_is_said_in_our_words(place: Office) -> None:
    place.keys["stranger"] = "x" * 43
    created = await added(place)
    refusals = {
        "a key that is none": await rsconnect(place, "list", who="stranger"),
        "a publisher who adds": await rsconnect(place, "add", "-t", "custom", "-N", "x", who=BOB),
        "a template that is none": await rsconnect(place, "add", "-t", "carrier-pigeon", "-N", "x"),
        "a field that is missing": await rsconnect(place, "add", "-t", "custom", "-N", "x", "-C", "client_id=x"),
        "one that is not there": await rsconnect(place, "remove", NOBODY),
        "one of the configuration": await rsconnect(place, "remove", WAREHOUSE),
    }
    for what, finished in refusals.items():
        assert finished.returncode != 0, what
        assert "Traceback" not in finished.stderr + finished.stdout, what
    assert "API key" in refusals["a key that is none"].stderr
    assert "token_uri" in refusals["a field that is missing"].stderr
    assert "config.yaml" in refusals["one of the configuration"].stderr
    assert (await said(place, "list")).splitlines() == [f"{WAREHOUSE}  warehouse", f"{created['guid']}  The CRM"]

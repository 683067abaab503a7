"""``oauth-sidecar sessions``, as somebody at a terminal sees it; no process serves meanwhile."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.model import IntegrationGuid
from proxy.session_admin import listing
from proxy.store.sqlite import open_store
from tests.contract.records import (
    NOON,
    anonymous,
    completed_of,
    consent_of,
    credentials_of,
    identified,
    session_hash,
    sign_in,
)
from tests.contract.test_administration import CRM
from tests.unit.config.house import changed, loaded

LONELY = replace(anonymous("5c8b1f0e-viewer"), created_at=NOON)
GONE = IntegrationGuid("99999999-9999-4999-8999-999999999999")


@pytest.fixture
def config(tmp_path):
    text = changed(("sqlite:///var/lib/state.db", f"sqlite://{tmp_path}/state.db"))
    return loaded(tmp_path, text)


@pytest.fixture
def ada(config):
    """Somebody whom a provider gave a name that a terminal would obey."""
    viewer = identified()
    identity = replace(viewer.identity, name="Ada\x1b[2J\r\nL", email="ada@example.org\x1b[31m\n")
    return replace(viewer, identity=identity)


def stored(config, *viewers):
    """Write a state file with one session each: ``s0``, ``s1``, …; each lets sales have the warehouse."""
    [content], [integration] = config.directory.contents, config.directory.integrations

    async def write():
        store = await open_store(config.store_path, now=lambda: NOON)
        for number, viewer in enumerate(viewers):
            await sign_in(
                store,
                viewer,
                f"s{number}",
                credentials=credentials_of(viewer, integration),
                consent=consent_of(viewer, content, integration),
            )
        await store.close()

    asyncio.run(write())


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments):
        return CliRunner().invoke(main, ["sessions", *arguments, "-c", str(tmp_path / "config.yaml")])

    return invoke


def left(config):
    async def read():
        store = await open_store(config.store_path, now=lambda: NOON)
        sessions, viewers = await store.sessions(), await store.viewers()
        credentials = [await store.credentials(viewer.guid, *config.directory.integrations) for viewer in viewers]
        await store.close()
        return len(sessions), len([one for one in credentials if one is not None])

    return asyncio.run(read())


def test_the_table_says_who_since_when_until_when_and_for_what(config):
    stored(config, identified(), LONELY)
    head, first, second = sorted(listing(config, as_json=False, now=NOON).splitlines(), key=lambda line: line[0] != "I")
    assert head.split("  ")[0] == "ID"
    lines = {line.split()[1]: line for line in (first, second)}
    assert lines["ada@example.org"].split("  ") == [
        session_hash("s0").hex()[:12], "ada@example.org", "2026-05-04 12:00Z", "2026-05-04 12:00Z",
        "2026-05-05 00:00Z", "sales (warehouse)",
    ]  # fmt: skip
    assert LONELY.guid in lines[LONELY.guid]


def test_the_json_has_names_and_instants_and_no_more_of_a_session_than_its_short_id(config):
    stored(config, identified())
    text = listing(config, as_json=True, now=NOON)
    assert json.loads(text) == [
        {
            "id": session_hash("s0").hex()[:12],
            "viewer": {
                "guid": "viewer-ada",
                "email": "ada@example.org",
                "preferred_username": "ada",
                "name": "Ada Ł.",
            },
            "since": "2026-05-04T12:00:00.123456+00:00",
            "last_seen": "2026-05-04T12:00:00.123456+00:00",
            "ends": "2026-05-05T00:00:00.123456+00:00",
            "consents": [{"content": "sales", "integration": "warehouse"}],
        }
    ]
    assert session_hash("s0").hex()[:13] not in text


def test_sessions_that_are_over_are_not_listed(config):
    stored(config, identified())
    assert listing(config, as_json=False, now=NOON + timedelta(hours=12)) == "nobody is signed in"
    assert listing(config, as_json=True, now=NOON + timedelta(hours=12)) == "[]"


def test_a_name_from_a_provider_moves_no_cursor_and_forges_no_line(config, ada):
    stored(config, ada)
    table = listing(config, as_json=False, now=NOON)
    assert len(table.splitlines()) == 2
    assert "\x1b" not in table
    assert r"ada@example.org\x1b[31m\n" in table
    assert "\x1b" not in listing(config, as_json=True, now=NOON)


def test_what_is_configured_no_more_is_listed_by_its_guid(config):
    stored(config, identified())
    bare = replace(config, directory=replace(config.directory, contents={}, integrations={}))
    [content], [integration] = config.directory.contents, config.directory.integrations
    assert f"{content} ({integration})" in listing(bare, as_json=False, now=NOON)


def test_one_session_is_revoked_by_the_id_that_is_listed(config, run):
    stored(config, identified(), LONELY)
    result = run("revoke", session_hash("s0").hex()[:12])
    assert (result.exit_code, result.output) == (
        0, f"session {session_hash('s0').hex()[:12]} of ada@example.org ended\n",
    )  # fmt: skip
    assert left(config) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "said", "sessions"),
    [
        (("--viewer", "ADA@example.org"), "1 session of ADA@example.org ended", 1),
        (("--viewer", str(LONELY.guid)), f"1 session of {LONELY.guid} ended", 1),
        (("--all",), "2 sessions ended", 0),
    ],
    ids=["address", "guid", "all"],
)
def test_the_sessions_of_a_viewer_or_of_all_are_revoked(config, run, arguments, said, sessions):
    stored(config, identified(), LONELY)
    result = run("revoke", *arguments)
    assert (result.exit_code, result.output) == (0, said + "\n")
    assert left(config)[0] == sessions


@pytest.mark.parametrize(
    ("arguments", "said", "credentials"),
    [
        (("--viewer", "ada@example.org"), "ada@example.org: credentials ended: 1, consents ended: 1", 1),
        (("--all",), "everybody: credentials ended: 2, consents ended: 2", 0),
    ],
    ids=["one", "all"],
)
def test_credentials_end_and_sessions_go_on(config, run, arguments, said, credentials):
    stored(config, identified(), LONELY)
    result = run("disconnect", "--integration", "warehouse", *arguments)
    assert (result.exit_code, result.output) == (0, f"warehouse, {said}\n")
    assert left(config) == (2, credentials)


def test_an_integration_that_is_configured_no_more_is_named_by_its_guid(config, run):
    viewer = identified()
    stored(config, viewer)

    async def more():
        store = await open_store(config.store_path, now=lambda: NOON)
        await store.complete_authorization(
            completed_of(viewer, credentials=credentials_of(viewer, GONE), consent=None, session=None)
        )
        await store.close()

    asyncio.run(more())
    assert "credentials ended: 1" in run("disconnect", "--integration", GONE.upper(), "--all").output


NOT_DONE = {
    "no such session": (("revoke", "0123456789ab"), "there is no session 0123456789ab"),
    "no id": (("revoke", "ada"), "a session id is eight or more hex digits"),
    "no such viewer": (("revoke", "--viewer", "eve@example.org"), "there is no viewer"),
    "no such viewer to disconnect": (
        ("disconnect", "--integration", "warehouse", "--viewer", "eve@example.org"),
        "there is no viewer",
    ),
    "no such integration": (
        ("disconnect", "--integration", "lake\x1b", "--all"),
        r"there is no integration lake\x1b; there is: warehouse",
    ),
}


@pytest.mark.parametrize(("arguments", "why"), NOT_DONE.values(), ids=NOT_DONE.keys())
def test_what_cannot_be_done_is_one_line_and_changes_nothing(config, run, arguments, why):
    stored(config, identified(), LONELY)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("oauth-sidecar: ")
    assert why in line
    assert left(config) == (2, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("revoke",),
        ("revoke", "0123456789ab", "--all"),
        ("revoke", "--viewer", "a@example.org", "--all"),
        ("disconnect", "--integration", "warehouse"),
        ("disconnect", "--integration", "warehouse", "--viewer", "a@example.org", "--all"),
        ("disconnect", "--all"),
    ],
    ids=" ".join,
)
def test_what_is_meant_must_be_said_exactly_once(config, run, arguments):
    stored(config, identified())
    assert run(*arguments).exit_code == 2
    assert left(config) == (1, 1)


def test_without_a_state_file_nothing_is_made(config, run):
    for arguments in (("list",), ("revoke", "--all"), ("disconnect", "--integration", "warehouse", "--all")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "there is no state file" in result.stderr
    assert not config.store_path.exists()


def test_listing_is_a_command(config, run):
    stored(config)
    assert run("list").output == "nobody is signed in\n"
    assert json.loads(run("list", "--json").output) == []


def test_an_integration_that_was_made_over_the_api_has_its_name_here_too(config, run):
    viewer = identified()
    [content] = config.directory.contents
    lets = {"credentials": credentials_of(viewer, CRM.guid), "consent": consent_of(viewer, content, CRM.guid)}

    async def write():
        store = await open_store(config.store_path, now=lambda: NOON)
        await store.administration.add_integration(CRM, tell=lambda _: ())
        await sign_in(store, viewer, **lets)
        await store.close()

    asyncio.run(write())
    assert "sales (crm)" in listing(config, as_json=False, now=NOON)
    ended = run("disconnect", "--integration", "crm", "--all").output
    assert ended == "crm, everybody: credentials ended: 1, consents ended: 1\n"

"""``oauth-sidecar api-key``, as somebody at a terminal sees it; no process serves meanwhile."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.model import Role
from proxy.policy.guids import configured_key_guid
from proxy.sealing import hash_handle
from proxy.store.audit import AuditFilter
from proxy.store.sqlite import open_store
from tests.unit.config.house import changed, loaded

ADMINISTRATOR = ("--name", "nightly", "--role", "administrator")


@pytest.fixture
def config(tmp_path):
    return loaded(tmp_path, changed(("sqlite:///var/lib/state.db", f"sqlite://{tmp_path}/state.db")))


@pytest.fixture
def run(tmp_path, config):
    def invoke(*arguments):
        return CliRunner().invoke(main, ["api-key", *arguments, "-c", str(tmp_path / "config.yaml")])

    return invoke


def in_store(config, work):
    async def read():
        store = await open_store(config.store_path)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(read())


def keys(config):
    return in_store(config, lambda store: store.api_keys.all())


def test_the_key_is_all_that_is_printed_and_only_its_hash_is_kept(run, config):
    made = run("create", *ADMINISTRATOR)
    assert (made.exit_code, made.stderr) == (0, "")
    [text] = made.stdout.splitlines()
    [kept] = keys(config)
    assert text.startswith("oak1_")
    assert (kept.hash, kept.name, kept.role) == (hash_handle(text), "nightly", Role.ADMINISTRATOR)
    assert text.encode() not in config.store_path.read_bytes()


def test_the_first_key_can_be_made_before_the_first_start_and_the_next_beside_a_running_one(run, config):
    assert not config.store_path.exists()
    assert run("create", *ADMINISTRATOR).exit_code == 0

    async def beside():
        store = await open_store(config.store_path)  # holds the file as `serve` does
        try:
            return await asyncio.to_thread(run, "create", "--name", "second", "--role", "administrator")
        finally:
            await store.close()

    assert asyncio.run(beside()).exit_code == 0
    assert {key.name for key in keys(config)} == {"nightly", "second"}


@pytest.mark.parametrize("named", ["sales", "guid"])
def test_a_contents_key_is_of_the_content_that_is_named(run, config, named):
    [content] = config.directory.contents.values()
    made = run("create", "--name", "s", "--role", "content", "--content", content.guid if named == "guid" else named)
    assert made.exit_code == 0
    assert keys(config)[0].content_guid == content.guid


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--name", "sales", "--role", "administrator"), "There is an API key of this name"),
        (("--name", "x", "--role", "publisher"), "user: "),
        (("--name", "x", "--role", "content"), "content: "),
        (("--name", "x", "--role", "content", "--content", "gone"), "there is no content"),
        (("--name", "x\ny", "--role", "administrator"), "name: "),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_printed(run, config, arguments, word):
    result = run("create", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert word in result.stderr
    assert keys(config) == []


def test_the_list_says_of_whom_since_when_and_when_last_used_and_no_key(run, config):
    assert run("create", "--name", "before", "--role", "administrator").exit_code == 0  # or there is no store to list
    text = run("create", "--name", "bob", "--role", "publisher", "--user", "Bob@Example.org").stdout.strip()
    used = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    in_store(config, lambda store: store.api_keys.touch({configured_key_guid("sales"): used}))
    table = run("list").stdout
    lines = {line.split()[1]: line.split() for line in table.splitlines()}
    assert table.startswith("GUID")
    assert lines["sales"][2:] == ["content", "sales", "configuration", "2026-05-04", "12:00Z"]
    assert lines["bob"][2:4] == ["publisher", "bob@example.org"]
    assert lines["bob"][-1] == "-"
    told = run("list", "--json").stdout
    [bob] = [key for key in json.loads(told) if key["name"] == "bob"]
    assert (bob["user"], bob["content"], bob["is_configured"], bob["last_used"]) == (
        "bob@example.org",
        None,
        False,
        None,
    )
    for shown in (table, told):
        assert text not in shown
        assert hash_handle(text).hex() not in shown


@pytest.mark.parametrize("by", ["name", "guid"])
def test_a_key_is_revoked_by_name_or_guid(run, config, by):
    run("create", *ADMINISTRATOR)
    [key] = keys(config)
    revoked = run("revoke", key.name if by == "name" else key.guid.upper())
    assert (revoked.exit_code, revoked.stdout) == (0, "API key nightly revoked\n")
    assert keys(config) == []
    assert run("revoke", "nightly").exit_code == 1


def test_a_key_that_is_called_by_anothers_guid_is_not_revoked_in_its_place(run, config):
    """Fails when names are looked up first: whoever stole a key makes one with such a name, and theirs goes on."""
    run("create", *ADMINISTRATOR)
    [stolen] = keys(config)
    run("create", "--name", stolen.guid, "--role", "administrator")
    assert run("revoke", stolen.guid).stdout == "API key nightly revoked\n"
    assert [key.name for key in keys(config)] == [stolen.guid]
    assert run("revoke", stolen.guid).exit_code == 0
    assert keys(config) == []


def test_a_configured_key_is_revoked_where_it_is_written(run):
    run("create", *ADMINISTRATOR)
    refused = run("revoke", "sales")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "take `sales` out of `api.keys`" in refused.stderr


def test_without_a_store_there_is_nothing_to_list_and_none_is_made(run, config):
    result = run("list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert not config.store_path.exists()


def test_the_audit_log_says_that_the_operator_did_it(run, config):
    run("create", *ADMINISTRATOR)
    run("revoke", "nightly")
    page = in_store(
        config,
        lambda store: store.audit.page(AuditFilter(), position=None, is_forward=True, most=10, most_read=10),
    )
    assert [(line.action, line.actor.kind, line.detail["name"]) for line in page.events] == [
        ("api_key_created", "operator", "nightly"), ("api_key_revoked", "operator", "nightly"),
    ]  # fmt: skip

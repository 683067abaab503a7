"""``oauth-sidecar audit``, as whoever ships its lines sees it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from proxy.audit_admin import Asked, follow, print_lines
from proxy.cli import main
from proxy.errors import BadRequest, Conflict, NotFound, StoreUnavailable
from proxy.model import SIDECAR, Actor, ActorKind, AuditAction, AuditEvent, ContentGuid, ViewerGuid
from proxy.store.audit import AuditFilter, AuditPage
from proxy.store.sqlite import open_store
from tests.contract.records import ADA, LAKE, identified
from tests.unit.config.house import changed, loaded

NOW = datetime.now(UTC)
"""Spans count from the present."""
LINE = AuditEvent(
    at=NOW - timedelta(hours=1),
    action=AuditAction.HAND_OUT_EXCHANGE,
    actor=Actor(kind=ActorKind.API_KEY, id="key-guid", name="sales"),
    viewer_guid=ViewerGuid("viewer-ada"),
    integration_guid=LAKE,
    scope="openid",
    expires_at=NOW,
    request_id="r-1",
    detail={"code": "215"},
)
OLD = replace(LINE, at=NOW - timedelta(days=2), viewer_guid=ViewerGuid("viewer-bob"), action=AuditAction.SIGN_IN)
BARE = AuditEvent(at=NOW - timedelta(minutes=1), action=AuditAction.LINES_LOST, actor=SIDECAR, count=3)


class Enough(Exception):
    pass


@pytest.fixture
def config(tmp_path):
    return loaded(tmp_path, changed(("sqlite:///var/lib/state.db", f"sqlite://{tmp_path}/state.db")))


def stored(config, *events, viewers=()):
    async def write():
        store = await open_store(config.store_path, now=lambda: NOW)
        for viewer in viewers:
            await store.ensure_viewer(viewer)
        for event in events:
            await store.audit.append([event])
        await store.close()

    asyncio.run(write())


def lines_of(config, **asked):
    lines = []
    print_lines(config, Asked(**asked), lines.append)
    return [json.loads(line) for line in lines]


def ids(config, **asked):
    return [line["id"] for line in lines_of(config, **asked)]


def test_each_line_is_an_object_with_the_same_names(config):
    stored(config, LINE, BARE, viewers=[identified()])
    whole, bare = lines_of(config)
    assert whole == {
        "id": 1, "time": _text(LINE.at), "action": "hand_out_exchange",
        "actor_kind": "api_key", "actor_id": "key-guid", "actor_name": "sales",
        "viewer_guid": "viewer-ada", "viewer_name": "ada@example.org", "content_guid": None,
        "integration_guid": LAKE, "scope": "openid", "expires": _text(NOW), "request_id": "r-1", "count": 1,
        "detail": {"code": "215"},
    }  # fmt: skip
    assert list(bare) == list(whole)
    assert (bare["actor_kind"], bare["actor_id"], bare["count"], bare["expires"]) == ("sidecar", None, 3, None)


def _text(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_lines_are_chosen_by_age_position_action_viewer_and_content(config):
    [content] = config.directory.contents.values()
    stored(config, OLD, LINE, replace(LINE, content_guid=content.guid), viewers=[identified()])
    assert ids(config) == [1, 2, 3]
    assert ids(config, since="1d") == [2, 3]
    assert ids(config, since=_text(NOW - timedelta(days=3))) == [1, 2, 3]
    assert ids(config, after=2) == [3]
    assert ids(config, action="sign_in") == [1]
    assert ids(config, viewer="viewer-bob") == [1]
    assert ids(config, viewer="ADA@example.org") == [2, 3]
    assert ids(config, content=content.name) == ids(config, content=content.guid) == [3]


def test_more_lines_than_one_look_gives_are_all_printed(config):
    stored(config, *[LINE] * 3)

    async def many():
        store = await open_store(config.store_path, now=lambda: NOW)
        await store.audit.append([LINE] * 1200)
        await store.close()

    asyncio.run(many())
    assert ids(config) == list(range(1, 1204))


def test_following_prints_what_comes_and_nothing_twice(config):
    """While a process serves: it appends, and this one reads beside it."""
    stored(config, LINE)
    seen = []

    async def serve_and_follow():
        store = await open_store(config.store_path, now=lambda: NOW)
        follower = asyncio.create_task(asyncio.to_thread(follow))
        while not follower.done():
            await store.audit.append([replace(LINE, action=AuditAction.SIGN_OUT), LINE])
            await asyncio.sleep(0.02)
        await store.close()
        await follower

    def follow():
        def write(line):
            seen.append(json.loads(line))
            if len(seen) == 3:
                raise Enough

        with pytest.raises(Enough):
            print_lines(config, Asked(action="sign_out", is_following=True), write)

    asyncio.run(serve_and_follow())
    found = [line["id"] for line in seen]
    assert found == sorted(set(found))
    assert min(found) > 1, "from now on"
    assert {line["action"] for line in seen} == {"sign_out"}


def test_following_with_a_begin_prints_what_was_first(config):
    stored(config, OLD, LINE)
    for asked, expected in (({"since": "1d"}, 2), ({"after": 0}, 1)):
        seen = []

        def write(line, seen=seen):
            seen.append(json.loads(line)["id"])
            raise Enough

        with pytest.raises(Enough):
            print_lines(config, Asked(is_following=True, **asked), write)
        assert seen == [expected]


@pytest.mark.parametrize("since", ["yesterday", "2026-05-04", "2026-05-04T12:00:00", "1x", ""])
def test_a_begin_that_cannot_be_meant_is_refused(config, since):
    stored(config)
    with pytest.raises(BadRequest, match="--since"):
        lines_of(config, since=since)


def test_a_name_of_no_content_is_told_of_and_a_guid_may_be_of_one_that_is_gone(config):
    """Who mistypes a name must not read that nothing happened."""
    gone = ContentGuid("99999999-9999-4999-8999-999999999999")
    stored(config, LINE, replace(LINE, content_guid=gone))
    assert ids(config, content=gone.upper()) == [2]
    with pytest.raises(NotFound, match="no content"):
        ids(config, content="slaes")


def test_an_address_of_nobody_or_of_several_is_told_of(config):
    twin = replace(identified("viewer-twin", replace(ADA, subject="ada-2")))
    stored(config, viewers=[identified(), twin])
    with pytest.raises(NotFound, match="no viewer"):
        lines_of(config, viewer="eve@example.org")
    with pytest.raises(Conflict, match=r"2 viewers .*viewer-ada.*viewer-twin|2 viewers .*viewer-twin.*viewer-ada"):
        lines_of(config, viewer="ada@example.org")


def test_without_a_state_file_there_is_nothing_to_print(config):
    with pytest.raises(StoreUnavailable):
        lines_of(config)


def run(tmp_path, *arguments):
    text = changed(("sqlite:///var/lib/state.db", f"sqlite://{tmp_path}/state.db"))
    (tmp_path / "config.yaml").write_text(text)
    return CliRunner().invoke(main, ["audit", "-c", str(tmp_path / "config.yaml"), *arguments])


def test_the_command_prints_lines_and_ends_with_0(tmp_path, config):
    stored(config, LINE, BARE)
    result = run(tmp_path, "--action", "lines_lost")
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["id"] for line in result.output.splitlines()] == [2]


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, config):
    result = run(tmp_path)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    stored(config)
    result = run(tmp_path, "--action", "sign")
    assert result.exit_code == 2
    assert "sign_in" in result.output


def test_following_outlasts_a_store_that_cannot_be_read_for_a_while_and_says_so_once(config, capsys):
    """A guest: whoever serves may be restarting, or a backup hold the file."""
    ill = [StoreUnavailable("locked"), StoreUnavailable("locked"), None]

    class Log:
        async def end(self):
            trouble = ill.pop(0)
            if trouble is not None:
                raise trouble
            return 1

        async def page(self, *_wanted, **_asked):
            return AuditPage(events=[replace(LINE, id=1)], viewers={}, reached=None)

    seen = []

    async def run():
        async for line in follow(Log(), AuditFilter(), None, is_following=True, pause=no_time):
            seen.append(json.loads(line)["id"])
            return

    asyncio.run(run())
    assert seen == [1]
    assert capsys.readouterr().err == "oauth-sidecar: locked; asking again\n"
    ill.insert(0, StoreUnavailable("locked"))
    with pytest.raises(StoreUnavailable):
        asyncio.run(all_of(follow(Log(), AuditFilter(), None, is_following=False, pause=no_time)))


async def no_time():
    await asyncio.sleep(0)


async def all_of(lines):
    return [line async for line in lines]

"""A, with new names for our headers: a name that one content gets is kept from viewers' requests at every content."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks import wire
from tests.attacks.oracle import assert_clean, fold
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS, Response, Wire
from tests.doubles.content import HELLO
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage
from tests.journeys.viewer import Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = b"X-Auth-Request-Access-Token"
RENAMED = {
    "X-Forwarded-Access-Token": TOKEN.decode(),
    "X-Forwarded-User": "Remote-User",
    "Posit-Connect-User-Session-Token": "X-Handle",
}
FORGED = row(1, TOKEN, b"Remote-User", b"X-Handle") | row(
    2, b"x_auth_request_access_token", b"X-AUTH_REQUEST-access.token", b"REMOTE_USER", b"x~handle", b"X_Handle"
)
HANDSHAKE = (
    *(b"Connection: Upgrade", b"Upgrade: websocket"),
    *(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
)


def new_names(setup: Setup) -> None:
    """`/sales/` has new names, `/plain/` the usual ones, `/public/` no viewer at all."""
    setup.content[0]["headers"] = {"rename": RENAMED, "drop": ["X-Forwarded-Access-Token-Warehouse"]}
    setup.add_content("public", str(setup.content[1]["upstream"]), access="anyone")
    setup.more["sign_in"] = "warehouse"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("renamed")
    async with stage(folder, contents=("sales", "plain"), change=new_names) as the_stage:
        yield the_stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(whole_stage: Stage) -> Viewer:
    viewer = await whole_stage.signed_in("ada", "/sales/")
    assert (await viewer.visit("/plain/")).status == 200
    return viewer


@pytest.fixture
def clean(whole_stage: Stage, ada: Viewer) -> Stage:
    for content in whole_stage.contents.values():
        content.forget()
    return whole_stage


async def send(the_stage: Stage, target: bytes, *headers: bytes, segments: str = "one segment") -> Response | None:
    host = f"{the_stage.setup.host}:{the_stage.setup.port}".encode()
    async with Wire.to(the_stage.sidecar.url) as connection:
        await connection.send(wire.request(target, *headers, host=host), segments=segments)
        return await connection.response_or_close("GET")


def cookie(viewer: Viewer) -> bytes:
    return b"Cookie: " + viewer.cookie_header().encode()


@cases("name", FORGED)
@pytest.mark.parametrize("kind", ["plain request", "WebSocket handshake"])
async def test_a_forged_new_name_does_not_stand_beside_ours(clean: Stage, ada: Viewer, name: bytes, kind: str) -> None:
    more = (*HANDSHAKE, b"Origin: " + ada.url.encode()) if kind == "WebSocket handshake" else ()
    for segments in SEGMENTS:
        await send(clean, b"/sales/", name + b": evil", cookie(ada), name.upper() + b":evil", *more, segments=segments)
    assert len(clean.content.requests) == len(SEGMENTS)
    for seen in clean.content.requests:
        assert b"evil" not in seen.head
        assert_clean(seen)
        [token] = seen.values(TOKEN)
        owner = clean.server.owner_of(token.decode())
        assert owner is not None
        assert owner.id == "ada"
        assert seen.values(b"Remote-User") == [b"ada"]
        assert len([key for key, _ in seen.headers if fold(key) == fold(name)]) == 1
        old = {fold(our.encode()) for our in (*RENAMED, "X-Forwarded-Access-Token-Warehouse")}
        assert not [key for key, _ in seen.headers if fold(key) in old]


@cases("name", FORGED)
@pytest.mark.parametrize("target", [b"/plain/", b"/public/"])
async def test_a_new_name_of_one_content_is_kept_from_the_others(
    clean: Stage, ada: Viewer, name: bytes, target: bytes
) -> None:
    for segments in SEGMENTS:
        await send(clean, target, name + b": evil", cookie(ada), segments=segments)
    seen = clean.contents["plain"].requests
    assert len(seen) == len(SEGMENTS)
    for request in seen:
        assert b"evil" not in request.head
        assert fold(name) not in {fold(key) for key, _ in request.headers}
        assert (b"X-Forwarded-Access-Token" in dict(request.headers)) is (target == b"/plain/")


@cases("name", row(13, TOKEN, b"x_auth_request_access_token", b"X-HANDLE"))
@pytest.mark.parametrize("target", [b"/sales/", b"/plain/"])
async def test_a_new_name_does_not_come_back(clean: Stage, ada: Viewer, name: bytes, target: bytes) -> None:
    content = clean.contents[target.strip(b"/").decode()]
    content.answer = HELLO.replace(b"\r\n\r\n", b"\r\n%s: something\r\n\r\n" % name, 1)
    try:
        response = await send(clean, target, cookie(ada))
    finally:
        content.answer = HELLO
    assert response is not None
    assert response.status == 200
    assert b"something" not in [value for _, value in response.headers]

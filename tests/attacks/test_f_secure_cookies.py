"""F, behind TLS: the cookies' prefix and ``Secure``; TLS ends before the sidecar, so the socket is plain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.attacks import wire
from tests.attacks.attacker import NAVIGATES
from tests.attacks.wire import SEGMENTS, Response, Wire
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage


def behind_tls(setup: Setup) -> None:
    setup.more["public_url"] = f"https://{setup.host}:{setup.port}"


@pytest.fixture
async def secure_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, change=behind_tls) as the_stage:
        the_stage.client.redirect_uris.add(the_stage.setup.redirect_uri.replace("http:", "https:", 1))
        yield the_stage


async def send(stage: Stage, target: str, *headers: bytes, method: bytes = b"GET", segments: str) -> Response:
    host = f"{stage.setup.host}:{stage.setup.port}".encode()
    async with Wire.to(stage.sidecar.url) as connection:
        await connection.send(wire.request(target.encode(), *headers, method=method, host=host), segments=segments)
        return await connection.response(method.decode())


@pytest.mark.parametrize("segments", SEGMENTS)
async def test_row_77_cookies_behind_tls_are_bound_to_the_host(secure_stage: Stage, segments: str) -> None:
    stage = secure_stage
    expected = {b"path=/", b"secure", b"httponly", b"samesite=lax"}

    asked = await send(stage, "/sales/", *NAVIGATES, segments=segments)
    [binding] = asked.values(b"Set-Cookie")
    location = (asked.value(b"Location") or b"").decode()
    async with stage.http.get(location, allow_redirects=False) as answer:
        callback = urlsplit(answer.headers["Location"])
    cookie = b"Cookie: " + binding.partition(b";")[0]
    back = await send(stage, f"{callback.path}?{callback.query}", cookie, *NAVIGATES, segments=segments)
    [session] = back.values(b"Set-Cookie")
    origin = f"https://{stage.setup.host}:{stage.setup.port}".encode()
    signed_in = b"Cookie: " + session.partition(b";")[0]
    ended = await send(stage, "/__oauth__/logout", signed_in, b"Origin: " + origin, method=b"POST", segments=segments)
    [deletion] = ended.values(b"Set-Cookie")

    assert callback.scheme == "https"
    for line in (binding, session, deletion):
        assert line.startswith(b"__Host-Http-oauth-sidecar-")
        attributes = {part.strip().lower() for part in line.split(b";")[1:]}
        assert {part for part in attributes if not part.startswith(b"max-age=")} == expected
    assert b"max-age=0" in deletion.lower()

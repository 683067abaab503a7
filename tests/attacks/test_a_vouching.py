"""A: who a single sign-on proxy in front names is the viewer; what anybody else writes in its headers is nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks import wire
from tests.attacks.attacker import NAVIGATES
from tests.attacks.rows import cases
from tests.attacks.wire import SEGMENTS, Response, Wire
from tests.journeys.sidecar import Setup
from tests.journeys.stage import Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "Zk3vQ8pLw2Xc9Rt5Yb7Nd1Ms4Hg6Jf0A"
PROOF = b"X-Auth-Secret: " + SECRET.encode()
ADA = (b"X-Auth-User: ada", b"X-Auth-Email: ada@example.org", b"X-Auth-Groups: analysts,board")


def behind_a_proxy(setup: Setup) -> None:
    setup.add_content("board", str(setup.content[0]["upstream"]), access={"groups": ["board"]})
    setup.more["sign_in"] = {
        "header": "X-Auth-User",
        "email_header": "X-Auth-Email",
        "groups_header": "X-Auth-Groups",
        "secret_header": "X-Auth-Secret",
        "secret": SECRET,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxied(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """``/sales/`` for whoever is signed in, ``/board/`` for a group, both the same upstream."""
    folder = tmp_path_factory.mktemp("vouching")
    async with stage(folder, integrations=(), change=behind_a_proxy) as the_stage:
        yield the_stage


async def asks(s: Stage, *headers: bytes, path: bytes = b"/sales/", segments: str = "one segment") -> Response:
    s.content.forget()
    host = f"{s.setup.host}:{s.setup.port}".encode()
    async with Wire.to(s.sidecar.url) as connection:
        await connection.send(wire.request(path, *headers, host=host), segments=segments)
        response = await connection.response_or_close("GET")
    assert response is not None
    return response


FORGED = {
    "row 2: nobody": (),
    "row 2: without the secret": ADA,
    "row 2: with a wrong secret": (*ADA, PROOF + b"x"),
    "row 2: with an empty secret": (*ADA, b"X-Auth-Secret:"),
    "row 2: with the secret twice": (*ADA, PROOF, PROOF),
    "row 2: a guess before the secret": (*ADA, b"X-Auth-Secret: guess", PROOF),
    "row 2: secret in another spelling": (*ADA, b"X_Auth_Secret: " + SECRET.encode()),
    "row 2: person in another spelling": (b"X_Auth_User: ada", *ADA[1:], PROOF),
    "row 2: person twice": (*ADA, b"X-Auth-User: eve", PROOF),
    "row 2: person empty": (b"X-Auth-User:", *ADA[1:], PROOF),
    "row 2: address twice": (*ADA, b"x-auth-email: eve@example.org", PROOF),
    "row 2: our own word for it": (b'Oauth-Sidecar-Vouched: ["ada","",[]]', b"Oauth_Sidecar_Vouched: x"),
    "row 2: what content gets": (b"X-Forwarded-User: ada", b"X-Forwarded-Email: ada@example.org"),
    "row 2: as a session": (b'Cookie: oauth_sidecar=["ada","",[]]',),
}


@cases("headers", FORGED)
async def test_whoever_is_not_named_by_the_proxy_is_nobody(proxied: Stage, headers: tuple[bytes, ...]) -> None:
    for segments in SEGMENTS:
        for path in (b"/sales/", b"/board/", b"/__oauth__/login?content=sales"):
            response = await asks(proxied, *headers, path=path, segments=segments)
            assert response.status == 403, (path, response)
            assert response.values(b"Set-Cookie") == []
            assert proxied.content.hits == 0


@cases(
    "more",
    {
        "row 2: nothing more": (),
        "row 2: spellings of others": (b"X_Auth_User: eve", b"X.Auth.Email: eve@example.org", b"x_auth_secret: y"),
        "row 2: what content gets": (b"X-Forwarded-User: eve", b"X_Forwarded_Email: eve@example.org"),
        "row 4: taken away by Connection": (b"Connection: X-Auth-User, X-Auth-Secret, X-Forwarded-User",),
    },
)
async def test_whom_the_proxy_names_content_sees_in_our_headers_only(proxied: Stage, more: tuple[bytes, ...]) -> None:
    for segments in SEGMENTS:
        response = await asks(proxied, *ADA, PROOF, *more, segments=segments)
        assert response.status == 200
        [seen] = proxied.content.requests
        assert seen.values(b"X-Forwarded-User") == [b"ada"]
        assert seen.values(b"X-Forwarded-Email") == [b"ada@example.org"]
        head = seen.head.lower()
        assert b"eve" not in head
        assert SECRET.lower().encode() not in head
        assert b"auth-" not in head.replace(b"oauth-", b"")
        assert b"auth_" not in head


async def test_row_2_groups_are_those_of_this_request(proxied: Stage) -> None:
    assert (await asks(proxied, *ADA, PROOF, path=b"/board/")).status == 200
    without = (*ADA[:2], b"X-Auth-Groups: analysts")
    refused = await asks(proxied, *without, PROOF, *NAVIGATES, path=b"/board/")
    assert refused.status == 403
    assert b"ada@example.org" in refused.body
    assert SECRET.encode() not in refused.body
    assert (await asks(proxied, *ADA, PROOF, path=b"/board/")).status == 200


async def test_row_2_the_secret_is_nowhere(proxied: Stage) -> None:
    await asks(proxied, *ADA, PROOF)
    await asks(proxied, *ADA, PROOF, path=b"/__oauth__/login?content=board")
    assert SECRET.encode() not in proxied.sidecar.log

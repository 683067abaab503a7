"""H, our own pages: few connections lead to our application, and nobody can keep them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from proxy.gateway.control import MAX_PAIRS
from tests.attacks.attacker import Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_row_128_slow_senders_to_our_own_pages_keep_nobody_from_signing_in(attacker: Attacker) -> None:
    """More of them than there are connections to our application; before, each had one for as long as it dribbled."""
    headers = (b"Content-Type: application/x-www-form-urlencoded", b"Content-Length: 100")
    slow_request = attacker.request(b"/__oauth__/backchannel-logout", *headers, method=b"POST")
    async with AsyncExitStack() as stack:
        for _ in range(MAX_PAIRS + 6):
            slow = await stack.enter_async_context(Wire.to(attacker.stage.sidecar.url))
            await slow.send(slow_request + b"logout_token=")
        async with asyncio.timeout(10):
            response = await attacker.send(attacker.request(b"/__oauth__/login?content=sales", b"Accept: text/html"))
    assert response is not None
    assert response.status == 303
    assert_holds(attacker.stage)

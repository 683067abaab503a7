"""Faults that the searches found, each as small as it gets."""

from __future__ import annotations

import pytest

from tests.unit.gateway.harness import answering, get


@pytest.mark.parametrize("byte", [b"\0", b"\x01", b"\x1b", b"\x7f"])
async def test_a_control_byte_in_a_reason_phrase_is_not_passed_on(start, byte):
    one = await start(answering(b"HTTP/1.1 200 O" + byte + b"K\r\nContent-Length: 2\r\n\r\nok"))
    assert byte not in await one.ask(get(extra=b"Connection: close\r\n"))

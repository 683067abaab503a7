"""J: nothing that a stranger says can move a line of the log, make it long, or make it speak."""

from __future__ import annotations

import json

import pytest

from tests.attacks.attacker import NAVIGATES, Attacker
from tests.attacks.oracle import assert_holds
from tests.attacks.rows import cases, row
from tests.attacks.wire import SEGMENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONGEST_LINE_BYTES = 16_384

SAID = row(
    157,
    (b"/nowhere/%0d%0a%7b%22event%22:%22forged%22%7d",),
    (b"/nowhere/%1b%5b2J%1b%5d0;forged%07",),
    (b"/nowhere/" + b"x" * 15_000,),
    (b"/__oauth__/integrations/callback?error=x&error_description=%0d%0a%1b%5b31m" + b"forged" * 500,),
    (b"/__oauth__/login?content=%0d%0aforged",),
    (b"/sales/", b'User-Agent: forged \xc2\x9b31m {"event": "forged"}'),
    (b"/sales/", b"X-Request-Id: forged", b"X-Correlation-Id: forged", b"Referer: https://forged.example/?code=forged"),
    (b"/sales/", b"Cookie: forged=" + b"y" * 9000),
)


@cases("said", SAID)
async def test_a_line_stays_a_line_whatever_was_said(attacker: Attacker, said: tuple[bytes, ...]) -> None:
    before = len(attacker.stage.sidecar.log)
    for segments in SEGMENTS:
        assert await attacker.send(attacker.request(*said, *NAVIGATES), segments=segments) is not None
    written = attacker.stage.sidecar.log[before:]
    assert b"forged" not in written, "it is not our business to repeat what strangers say"
    assert b"\x1b" not in written
    for line in written.splitlines():
        assert len(line) < LONGEST_LINE_BYTES
        assert isinstance(json.loads(line), dict)
    assert_holds(attacker.stage)

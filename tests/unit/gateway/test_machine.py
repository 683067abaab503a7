"""Any order of events: every connection is in exactly one state, and no byte of an answer reaches another viewer.

The gateway's two ends run in memory; dials and the slow lane answer when the search says so, both sides stall, end and
break when it likes. Every request has a tag, and whoever answers it writes the tag.

Seen to fail with an exchange that forgets its connection when it ends.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

import httptools
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.admission import Admit, session_hash
from proxy.gateway.viewer_side import ViewerSide
from proxy.model import ConsentEnded, ContentGuid, CredentialsChanged, SessionEnded
from proxy.policy.routing import Reason, Refuse
from proxy.wire.handshake import accept_for
from tests.effort import effort
from tests.unit.gateway.harness import BLOCK, NAMES
from tests.unit.gateway.memory import NOW, Line, World

_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
_TAG = re.compile(rb"tag-([0-9]+)-([0-9]+)")
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
_HIGH_BYTES = 64
_BIG = 400

_PICK = st.integers(0, 1000)
_KINDS = st.sampled_from(["get", "get", "head", "post", "chunked", "part", "websocket", "control", "stranger", "close"])
_ANSWERS = st.sampled_from(
    ["whole", "whole", "whole", "chunked", "half", "rest", "big", "until close", "extra", "interim", "switch", "switch",
     "frame", "garbage", "no content"]
)  # fmt: skip
_AFTER_SWITCH = st.sampled_from(["frame", "frame", "big", "switch"])
_DOES = st.sampled_from(["stall"] * 3 + ["unstall"] * 3 + ["frame"] * 3 + ["eof", "lose", "garbage"])
_YES = Admit(
    session_hash=session_hash("ada"),
    viewer_guid="viewer-ada",
    header_block=BLOCK,
    good_until=NOW + 1e9,
    expires_at=NOW + 1e9,
)


class _Viewer:
    def __init__(self, number: int, line: Line) -> None:
        self.number = number
        self.line = line
        self.sent = 0
        self.left = b""
        """What of the last request was not sent yet."""

    @property
    def side(self) -> ViewerSide:
        assert isinstance(self.line.protocol, ViewerSide)
        return self.line.protocol


class _Asked:
    """What a content was asked last; a tag in a body is nobody's request."""

    def __init__(self, taken: bytes) -> None:
        self.tag = b""
        with suppress(httptools.HttpParserError):  # frames
            while taken:
                taken = self._behind_upgrade(taken)

    def _behind_upgrade(self, taken: bytes) -> bytes:
        """Read up to a request that wants another protocol; it may have been answered with 200, and more requests follow."""
        try:
            httptools.HttpRequestParser(self).feed_data(taken)
        except httptools.HttpParserUpgrade as upgrade:
            return taken[upgrade.args[0] :]
        return b""

    def on_url(self, url: bytes) -> None:
        found = _TAG.search(url)
        assert found is not None
        self.tag = found[0]


class GatewayMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.dials: list[asyncio.Future[None]] = []
        self.asked: list[asyncio.Future[Admit | Refuse]] = []
        self.viewers: list[_Viewer] = []
        self.holds = False
        """Dials and the slow lane wait for a rule of their own."""
        self.endless: list[Line] = []
        """Contents in an answer that only their end will end: whatever they say is its body."""
        self.world = World(dial=self._dial, slow_lane=self._slow_lane, high_bytes=_HIGH_BYTES)
        self.board = self.world.board

    @initialize()
    def known(self) -> None:
        self.world.admit("ada")

    async def _dial(self) -> None:
        if not self.holds:
            return
        waiting = self.world.loop.create_future()
        self.dials.append(waiting)
        await waiting

    async def _slow_lane(self, session_id: str | None, content: object) -> Admit | Refuse:
        if not self.holds:
            return _YES
        waiting = self.world.loop.create_future()
        self.asked.append(waiting)
        return await waiting

    # — what viewers do ————————————————————————————————————————————————————————————————————————

    @precondition(lambda self: sum(viewer.line.is_open for viewer in self.viewers) < 4)
    @rule()
    def connect(self) -> None:
        self.viewers.append(_Viewer(len(self.viewers), self.world.viewer()))

    @rule(holds=st.booleans())
    def answers_wait(self, holds: bool) -> None:
        self.holds = holds

    @precondition(lambda self: self.viewers)
    @rule(pick=_PICK, kind=_KINDS, answers=st.lists(_ANSWERS, min_size=1, max_size=3))
    def ask_and_answer(self, pick: int, kind: str, answers: list[str]) -> None:
        """A whole round, which single steps would seldom make."""
        self.ask(pick, kind, False, None)
        for answer in answers:
            self.content_answers(-1, answer)

    @precondition(lambda self: self.viewers)
    @rule(pick=_PICK, answer=st.sampled_from(["whole", "whole", "chunked", "half", "extra", "big"]), then=_DOES)
    def ask_plainly(self, pick: int, answer: str, then: str) -> None:
        self.ask(pick, "get", False, None)
        self.content_answers(-1, answer)
        self.content_does(-1, then)

    @precondition(lambda self: self.viewers)
    @rule(pick=_PICK, answer=_AFTER_SWITCH)
    def open_a_websocket(self, pick: int, answer: str) -> None:
        self.ask(pick, "websocket", False, None)
        self.content_answers(-1, "switch")
        self.content_answers(-1, answer)

    @precondition(lambda self: self.viewers)
    @rule(pick=_PICK, kind=_KINDS, public=st.booleans(), cut=st.sampled_from([None, None, None, 1, 60, 190]))
    def ask(self, pick: int, kind: str, public: bool, cut: int | None) -> None:
        viewer = self._pick(pick)
        raw = viewer.left or self._request(viewer, kind, "/open/" if public else "/sales/")
        viewer.left = raw[cut:] if cut else b""
        if viewer.line.is_open:
            viewer.line.send(raw[:cut] if cut else raw)

    def _pick(self, pick: int) -> _Viewer:
        viewers = [viewer for viewer in self.viewers if viewer.line.is_open] or self.viewers
        return viewers[pick % len(viewers)]

    def _request(self, viewer: _Viewer, kind: str, path: str) -> bytes:
        tag = f"tag-{viewer.number}-{viewer.sent}"
        viewer.sent += 1
        target = f"/__oauth__/{tag}" if kind == "control" else f"{path}{tag}"
        session = "" if kind == "stranger" else f"Cookie: {NAMES.session}=ada\r\n"
        method = {"head": "HEAD", "post": "POST", "chunked": "PUT", "part": "POST"}.get(kind, "GET")
        more, body = "", ""
        match kind:
            case "post":
                more, body = "Content-Length: 400\r\n", "b" * 400
            case "part":
                more, body = "Content-Length: 4000\r\n", "b" * 100
            case "chunked":
                more, body = "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"
            case "websocket":
                more = (
                    f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    f"Sec-WebSocket-Key: {_KEY.decode()}\r\nOrigin: http://localhost\r\n"
                )
            case "close":
                more = "Connection: close\r\n"
        return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{session}{more}\r\n{body}".encode()

    @precondition(lambda self: self.viewers)
    @rule(pick=_PICK, what=_DOES)
    def viewer_does(self, pick: int, what: str) -> None:
        self._act(self._pick(pick).line, what, b"\x81\x82\0\0\0\0hi")

    @staticmethod
    def _act(line: Line, what: str, frame: bytes) -> None:
        match what:
            case "stall":
                line.stall()
            case "unstall":
                line.unstall()
            case _ if not line.is_open:
                pass
            case "eof":
                line.send_eof()
            case "lose":
                line.lose()
            case "garbage":
                line.send(b"\x00\r\nnonsense\r\n\r\n")
            case "frame":
                line.send(frame)

    # — what contents do ———————————————————————————————————————————————————————————————————————

    @precondition(lambda self: self.world.content_lines)
    @rule(pick=_PICK, what=_ANSWERS)
    def content_answers(self, pick: int, what: str) -> None:
        lines = [line for line in self.world.content_lines if line.is_open]
        if not lines:
            return
        line = lines[pick % len(lines)]
        if line.get_write_buffer_size():
            return  # it has not read its request: no gateway can tell what such an answer answers
        asked = _Asked(bytes(line.taken))
        if not asked.tag:
            return  # it would speak unasked: `content_does` has that
        body = asked.tag
        length = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
        match what:
            case _ if line in self.endless:
                raw = body
            case "whole":
                raw = length % len(body) + body
            case "chunked":
                raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            case "half":
                raw = length % (2 * len(body)) + body
            case "rest":
                raw = body
            case "big":
                raw = length % (_BIG + len(body)) + b"x" * _BIG + body
            case "until close":
                raw = b"HTTP/1.1 200 OK\r\n\r\n" + body
                self.endless.append(line)
            case "extra":
                raw = length % len(body) + body + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra"
            case "interim":
                raw = b"HTTP/1.1 103 Early Hints\r\nLink: %b\r\n\r\n" % body
            case "switch":
                raw = (
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_for(_KEY)
                )
            case "frame":
                raw = b"\x82%c%b" % (len(body), body)
            case "no content":
                raw = b"HTTP/1.1 204 No Content\r\n\r\n"
            case _:
                raw = b"\x00garbage " + body
        line.send(raw)

    @precondition(lambda self: self.world.content_lines)
    @rule(pick=_PICK, what=_DOES)
    def content_does(self, pick: int, what: str) -> None:
        lines = [line for line in self.world.content_lines if line.is_open] or self.world.content_lines
        if not lines:
            return
        self._act(lines[pick % len(lines)], what, b"\x82\x02hi")

    # — what else happens ——————————————————————————————————————————————————————————————————————

    @precondition(lambda self: self.dials)
    @rule(succeeds=st.sampled_from([True, True, True, False]))
    def dialled(self, succeeds: bool) -> None:
        waiting = self.dials.pop(0)
        if waiting.done():
            return
        if succeeds:
            self.world.do(waiting.set_result, None)
        else:
            self.world.do(waiting.set_exception, OSError("refused"))

    @precondition(lambda self: self.asked)
    @rule(says=st.sampled_from(["yes", "yes", "no", "error"]))
    def slow_lane_answers(self, says: str) -> None:
        waiting = self.asked.pop(0)
        if waiting.done():
            return
        match says:
            case "yes":
                self.world.do(waiting.set_result, _YES)
            case "no":
                self.world.do(waiting.set_result, Refuse(reason=Reason.SIGN_IN))
            case _:
                self.world.do(waiting.set_exception, RuntimeError("store"))

    @rule(what=st.sampled_from(["session", "consent", "credentials"]))
    def something_changes(self, what: str) -> None:
        change = {
            "session": SessionEnded(session_hash("ada")),
            "consent": ConsentEnded("viewer-ada", ContentGuid("content-sales")),
            "credentials": CredentialsChanged("viewer-ada", "integration-warehouse"),
        }[what]
        self.world.do(self.world.gateway.apply, change)

    @rule(seconds=st.sampled_from([0.5, 1, 1, 3, 3, 5, 30, 80, 400]))
    def time_passes(self, seconds: float) -> None:
        self.world.tick(seconds)

    # — what always holds ——————————————————————————————————————————————————————————————————————

    @invariant()
    def all_is_well(self) -> None:
        self.every_viewer_is_in_one_state()
        self.every_content_connection_is_in_one_state()
        self.every_content_reads_one_request_after_the_other()
        self.everybody_gets_their_own_answers()
        self.who_does_not_stall_is_heard()

    def every_viewer_is_in_one_state(self) -> None:
        for viewer in self.viewers:
            side, line = viewer.side, viewer.line
            if line.is_lost:
                assert side not in self.board.connections
                assert side.exchange is None
                continue
            assert side in self.board.connections
            assert side.exchange is None or side.tunnel is None
            if side.exchange is not None:
                assert side.exchange.viewer is side
                assert not side.exchange.is_over

    def every_content_connection_is_in_one_state(self) -> None:
        owned: list[object] = []
        for pool in (*self.board.pools.values(), self.board.control):
            for side in pool.open:
                idle, exchange, tunnel = int(side in pool._idle), side.exchange, side.tunnel
                assert idle + (exchange is not None) + (tunnel is not None) <= 1, "more than one owner"
                if exchange is not None:
                    assert exchange.side is side
                    assert exchange.viewer.exchange is exchange
                    owned.append(exchange)
                elif tunnel is not None:
                    assert tunnel.content_side is side
                    assert tunnel.viewer.tunnel is tunnel
                    owned.append(tunnel)
                elif not idle:
                    assert side.transport is None or side.transport.is_closing(), "nobody's, and open"
                else:
                    assert isinstance(side.transport, Line)
                    assert not side.transport.is_paused, "idle, and deaf"
        assert len(owned) == len(set(map(id, owned)))

    def every_content_reads_one_request_after_the_other(self) -> None:
        for line in self.world.content_lines:
            with suppress(httptools.HttpParserUpgrade):  # what follows is frames
                httptools.HttpRequestParser(None).feed_data(bytes(line.taken))  # raises at what is no request

    def everybody_gets_their_own_answers(self) -> None:
        for viewer in self.viewers:
            taken = bytes(viewer.line.taken)
            tags = [(int(whose), int(which)) for whose, which in _TAG.findall(taken)]
            assert {whose for whose, _ in tags} <= {viewer.number}, "an answer to somebody else"
            numbers = [which for _, which in tags]
            assert numbers == sorted(numbers), "answers in another order"
            taken = taken.partition(b"HTTP/1.1 101 ")[0]  # what a socket carries is no answer, whatever it looks like
            finals = [status for status in _STATUS.findall(taken) if status not in {b"100", b"103"}]
            assert len(finals) <= viewer.sent + 1

    def who_does_not_stall_is_heard(self) -> None:
        """Nothing is paused for a peer that reads."""
        if any(line.is_stalled for line in self.world.lines):
            return
        for viewer in self.viewers:
            side = viewer.side
            assert not side.is_write_paused or viewer.line.is_lost
            if viewer.line.is_open and side.exchange is None:
                assert not viewer.line.is_paused, "idle, and deaf"
        for line in self.world.content_lines:
            assert not (line.is_open and line.is_paused), "the answer is not read, and the viewer would"

    def teardown(self) -> None:
        try:
            self._everything_ends()
        finally:
            self.world.close()

    def _everything_ends(self) -> None:
        world = self.world
        for line in tuple(world.lines):
            line.unstall()
        for viewer in self.viewers:
            if viewer.line.is_open:
                viewer.line.lose()
            elif not viewer.line.is_lost:
                world.tick(100)
                assert viewer.line.is_lost, "it closes for ever"
        for waiting in (*self.dials, *self.asked):
            waiting.cancel()
        world.settle()
        assert not self.board.tasks
        assert not self.board.connections
        assert not self.board.per_peer
        assert not self.board.tunnels
        for pool in (*self.board.pools.values(), self.board.control):
            assert pool.open == set(pool._idle), "a connection outlived its exchange"
        world.tick(100)
        assert not any(pool.open for pool in (*self.board.pools.values(), self.board.control))


TestGateway = GatewayMachine.TestCase
TestGateway.settings = effort(300, long=5_000, steps=40)

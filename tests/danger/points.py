"""The fourteen danger points; for each, faults that were put into the code and the tests that failed then.

A fault is a replacement in one file: ``python -m tests.danger`` puts each into a copy of the code and runs its tests, which
must fail. The docstring of each test names the fault in the same words (``test_points``).
"""

from __future__ import annotations

from dataclasses import dataclass

_DANGER = "tests/unit/gateway/test_danger_points.py::"
_BODIES = "tests/unit/gateway/test_bodies.py::"
_EXCHANGE = "tests/unit/gateway/test_exchange.py::"
_REQUESTS = "tests/unit/gateway/test_requests.py::"
_REVIEW = "tests/unit/gateway/test_review.py::"
_COOKIES = "tests/unit/policy/test_cookies.py::"
_RESTARTS = "tests/journeys/test_restarts.py::"
_STALLED = "tests/journeys/test_stalled.py::"
_VIEWER_SIDE = "proxy/gateway/viewer_side.py"
_CONTENT_SIDE = "proxy/gateway/content_side.py"
_EXCHANGE_CODE = "proxy/gateway/exchange.py"
_REQUEST_READER = "proxy/wire/request_reader.py"
_ANSWER_READER = "proxy/wire/answer_reader.py"
_ANSWER_WRITER = "proxy/wire/answer_writer.py"


@dataclass(frozen=True, slots=True)
class Fault:
    """``old`` of ``file``, which stands there once, becomes ``new``: then every one of ``tests`` fails."""

    says: str
    """What a docstring calls it: ``Seen to fail with <says>``."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One danger point."""

    title: str
    faults: tuple[Fault, ...]


POINTS = {
    1: Point(
        "Heads and bodies are written anew, never passed on as bytes",
        (
            Fault(
                "trailers added to the headers of their request",
                _REQUEST_READER,
                "        headers, self._headers = self._headers, []  # what comes now are trailers, which nobody gets\n",
                "        headers = self._headers\n",
                (_DANGER + "test_a_trailer_is_no_header_also_in_the_segment_of_its_head",),
            ),
            Fault(
                "nominated names passed on like any other",
                "proxy/policy/headers.py",
                'b"content-length", b"transfer-encoding"})\n"""Names that',
                'b"content-length", b"transfer-encoding", b"x-near"})\n"""Names that',
                (_DANGER + "test_what_connection_names_ends_here_in_both_directions",),
            ),
            Fault(
                "an answer's chunks passed on as one",
                _ANSWER_WRITER,
                '            self._out += (b"%x\\r\\n" % len(data), data, b"\\r\\n")\n',
                "            self._out.append(data)\n",
                (_EXCHANGE + "test_answers_are_framed_anew_and_the_connection_stays",),
            ),
            Fault(
                "the end of a body written again",
                "proxy/wire/request_writer.py",
                "        if self.is_complete:\n            return\n",
                "",
                (_DANGER + "test_the_end_of_a_chunked_body_is_written_once_whatever_comes_behind_it",),
            ),
            Fault(
                "two framings let through, as long as the parser takes one of them",
                "proxy/wire/request.py",
                'Refusal(400, "header repeated") if is_repeated else self._framing_refusal()',
                "self._framing_refusal()",
                (_REQUESTS + "test_a_request_that_could_be_read_in_two_ways_is_refused_before_the_content_is_dialled",),
            ),
        ),
    ),
    2: Point(
        "An unfinished head is bounded in size and time, on both sides",
        (
            Fault(
                "no count of the bytes of a head",
                _REQUEST_READER,
                "        self.head_bytes += len(data)\n",
                "        self.head_bytes = 1\n",
                (_DANGER + "test_an_endless_head_in_small_pieces_is_cut_at_the_limit",),
            ),
            Fault(
                "no limit for the head of an answer",
                _ANSWER_READER,
                "        if len(data) <= allowance:\n",
                "        if True:\n",
                (_EXCHANGE + "test_a_broken_answer_becomes_content_unavailable",),
            ),
            Fault(
                "no count of what is no body",
                _REQUEST_READER,
                "        self._between_bytes += len(data)\n",
                "",
                (_DANGER + "test_what_stands_around_a_viewers_chunks_is_cut_where_a_head_would_be",),
            ),
            Fault(
                "no count of what is no body of an answer",
                _ANSWER_READER,
                "        self._between_bytes += len(data)\n",
                "",
                (_DANGER + "test_what_stands_around_a_contents_chunks_is_cut_where_a_head_would_be",),
            ),
            Fault(
                "no time limit for a head",
                "proxy/gateway/patience.py",
                "        if limits.head_timeout_s and now - viewer.head_since > limits.head_timeout_s:\n",
                "        if now < 0:\n",
                (_REQUESTS + "test_a_slow_head_an_idle_connection_and_a_stalled_body_end",),
            ),
        ),
    ),
    3: Point(
        "Nothing overtakes the answer in flight, no error and no second request",
        (
            Fault(
                "an error written at once",
                _VIEWER_SIDE,
                "            self._is_deaf = self.is_last_answer = True\n        if not reader.is_head_done:\n",
                '            self.answer(Refusal(400, "malformed"))\n        if not reader.is_head_done:\n',
                (_REQUESTS + "test_a_pipelined_request_is_not_answered_and_nothing_overtakes_the_answer_in_flight",),
            ),
        ),
    ),
    4: Point(
        "Who does not read is not written to: back-pressure through every exchange, released at its end",
        (
            Fault(
                "the content never paused",
                _VIEWER_SIDE,
                "        self.is_write_paused = True\n",
                "        return\n",
                (
                    _STALLED + "test_fifty_stalled_readers_leave_their_downloads_with_the_content",
                    _BODIES + "test_fifty_stalled_readers_hold_no_more_than_their_buffers",
                ),
            ),
            Fault(
                "the viewer never paused",
                _CONTENT_SIDE,
                "        self._write_paused = True\n",
                "        return\n",
                (
                    _STALLED + "test_fifty_stalled_contents_leave_their_uploads_with_the_viewers",
                    _BODIES + "test_fifty_stalled_writers_hold_no_more_than_their_buffers",
                ),
            ),
            Fault(
                "a connection given back with its reading paused",
                _CONTENT_SIDE,
                "            if self._is_reading_paused:  # for a viewer that takes the end of its answer slowly\n",
                "            if False:\n",
                (_REVIEW + "test_a_connection_paused_for_a_slow_viewer_is_read_for_the_next_one",),
            ),
        ),
    ),
    5: Point(
        "A content's connection is used again only when nothing is owed on either side",
        (
            Fault(
                "bytes on an idle connection overlooked",
                _CONTENT_SIDE,
                "            self.abort()  # a byte on an idle connection belongs to nobody\n",
                "            pass\n",
                (_EXCHANGE + "test_bytes_on_an_idle_content_connection_end_it",),
            ),
            Fault(
                "bytes behind an answer forgiven",
                _ANSWER_READER,
                "            self.keep_alive = False\n            if not self.is_complete:\n",
                "            if not self.is_complete:\n",
                (_EXCHANGE + "test_more_bytes_than_announced_are_dropped_with_their_connection",),
            ),
            Fault(
                "no second try",
                _EXCHANGE_CODE,
                "        nothing_was_done = side.is_reused and not side.received and not self._retried\n",
                "        nothing_was_done = False\n",
                (
                    _DANGER + "test_a_connection_lost_just_as_it_was_taken_is_tried_once_more",
                    _EXCHANGE + "test_a_stale_connection_is_retried_once_and_only_for_get",
                ),
            ),
            Fault(
                "a retry on every connection, fresh ones too",
                _EXCHANGE_CODE,
                "        nothing_was_done = side.is_reused and not side.received and not self._retried\n",
                "        nothing_was_done = not side.received\n",
                (_DANGER + "test_a_second_try_is_the_last",),
            ),
            Fault(
                "a retry of whatever was lost",
                _EXCHANGE_CODE,
                "        if nothing_was_done and self.request.is_repeatable and self._pool is not None:\n",
                "        if side.is_reused and not self._retried and self._pool is not None:\n",
                (
                    _DANGER + "test_what_may_have_been_done_is_not_asked_again",
                    _RESTARTS + "test_no_restart_gives_a_wrong_answer_does_a_thing_twice_or_leaves_anything",
                ),
            ),
            Fault(
                "the age not looked at when a connection is taken",
                "proxy/gateway/pool.py",
                "            if side.is_usable and now - side.idle_since < self._max_idle_s:\n",
                "            if side.is_usable:\n",
                (_DANGER + "test_a_connection_older_than_the_contents_patience_is_not_taken",),
            ),
            Fault(
                "the oldest taken first",
                "proxy/gateway/pool.py",
                "            side, _ = self._idle.popitem()\n",
                "            side = next(iter(self._idle))\n            del self._idle[side]\n",
                (_DANGER + "test_the_connection_used_last_is_taken_first",),
            ),
            Fault(
                "the request's end not asked for",
                _CONTENT_SIDE,
                "reader.may_follow and request_done and self.is_usable",
                "reader.may_follow and self.is_usable",
                (_DANGER + "test_a_whole_answer_before_the_end_of_its_request_ends_the_connection",),
            ),
        ),
    ),
    6: Point(
        "HEAD, 204, 304 and 1xx have no body, whatever they say; a 1xx is never the answer; 101 only when asked for",
        (
            Fault(
                "HEAD framed by Content-Length",
                _ANSWER_READER,
                "        is_bodyless = self._is_head or status in {204, 304}\n",
                "        is_bodyless = status in {204, 304}\n",
                (
                    _EXCHANGE + "test_a_head_answer_has_no_body_and_its_connection_is_not_used_again",
                    _DANGER + "test_a_body_behind_the_answer_to_head_reaches_nobody",
                ),
            ),
            Fault(
                "a connection kept after HEAD",
                _ANSWER_READER,
                "parser.should_keep_alive() and not self._is_head\n",
                "parser.should_keep_alive()\n",
                (_DANGER + "test_a_body_behind_the_answer_to_head_reaches_nobody",),
            ),
            Fault(
                "the connection kept after a 204 that announced a body",
                _ANSWER_READER,
                "            self.keep_alive = False  # content that announces a body sends it as well (R's httpuv does)\n",
                "            pass\n",
                (_EXCHANGE + "test_a_204_that_announces_a_body_is_the_last_answer_of_its_connection",),
            ),
            Fault(
                "a 204 framed like any other answer",
                _ANSWER_READER,
                "        is_bodyless = self._is_head or status in {204, 304}\n",
                "        is_bodyless = self._is_head\n",
                (_EXCHANGE + "test_a_204_with_chunks_behind_it_is_answered_and_its_connection_dropped",),
            ),
            Fault(
                "a tunnel made of every 101",
                _EXCHANGE_CODE,
                '            raise ValueError("101 refused")\n',
                "            from proxy.gateway.websocket import Tunnel\n\n"
                "            assert self.content is not None\n"
                "            self.tunnel = self.tunnel or Tunnel(self.viewer.board, self.viewer, self.content.guid, None)\n",
                (
                    _EXCHANGE + "test_a_broken_answer_becomes_content_unavailable",
                    "tests/unit/gateway/test_tunnel.py::test_a_wrong_101_never_becomes_a_tunnel",
                ),
            ),
            Fault(
                "a 100 passed on to whoever",
                _ANSWER_WRITER,
                "(status == 100 and not request.expects_continue) or",
                "",
                (_BODIES + "test_a_100_that_nobody_asked_for_is_not_passed_on",),
            ),
            Fault(
                "the version not looked at before an interim answer",
                _ANSWER_WRITER,
                "        if request.is_http10 or (status == 100",
                "        if (status == 100",
                (_DANGER + "test_a_viewer_of_http_1_0_gets_neither_interim_answers_nor_chunks",),
            ),
        ),
    ),
    7: Point(
        "100-continue is the content's to say",
        (
            Fault(
                "a 100 of our own",
                _VIEWER_SIDE,
                "        exchange = self.exchange = Exchange(self, reader.head)\n",
                "        exchange = self.exchange = Exchange(self, reader.head)\n"
                "        if reader.head.expects_continue:\n"
                '            self.write((b"HTTP/1.1 100 Continue\\r\\n\\r\\n",))\n',
                (
                    _DANGER + "test_a_viewer_who_waits_for_100_is_not_told_to_go_on_by_us",
                    _BODIES + "test_expect_100_continue_passes_to_the_content_and_back",
                ),
            ),
        ),
    ),
    8: Point(
        "An early answer reaches a viewer that is still sending, and ends both connections",
        (
            Fault(
                "the connection closed at once",
                _VIEWER_SIDE,
                "        if not request_done or (self.is_last_answer and self._is_deaf):\n            self._linger()\n",
                "        if not request_done or (self.is_last_answer and self._is_deaf):\n            self.close_soon()\n",
                (_BODIES + "test_an_early_answer_to_an_upload_reaches_a_viewer_that_is_still_sending",),
            ),
        ),
    ),
    9: Point(
        "A body that breaks off is seen to have broken off",
        (
            Fault(
                "every end of the content's connection taken for the end of its answer",
                _CONTENT_SIDE,
                "            self.exchange.content_lost()\n",
                "            self.exchange.answer_end()\n",
                (
                    _DANGER + "test_only_a_whole_answer_ends_cleanly",
                    _EXCHANGE + "test_an_answer_cut_inside_its_length_cuts_the_viewer",
                    _EXCHANGE + "test_a_chunked_answer_cut_in_its_middle_has_no_last_chunk",
                ),
            ),
        ),
    ),
    10: Point(
        "Who leaves is noticed, and half a close is a whole one",
        (
            Fault(
                "the content's connection left to its answer",
                _EXCHANGE_CODE,
                '        """The viewer is gone: the content may stop working."""\n        self._drop_side()\n',
                '        """The viewer is gone: the content may stop working."""\n',
                (
                    _DANGER + "test_a_viewer_who_leaves_ends_the_contents_work_at_once",
                    _EXCHANGE + "test_a_client_that_goes_away_aborts_the_contents_work",
                ),
            ),
            Fault(
                "a half-closed connection kept",
                _VIEWER_SIDE,
                "    def connection_lost(self, exc: Exception | None) -> None:\n",
                "    def eof_received(self) -> bool:\n        return True\n\n"
                "    def connection_lost(self, exc: Exception | None) -> None:\n",
                (_EXCHANGE + "test_a_half_closed_viewer_counts_as_gone",),
            ),
        ),
    ),
    11: Point(
        "No socket changes hands: our application is one more upstream",
        (
            Fault(
                "a request's body kept for the next event",
                _REQUEST_READER,
                "        body, self._body = self._body, []\n",
                "        body = self._body\n",
                (_DANGER + "test_application_and_content_take_turns_on_one_connection",),
            ),
        ),
    ),
    12: Point(
        "Our cookie stays here, in whatever form it comes; two of them are none",
        (
            Fault(
                "only the usual form cut out",
                "proxy/policy/cookies.py",
                "    if _FAMILY not in rest.lower():\n",
                "    if True:\n",
                (
                    _DANGER + "test_our_cookie_admits_and_stays_here_in_every_form",
                    "tests/unit/policy/test_cookies.py::test_whatever_the_form_nothing_that_reads_as_ours_is_left",
                ),
            ),
            Fault(
                "the first of two sessions believed",
                "proxy/policy/cookies.py",
                " and header.find(pair, after) < 0:\n",
                ":\n",
                (_DANGER + "test_two_sessions_in_one_header_are_none",),
            ),
        ),
    ),
    13: Point(
        "What is injected stays on its line: checked once, when the block is made",
        (
            Fault(
                "values written as they come",
                "proxy/policy/injection.py",
                "    if any(character < ",
                "    if False and any(character < ",
                ("tests/unit/policy/test_headers.py::test_identity_values_stay_on_their_line_and_can_be_read_back",),
            ),
            Fault(
                "tokens written as they come",
                "proxy/policy/injection.py",
                " and token.isascii() and token.isprintable() and",
                " and",
                (
                    "tests/unit/policy/test_headers.py::test_a_token_that_cannot_stand_in_a_header_is_left_to_the_exchange",
                ),
            ),
        ),
    ),
    14: Point(
        "Whatever a parser's callback raises ends in one answer or one cut; no connection is left in between",
        (
            Fault(
                "the reason inside a parser's error overlooked",
                _REQUEST_READER,
                "            cause = error.__cause__ or error.__context__\n",
                "            cause = None\n",
                (_REQUESTS + "test_the_number_of_headers_is_limited",),
            ),
            Fault(
                "only the gateway's own refusals caught",
                _REQUEST_READER,
                'if isinstance(cause, _Refused) else Refusal(400, "malformed")\n',
                "if isinstance(cause, _Refused) else None\n",
                (_DANGER + "test_a_fault_inside_a_callback_of_the_parser_is_one_answer",),
            ),
            Fault(
                "an exchange that forgets its connection when it ends",
                _EXCHANGE_CODE,
                "        side, self.side = self.side, None\n        if side is not None:\n            side.abort()\n",
                "        self.side = None\n",
                ("tests/unit/gateway/test_machine.py::TestGateway",),
            ),
        ),
    ),
}

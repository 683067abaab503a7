"""Requests written anew: the head as it was settled, the body framed anew, each byte once."""

import pytest

from proxy.wire.request import HeaderSet, RequestHead
from proxy.wire.request_writer import RequestWriter


def writer(*headers):
    request = RequestHead()
    request.has(HeaderSet(list(headers)))
    return RequestWriter(request)


@pytest.fixture
def chunked():
    return writer((b"Transfer-Encoding", b"chunked"))


def test_a_chunked_body_is_framed_anew_and_ends_once(chunked):
    chunked.head(b"HEAD")
    chunked.body([b"abc", b"de"], is_last=False)
    chunked.body([], is_last=True)
    chunked.body([], is_last=True)

    assert b"".join(chunked.start()) == b"HEAD3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert chunked.take() == []


def test_after_the_end_nothing_is_taken_any_more(chunked):
    chunked.body([], is_last=True)
    chunked.take()

    chunked.body([b"late"], is_last=False)

    assert (chunked.take(), chunked.is_complete, chunked.owes_nothing) == ([], True, True)


def test_a_body_with_a_length_passes_as_it_is_and_is_full_one_byte_over_the_limit():
    one = writer((b"Content-Length", b"65537"))

    one.body([b"x" * 65_536], is_last=False)
    assert not one.is_full
    one.body([b"y"], is_last=True)

    assert one.is_full
    assert b"".join(one.take()) == b"x" * 65_536 + b"y"
    assert not one.is_full


def test_a_body_that_is_dropped_is_owed_to_nobody(chunked):
    chunked.body([b"abc"], is_last=False)
    chunked.drop_body()
    chunked.body([b"de"], is_last=False)

    assert (chunked.take(), chunked.owes_nothing, chunked.is_complete) == ([], True, False)
    chunked.body([], is_last=True)
    assert chunked.is_complete

"""What is refused of a head, also where the parser in front would have refused it already."""

import pytest

from proxy.wire.request import HeaderSet, RequestHead


def head(*headers, method=b"POST", is_http10=False):
    one = RequestHead()
    one.method, one.target, one.is_http10 = method, b"/sales/", is_http10
    one.has(HeaderSet([(b"Host", b"localhost"), *headers]))
    return one


@pytest.mark.parametrize(
    ("headers", "because"),
    [
        pytest.param(
            [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5")], "two framings", id="both framings"
        ),
        pytest.param([(b"Content-Length", b"+5")], "content-length", id="a signed length"),
        pytest.param([(b"Content-Length", b"5, 5")], "content-length", id="a list of lengths"),
        pytest.param([(b"Transfer-Encoding", b"gzip, chunked")], "transfer-encoding unknown", id="a coding more"),
        pytest.param([(b"Expect", b"200-ok")], "expectation unknown", id="another expectation"),
    ],
)
def test_a_head_that_could_be_framed_in_two_ways_is_refused_whoever_parsed_it(headers, because):
    refusal = head(*headers).refusal(version="1.1", max_target_bytes=100)

    assert refusal is not None
    assert refusal.because == because


def test_chunks_in_http_1_0_are_refused():
    refusal = head((b"Transfer-Encoding", b"chunked"), is_http10=True).refusal(version="1.0", max_target_bytes=100)

    assert refusal is not None
    assert refusal.because == "transfer-encoding in HTTP/1.0"

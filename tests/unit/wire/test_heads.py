"""Heads of answers that no content gave."""

import json
from hashlib import sha256

import pytest

from proxy.policy.vouching import Vouching
from proxy.wire.heads import answer_head, refusal, request_head_to_control
from proxy.wire.request import HeaderSet, RequestHead


def test_an_interim_answer_of_our_own_application_has_a_status_and_nothing_else():
    said = answer_head(None, 100, b"Continue", [(b"X", b"1")], b"", ours=frozenset())

    assert said == b"HTTP/1.1 100 Continue\r\n\r\n"


def request_for(target: bytes, *, method: bytes = b"GET") -> RequestHead:
    request = RequestHead()
    request.method, request.target = method, target
    return request


@pytest.mark.parametrize("target", [b"/", b"/__api__/v1/user"])
def test_a_refusal_says_its_length_also_where_it_has_no_body(target):
    with_body, without = refusal(431, request_for(target)), refusal(431, request_for(target, method=b"HEAD"))

    head, _, body = with_body.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert without == head + b"\r\n\r\n"


@pytest.mark.parametrize("request_", [None, request_for(b""), request_for(b"/sales/"), request_for(b"/x/__api__/")])
def test_a_refusal_is_a_line_of_text(request_):
    head, _, body = refusal(431, request_).partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: text/plain\r\n" in head
    assert body == b"431 Request Header Fields Too Large\n"


@pytest.mark.parametrize(("status", "code"), [(400, 2), (413, 87), (501, 2), (503, 1)])
@pytest.mark.parametrize("target", [b"/__api__/v1/user", b"/__api__/x?a=1", b"/__ping__"])
def test_a_program_at_the_server_api_is_refused_in_connects_envelope(status, code, target):
    head, _, body = refusal(status, request_for(target)).partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: application/json\r\n" in head
    said = json.loads(body)
    assert (said["code"], said["payload"], said["error"][:3]) == (code, None, str(status))


RULE = Vouching(user=b"x-user", secret=b"x-secret", secret_hash=sha256(b"s3cret").digest())


def to_control(*headers: tuple[bytes, bytes]) -> bytes:
    request = RequestHead()
    request.method, request.target = b"GET", b"/__oauth__/login"
    request.has(HeaderSet([(b"Host", b"h"), *headers]))
    return request_head_to_control(request, public_host=b"h", client="192.0.2.1", request_id="r", vouching=RULE)


def test_our_application_is_told_whom_the_proxy_names_and_nothing_of_its_headers():
    head = to_control((b"X-User", b"ada"), (b"X-Secret", b"s3cret"), (b"X_Secret", b"s3cret"), (b"A", b"b"))
    assert b'oauth-sidecar-vouched: ["ada","",[]]\r\n' in head
    assert b"A: b\r\n" in head
    assert b"s3cret" not in head
    assert b"X-User" not in head


def test_our_application_is_told_of_nobody_whom_somebody_else_names():
    head = to_control((b"X-User", b"ada"), (b"Oauth-Sidecar-Vouched", b'["ada","",[]]'))
    assert b"vouched" not in head.lower()
    assert b"ada" not in head

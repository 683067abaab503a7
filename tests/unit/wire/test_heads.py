"""Heads of answers that no content gave."""

from proxy.wire.heads import answer_head, refusal


def test_an_interim_answer_of_our_own_application_has_a_status_and_nothing_else():
    said = answer_head(None, 100, b"Continue", [(b"X", b"1")], b"", ours=frozenset())

    assert said == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_refusal_says_its_length_also_where_it_has_no_body():
    with_body, without = refusal(431, is_head=False), refusal(431, is_head=True)

    head, _, body = with_body.partition(b"\r\n\r\n")
    assert body == b"431 Request Header Fields Too Large\n"
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert without == head + b"\r\n\r\n"

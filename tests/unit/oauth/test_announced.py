import json

from proxy.oauth.announced import Announced, announced


def said(**members: object) -> Announced:
    return announced(json.dumps(members).encode())


def test_lists_that_are_there_are_read_and_absent_ones_say_nothing():
    assert said(
        issuer="https://id.example", scopes_supported=["openid", 7, "a\nb"], grant_types_supported=[]
    ) == Announced(
        issuer="https://id.example", scopes=frozenset({"openid"}), grant_types=frozenset(), code_challenge_methods=None
    )


def test_what_is_no_list_or_endless_says_nothing():
    assert said(scopes_supported="openid", code_challenge_methods_supported=["x"] * 101) == Announced()
    assert announced(b"<html>") == Announced()


def test_an_issuer_is_one_line_that_a_terminal_can_show():
    assert said(issuer="https://a\x1b[2J\r\nb").issuer == "https://a [2J b"

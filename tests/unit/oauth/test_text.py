import pytest

from proxy.oauth.text import is_visible_ascii, one_line


@pytest.mark.parametrize(
    ("value", "expected"), [("a~ b", True), ("", False), ("a\n", False), ("é", False), ("\x7f", False)]
)
def test_visible_ascii_is_what_the_rfc_allows(value: str, expected: bool):
    assert is_visible_ascii(value) is expected


def test_foreign_text_becomes_one_short_line():
    assert one_line("a\r\n\tb\x00\u202ec\ud800d", 50) == "a b c d"
    assert one_line("x" * 99, 10) == "x" * 10
    assert one_line({"a": 1}, 10) == ""

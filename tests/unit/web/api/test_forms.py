"""The exchange's own reader of forms reads what the standard library's does."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.exchange_refusals import ACCESS_TOKEN, CONTENT_SESSION_TOKEN, GRANT_TYPE, USER_SESSION_TOKEN
from proxy.web.api.exchange import MAX_FIELDS, _pairs

PIECES = st.sampled_from(
    ["&", "=", "%", "+", ";", "%3A", "%3a", "%zz", "%C3%BC", "%ff", "%00", "ü", "a", "grant_type", " "]
)


def read(text: str) -> list[tuple[str, str]] | str:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        return "refused"


def read_here(text: str) -> list[tuple[str, str]] | str:
    try:
        return list(_pairs(text))
    except ValueError:
        return "refused"


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_form_is_read_or_refused_alike(text):
    assert read_here(text) == read(text)


@given(st.text())
def test_any_text_is_read_or_refused_alike(text):
    assert read_here(text) == read(text)


@pytest.mark.parametrize("word", [GRANT_TYPE, USER_SESSION_TOKEN, CONTENT_SESSION_TOKEN, ACCESS_TOKEN])
def test_the_long_words_are_read_however_they_are_written(word):
    for text in (urlencode({"name": word}), f"name={word}", f"name={word.replace(':', '%3a')}"):
        assert read_here(text) == [("name", word)]


@pytest.mark.parametrize(("count", "is_read"), [(MAX_FIELDS, True), (MAX_FIELDS + 1, False)])
def test_so_many_fields_and_no_more(count, is_read):
    text = "&".join(["a=1"] * count)
    assert (read_here(text) != "refused") == is_read
    assert read_here(text) == read(text)

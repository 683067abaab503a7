"""By what a content is known when it asks for itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.flows.content_tokens import (
    LONGEST_LIFE,
    content_session_token,
    content_session_token_until,
    is_content_session_token,
)
from proxy.sealing import KeyRing
from tests.unit.flows.house import KEY, SALES, START, STOCK

RING = KeyRing([KEY])
NEW = bytes(reversed(KEY))
FILED = replace(SALES, session_token_file="/run/sales/token")
HOUR = timedelta(hours=1)


def until(when, content=FILED, ring=RING) -> str:
    return content_session_token_until(ring, content.guid, when)


def test_one_in_a_file_is_good_until_its_end_and_not_a_moment_longer():
    token = until(START + HOUR)
    assert is_content_session_token(token, RING, FILED, START)
    assert is_content_session_token(token, RING, FILED, START + HOUR - timedelta(milliseconds=1))
    assert not is_content_session_token(token, RING, FILED, START + HOUR)
    assert not is_content_session_token(token, RING, FILED, START + 2 * HOUR)


def test_none_is_good_for_more_than_a_day():
    assert is_content_session_token(until(START + LONGEST_LIFE), RING, FILED, START)
    assert is_content_session_token(until(START + LONGEST_LIFE), RING, FILED, START - timedelta(minutes=5))
    assert not is_content_session_token(until(START + LONGEST_LIFE), RING, FILED, START - timedelta(minutes=6))


def test_one_under_an_older_key_is_good_for_its_life():
    token = until(START + HOUR)
    assert is_content_session_token(token, KeyRing([NEW, KEY]), FILED, START)
    assert not is_content_session_token(token, KeyRing([NEW]), FILED, START)
    assert until(START + HOUR, ring=KeyRing([NEW, KEY])) != token


def forged() -> dict[str, str]:
    token = until(START + HOUR)
    end, _, proof = token.partition(".")
    return {
        "a later end": f"{int(end) + 1}.{proof}",
        "an earlier end": f"{int(end) - 1}.{proof}",
        "an end in other digits": f"{end.translate(str.maketrans('0123456789', '٠١٢٣٤٥٦٧٨٩'))}.{proof}",
        "an end with a sign": f"+{end}.{proof}",
        "an end that no clock knows": f"9{'9' * 400}.{proof}",
        "a zero in front": f"0{end}.{proof}",
        "no end": proof,
        "an empty end": f".{proof}",
        "no proof": f"{end}.",
        "half a proof": f"{end}.{proof[:20]}",
        "another proof": f"{end}.{'A' * 43}",
        "a blank behind": token + " ",
        "a line behind": token + "\n",
        "another content's": until(START + HOUR, STOCK),
        "the one that never ends": content_session_token(RING, FILED.guid),
        "the proof of the one that never ends": f"{end}.{content_session_token(RING, FILED.guid)}",
        "bytes that are no text": f"{end}.\udcff",
        "nothing": "",
    }


@pytest.mark.parametrize("token", forged().values(), ids=forged().keys())
def test_no_other_is_taken_for_one_in_a_file(token):
    assert not is_content_session_token(token, RING, FILED, START)


def test_a_content_has_one_kind_only():
    """Fails when a copy of the old kind outlives the day on which the operator began to keep it in a file."""
    endless = content_session_token(RING, SALES.guid)
    assert is_content_session_token(endless, RING, SALES, START)
    assert not is_content_session_token(endless, RING, FILED, START)
    assert not is_content_session_token(until(START + HOUR), RING, SALES, START)

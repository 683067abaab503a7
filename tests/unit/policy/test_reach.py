"""Why a server could not be asked, in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.oauth.message import LostAnswer, NotSent
from proxy.policy.reach import why_unreached

SOURCE = (Path(__file__).parents[3] / "proxy/outbound/authorization_server.py").read_text()
NOT_SENT = set(re.findall(r'NotSent\("(\w+)"\)', SOURCE)) | set(
    re.findall(r'"(tls_\w+|address_refused|unknown_host)"', SOURCE)
)
LOST = set(re.findall(r'LostAnswer\("(\w+)"\)', SOURCE))


@pytest.mark.parametrize("outcome", [*map(NotSent, sorted(NOT_SENT)), *map(LostAnswer, sorted(LOST))], ids=str)
def test_every_reason_has_words_of_its_own(outcome):
    text = why_unreached(outcome, "https://id.example/token")
    assert text != why_unreached(NotSent("another"), "https://id.example/token")
    assert "{" not in text


def test_the_place_is_named():
    assert "id.example port 8443" in why_unreached(NotSent("connect_failed"), "https://id.example:8443/token")
    assert "id.example port 443" in why_unreached(NotSent("connect_timeout"), "https://id.example/token")

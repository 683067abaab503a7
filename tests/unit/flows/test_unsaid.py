"""A server's words, without what we proved ourselves with."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest

from proxy.flows.unsaid import HIDDEN, MAX_CHARS, without_proofs
from proxy.oauth.client_auth import Client, ClientAuthMethod, Once, authenticated_form
from tests.unit.flows.house import START

SECRET = "s/ö cr+t  of =ours"
ONCE = Once(now=START, jti="j")


def sent(client):
    return authenticated_form("https://id.example/token", client, [("code", "made-up")], ONCE)


def client(method):
    return Client(client_id="sidecar", client_secret=SECRET, auth_method=method)


@pytest.mark.parametrize("method", [ClientAuthMethod.CLIENT_SECRET_POST, ClientAuthMethod.CLIENT_SECRET_BASIC])
@pytest.mark.parametrize(
    "written",
    [SECRET, quote(SECRET, safe=""), quote_plus(SECRET), b64encode(SECRET.encode()).decode(), "s/ö cr+t of =ours"],
)
def test_a_secret_is_hidden_however_it_is_written(method, written):
    us = client(method)
    assert without_proofs(f"bad: {written}!", sent(us), us) == f"bad: {HIDDEN}!"


def test_the_header_of_basic_is_hidden():
    us = client(ClientAuthMethod.CLIENT_SECRET_BASIC)
    request = sent(us)
    assert without_proofs(request.headers["Authorization"], request, us) == f"Basic {HIDDEN}"


def test_what_is_no_proof_stays_and_is_cut():
    us = Client(client_id="sidecar", auth_method=ClientAuthMethod.NONE)
    assert without_proofs("made-up sidecar", sent(us), us) == "made-up sidecar"
    assert len(without_proofs("x" * 999, sent(us), us)) == MAX_CHARS

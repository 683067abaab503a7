"""A server's words for people, without what we sent it to prove who we are: some servers repeat what they were sent."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import parse_qsl, quote, quote_plus

from proxy.oauth.client_auth import Client
from proxy.oauth.message import OutboundRequest

MAX_CHARS = 300
HIDDEN = "(hidden)"
_PROOFS = frozenset({"client_secret", "client_assertion"})


def without_proofs(words: str, request: OutboundRequest, client: Client) -> str:
    """Return at most 300 characters of ``words``, an answer to ``request``, with every proof in it hidden."""
    for proof in sorted(_proofs(request, client), key=len, reverse=True):
        words = words.replace(proof, HIDDEN)
    return words if len(words) <= MAX_CHARS else words[: MAX_CHARS - 1] + "…"


def _proofs(request: OutboundRequest, client: Client) -> set[str]:
    sent = {value for name, value in parse_qsl(request.body.decode()) if name in _PROOFS}
    sent |= {client.client_secret} if client.client_secret else set()
    written = {form for proof in sent for form in _forms(proof)}
    header = request.headers.get("Authorization", "").partition(" ")[2]
    return {*written, header} - {""}


def _forms(proof: str) -> tuple[str, ...]:
    """A secret as it is, percent- and form-encoded, in base64, and as ``oauth.text.one_line`` would leave it."""
    return proof, quote(proof, safe=""), quote_plus(proof), b64encode(proof.encode()).decode(), " ".join(proof.split())

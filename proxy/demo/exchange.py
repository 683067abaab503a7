"""How the demo's content asks for its viewer's token: one POST to the sidecar's API listener (RFC 8693, Connect's shape)."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout

_PATH = "/__api__/v1/oauth/integrations/credentials"
_TIMEOUT = ClientTimeout(total=20)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A token, and for how many seconds it may be used."""

    access_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The viewer has to be asked again, at this address."""

    login_url: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """No token now; ``text`` is for people."""

    text: str


class Exchange:
    """Redeems session tokens at ``CONNECT_SERVER`` with ``CONNECT_API_KEY``."""

    def __init__(self, session: ClientSession, *, server_url: str, api_key: str) -> None:
        self._session = session
        self._url = server_url.rstrip("/") + _PATH
        self._api_key = api_key

    async def token(self, session_token: str) -> Fresh | Reconnect | Trouble:
        """Return the viewer's token; the sidecar refreshes it first when it has to."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:posit:connect:user-session-token",
            "subject_token": session_token,
        }
        headers = {"Authorization": f"Key {self._api_key}"}
        try:
            async with self._session.post(self._url, data=form, headers=headers, timeout=_TIMEOUT) as answer:
                said = await answer.json()
        except (ClientError, TimeoutError, ValueError):
            return Trouble("The sidecar's exchange does not answer.")
        match said:
            case {"access_token": str(token), "expires_in": int(seconds)}:
                return Fresh(token, seconds)
            case {"payload": {"login_url": str(url)}}:
                return Reconnect(url)
            case {"error": str(text)}:
                return Trouble(f"The exchange says: {text}")
            case _:
                return Trouble("The exchange says something that cannot be understood.")

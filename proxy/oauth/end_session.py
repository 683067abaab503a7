"""Send somebody to sign out of the authorization server itself (OpenID Connect RP-Initiated Logout 1.0 §2)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from proxy.oauth.client_auth import Client


def end_session_url(endpoint: str, client: Client, *, post_logout_redirect_uri: str, state: str) -> str:
    """Return where the browser goes. Who we are is said by ``client_id``, who they are the server knows by its own cookie.

    Without ``id_token_hint`` the server has to ask the person first (§2), which is right: a button of an app should not end
    what they have open elsewhere. The hint would also put name, address and groups into a URL, and a token into the store.
    The endpoint's own query stays as it is written, and cannot say anything in the place of our parameters.
    """
    ours = {
        "client_id": client.client_id,
        "post_logout_redirect_uri": post_logout_redirect_uri,
        "state": state,
    }
    parts = urlsplit(endpoint)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in {*ours, "id_token_hint"}]
    return parts._replace(query=urlencode([*kept, *ours.items()]), fragment="").geturl()

"""Ask oauth-sidecar for the viewer's access token. Copy this file next to your app; it needs nothing else.

It caches nothing: call it each time. `oauth-sidecar content-env NAME` prints CONNECT_SERVER and CONNECT_API_KEY.
"""

import json
import os
from urllib import error, parse, request

_OPENER = request.build_opener(request.ProxyHandler({}))  # the sidecar is on this machine: no proxy in between


class LoginRequired(Exception):
    """The viewer has to be asked again: show them a link to `url`."""

    def __init__(self, url):
        super().__init__("the viewer has to sign in again")
        self.url = url


def viewer_token(session_token, integration=None, rejected=None):
    """Return the token. `session_token`: that header's value, or all headers. `rejected`: one that an API refused."""
    if not isinstance(session_token, str):
        session_token = {n.lower(): v for n, v in session_token.items()}["posit-connect-user-session-token"]
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": session_token}
    url = os.environ["CONNECT_SERVER"].rstrip("/") + "/__api__/v1/oauth/integrations/credentials"
    form["subject_token_type"] = "urn:posit:connect:user-session-token"
    form |= {n: v for n, v in {"audience": integration, "rejected_token": rejected}.items() if v}
    ask = request.Request(
        url, parse.urlencode(form).encode(), {"Authorization": "Key " + os.environ["CONNECT_API_KEY"]}
    )
    try:
        with _OPENER.open(ask, timeout=30) as answer:
            return json.load(answer)["access_token"]
    except error.HTTPError as refusal:
        with refusal:
            said = json.loads(refusal.read() or b"{}")
        if login_url := (said.get("payload") or {}).get("login_url"):
            raise LoginRequired(login_url) from None
        raise RuntimeError(f"no token for this viewer: {said.get('error', refusal.code)}") from None

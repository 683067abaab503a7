"""What the example apps have in the place of ``viewer_token.py``: the same question, asked by posit-sdk as it comes from PyPI."""

from posit.connect import Client
from posit.connect.errors import ClientError

_CLIENT = Client()  # CONNECT_SERVER and CONNECT_API_KEY


class LoginRequired(Exception):
    """The viewer has to be asked again."""

    def __init__(self, url):
        super().__init__("the viewer has to sign in again")
        self.url = url


def viewer_token(headers):
    """Return the viewer's token, asked for anew each time: posit-sdk keeps none."""
    session_token = headers["Posit-Connect-User-Session-Token"]
    try:
        return _CLIENT.oauth.get_credentials(session_token)["access_token"]
    except ClientError as refusal:
        payload = refusal.payload or {}
        if "login_url" in payload:
            raise LoginRequired(payload["login_url"]) from None
        raise RuntimeError(str(refusal)) from None

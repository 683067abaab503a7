"""A sound configuration to vary, and the problems of what it became."""

from __future__ import annotations

from pathlib import Path

from proxy.config.load import load
from proxy.config.problems import ConfigProblems
from proxy.config.values import Config

STORE_KEY = "osk1_q83vEjRWeJDKu6yYh3ZlVEMyEREiM0RVZneImaq7zN0"
API_KEY = "osk1_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWo"
CLIENT_SECRET = "kH3-topsy-turvy"

SOUND = f"""\
public_url: https://apps.example.org
sign_in: warehouse
store:
  url: sqlite:///var/lib/state.db
  keys: [{STORE_KEY}]
api:
  keys:
    - {{name: sales, content: sales, key: {API_KEY}}}
integrations:
  - name: warehouse
    template: custom
    config:
      authorization_uri: https://login.example.org/authorize
      token_uri: https://login.example.org/token
      userinfo_uri: https://login.example.org/userinfo
      client_id: sidecar
      client_secret: {CLIENT_SECRET}
content:
  - name: sales
    owner: bob@example.org
    path: /sales/
    app_mode: python-streamlit
    upstream: http://127.0.0.1:8501
    integrations: [warehouse]
"""


def changed(*changes: tuple[str, str]) -> str:
    """The sound configuration with pieces of text replaced; each must be there once."""
    text = SOUND
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def loaded(folder: Path, text: str, **environment: str) -> Config:
    """Load a text as ``config.yaml``."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, environment=environment)


def problems(folder: Path, text: str | bytes, **environment: str) -> list[str]:
    """The problem lines of a text, without the folder."""
    file = folder / "config.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        load(file, environment=environment)
    except ConfigProblems as exc:
        return [str(problem).replace(f"{folder}/", "") for problem in exc]
    return []

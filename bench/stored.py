"""Fill a stopped sidecar's state file with copies of the one viewer who signed in. Usage: CONFIG STORED USABLE TOKENS.

The first USABLE sessions are whole: their tokens are sealed for their own viewer, their session tokens are stored as
they would be after a first visit, and the cookie value is ``bench-session-`` and 29 digits. The others only take up room,
as sessions of viewers who do not come back: their sealed bytes are copies that no viewer's key opens. Writes the session
tokens of the usable ones to TOKENS, a line each; prints the cookie's name and the integrations' guids as JSON.
"""

import json
import secrets
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

from proxy.config.load import load
from proxy.flows.token_seal import TokenSeal
from proxy.model import ContentGuid, IntegrationGuid, Sealed, ViewerGuid
from proxy.policy.cookies import cookie_names
from proxy.sealing import KeyRing, associated_data, hash_handle

config_path, stored, usable = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = load(config_path, environment={})
ring = KeyRing(config.store_keys)
seal = TokenSeal(key_ring=ring, random_bytes=secrets.token_bytes)
database = sqlite3.connect(config.store_path)
database.row_factory = sqlite3.Row
for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
    database.execute(f"PRAGMA {pragma}")
TABLES = ("viewer", "viewer_session", "credentials", "consent", "session_token")
MODEL = {table: dict(database.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()) for table in TABLES}
CONTENT = ContentGuid(MODEL["consent"]["content_guid"])
CONSENTS = [
    dict(row) for row in database.execute("SELECT * FROM consent WHERE content_guid = ? ORDER BY rowid", (CONTENT,))
]
CREDENTIALS = [dict(row) for row in database.execute("SELECT * FROM credentials ORDER BY created_at")]


def token_of_model() -> str:
    row = MODEL["credentials"]
    associated = associated_data("credentials", "access_token", row["viewer_guid"], row["integration_guid"])
    return ring.open(Sealed(row["access_token"]), associated=associated).decode()


def session_token(number: int) -> str:
    handle = ring.handle("session-token", hash_handle(f"bench-session-{number:029d}"), CONTENT.encode())
    return urlsafe_b64encode(handle).decode().rstrip("=")


def whole(count: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Give the rows of each usable session, with their tables."""
    token = token_of_model()
    for number in range(count):
        viewer, of_session = f"viewer-{number:08d}", hash_handle(f"bench-session-{number:029d}")
        yield "viewer", MODEL["viewer"] | {"guid": viewer}
        yield "viewer_session", MODEL["viewer_session"] | {"hash": of_session, "viewer_guid": viewer}
        for consent in CONSENTS:
            yield "consent", consent | {"viewer_guid": viewer}
        for place, credentials in enumerate(CREDENTIALS):
            of = (ViewerGuid(viewer), IntegrationGuid(credentials["integration_guid"]))
            yield "credentials", credentials | {
                "guid": f"credentials-{number:08d}-{place}", "viewer_guid": viewer,
                "access_token": seal.seal(token, "access_token", of).value,
                "refresh_token": seal.seal("r" * 1200, "refresh_token", of).value,
            }  # fmt: skip
        known = {"hash": hash_handle(session_token(number)), "session_hash": of_session}
        yield "session_token", MODEL["session_token"] | {"content_guid": CONTENT} | known


def write_whole(count: int) -> None:
    for table, row in whole(count):
        marks = ", ".join(f":{column}" for column in row)
        database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", row)


FILLING = {
    "viewer": {"guid": "'filler-' || n"},
    "viewer_session": {"hash": "randomblob(24) || n", "viewer_guid": "'filler-' || n"},
    "credentials": {"guid": "'filler-' || n", "viewer_guid": "'filler-' || n"},
    "consent": {"viewer_guid": "'filler-' || n"},
    "session_token": {"hash": "randomblob(32)", "session_hash": None},
}
"""SQL for what a filler has different from the model."""


def write_fillers(count: int) -> None:
    numbers = f"WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})"
    for table in TABLES[:4]:
        row = MODEL[table]
        values = ", ".join(FILLING[table].get(column) or f":{column}" for column in row)
        database.execute(f"INSERT INTO {table} ({', '.join(row)}) {numbers} SELECT {values} FROM number", row)
    database.execute(
        "INSERT INTO session_token (hash, session_hash, content_guid) SELECT randomblob(32), hash, :content_guid"
        " FROM viewer_session WHERE viewer_guid LIKE 'filler-%'", MODEL["session_token"],
    )  # fmt: skip


write_whole(usable)
if stored > usable:
    write_fillers(stored - usable)
database.commit()
database.execute("PRAGMA journal_mode = WAL")
database.close()
Path(sys.argv[4]).write_text("".join(f"{session_token(number)}\n" for number in range(usable)))
print(
    json.dumps(
        {"cookie_name": cookie_names(config.public_url).session, "integrations": [*config.directory.integrations]}
    )
)

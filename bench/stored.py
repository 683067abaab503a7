"""Fill a stopped sidecar's state file with copies of the one viewer who signed in. Usage: CONFIG STORED USABLE.

The first USABLE sessions are whole: their tokens are sealed for their own viewer, their session tokens are stored as
they would be after a first visit, and the cookie value is ``bench-session-`` and 29 digits. The others only take up room,
as sessions of viewers who do not come back: their sealed bytes are copies that no viewer's key opens. Prints the cookie's
name as JSON.
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
INTEGRATION = IntegrationGuid(MODEL["credentials"]["integration_guid"])


def token_of_model() -> str:
    row = MODEL["credentials"]
    associated = associated_data("credentials", "access_token", row["viewer_guid"], INTEGRATION)
    return ring.open(Sealed(row["access_token"]), associated=associated).decode()


def whole(count: int) -> Iterator[dict[str, dict[str, object]]]:
    """Give what each usable session has different from the model."""
    token = token_of_model()
    for number in range(count):
        viewer, of_session = f"viewer-{number:08d}", hash_handle(f"bench-session-{number:029d}")
        handle = ring.handle("session-token", of_session, CONTENT.encode())
        session_token = urlsafe_b64encode(handle).decode().rstrip("=")
        of = (ViewerGuid(viewer), INTEGRATION)
        yield {
            "viewer": {"guid": viewer},
            "viewer_session": {"hash": of_session, "viewer_guid": viewer},
            "credentials": {
                "guid": f"credentials-{number:08d}", "viewer_guid": viewer,
                "access_token": seal.seal(token, "access_token", of).value,
                "refresh_token": seal.seal("r" * 1200, "refresh_token", of).value,
            },
            "consent": {"viewer_guid": viewer},
            "session_token": {"hash": hash_handle(session_token), "session_hash": of_session},
        }  # fmt: skip


def write_whole(count: int) -> None:
    for different in whole(count):
        for table in TABLES:
            row = MODEL[table] | different[table]
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
print(json.dumps({"cookie_name": cookie_names(config.public_url).session}))

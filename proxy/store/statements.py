"""Every SQL statement of the store, written once for every engine.

The dialect is what SQLite (3.35) and PostgreSQL share: upserts, ``RETURNING``, ``:name`` parameters.
"""

# — sign-in ————————————————————————————————————————————————————————————————————————————————————————

CLAIM_STATE = """
INSERT INTO used_state (id, expires_at) VALUES (:id, :expires_at)
ON CONFLICT (id) DO NOTHING RETURNING id
"""

ENSURE_VIEWER = """
INSERT INTO viewer (guid, identified_by, subject, identity, email, created_at)
VALUES (:guid, :identified_by, :subject, :identity, :email, :created_at)
ON CONFLICT (identified_by, subject) DO UPDATE SET identity = excluded.identity, email = excluded.email
RETURNING guid, identified_by, identity, created_at AS viewer_created_at
"""

VIEWER_EXISTS = "SELECT guid FROM viewer WHERE guid = :guid"

REPLACE_CREDENTIALS = """
INSERT INTO credentials (
    guid, viewer_guid, integration_guid, fingerprint, generation, state, access_token, refresh_token,
    issued_at, expires_at, refresh_expires_at, scope, account, ended_because, claims, account_subject,
    former_account, created_at, updated_at
) VALUES (
    :guid, :viewer_guid, :integration_guid, :fingerprint, :generation, :state, :access_token, :refresh_token,
    :issued_at, :expires_at, :refresh_expires_at, :scope, :account, :ended_because, :claims,
    :account_subject, :former_account, :created_at, :updated_at
) ON CONFLICT (viewer_guid, integration_guid) DO UPDATE SET
    guid = excluded.guid, fingerprint = excluded.fingerprint, generation = excluded.generation,
    state = excluded.state, access_token = excluded.access_token, refresh_token = excluded.refresh_token,
    issued_at = excluded.issued_at, expires_at = excluded.expires_at,
    refresh_expires_at = excluded.refresh_expires_at, scope = excluded.scope, account = excluded.account,
    ended_because = excluded.ended_because, claims = excluded.claims,
    account_subject = excluded.account_subject, former_account = excluded.former_account, created_at = excluded.created_at, updated_at = excluded.updated_at,
    lease_owner = NULL, lease_until = NULL
"""

ADD_CONSENT = """
INSERT INTO consent (viewer_guid, content_guid, integration_guid, created_at)
VALUES (:viewer_guid, :content_guid, :integration_guid, :created_at)
ON CONFLICT (viewer_guid, content_guid, integration_guid) DO NOTHING
"""

# Of a session, so that nothing stays behind of a viewer who is just leaving.
NOTE_ASKED = """
INSERT INTO asked (viewer_guid, content_guid, integration_guid, created_at)
SELECT s.viewer_guid, :content_guid, :integration_guid, :created_at FROM viewer_session s WHERE s.hash = :session_hash
ON CONFLICT (viewer_guid, content_guid, integration_guid) DO UPDATE SET created_at = asked.created_at
RETURNING viewer_guid
"""

ASKED = "SELECT integration_guid FROM asked WHERE viewer_guid = :viewer_guid AND content_guid = :content_guid"

FORGET_ASKED = """
DELETE FROM asked
WHERE viewer_guid = :viewer_guid AND content_guid = :content_guid AND integration_guid = :integration_guid
"""

# — what is to be given back ———————————————————————————————————————————————————————————————————————

# Before rows are deleted: what still counts at the provider. While a refresh runs, its answer is waited for.
_KEEP_GRANTS = """
INSERT INTO ended_grant (
    guid, viewer_guid, integration_guid, fingerprint, account_subject,
    access_token, access_expires_at, refresh_token, failures, due_at
)
SELECT guid, viewer_guid, integration_guid, fingerprint, account_subject, access_token, expires_at, refresh_token,
    0, CASE WHEN lease_until > :now THEN lease_until ELSE :now END
FROM credentials WHERE state <> 'ended' AND """

# Of another account at the same client: one that is the same's, or may be, could end along with what was granted just now.
KEEP_REPLACED_GRANT = (
    _KEEP_GRANTS
    + """viewer_guid = :viewer_guid AND integration_guid = :integration_guid
AND fingerprint = :fingerprint AND account_subject <> :account_subject"""
)

ADD_ENDED_GRANT = """
INSERT INTO ended_grant (
    guid, viewer_guid, integration_guid, fingerprint, account_subject,
    access_token, access_expires_at, refresh_token, failures, due_at
) VALUES (
    :guid, :viewer_guid, :integration_guid, :fingerprint, :account_subject,
    :access_token, :expires_at, :refresh_token, 0, :now
)
"""

REFRESH_ENDED_GRANT = """
UPDATE ended_grant SET access_token = :access_token, access_expires_at = :expires_at,
    refresh_token = COALESCE(:refresh_token, refresh_token)
WHERE guid = :guid
"""

ENDED_GRANTS = "SELECT * FROM ended_grant WHERE due_at <= :now ORDER BY due_at, guid LIMIT :most"

COUNT_FAILURE = "UPDATE ended_grant SET failures = failures + 1, due_at = :due_at WHERE guid = :guid"
PUT_OFF_ENDED_GRANTS = """
UPDATE ended_grant SET due_at = :due_at WHERE integration_guid = :integration_guid AND due_at < :due_at
"""

FORGET_ENDED_GRANT = "DELETE FROM ended_grant WHERE guid = :guid AND access_token = :access_token"

ACCOUNT_IN_USE = """
SELECT 1 AS found FROM credentials
WHERE integration_guid = :integration_guid AND account_subject = :account_subject AND fingerprint = :fingerprint
AND state <> 'ended' LIMIT 1
"""

# — integrations that are gone —————————————————————————————————————————————————————————————————————

MISS_ALL_INTEGRATIONS = "UPDATE noted_integration SET gone_since = :now WHERE gone_since IS NULL"
NOTE_INTEGRATION = """
INSERT INTO noted_integration (integration_guid, fingerprint, sealed, gone_since)
VALUES (:integration_guid, :fingerprint, :sealed, NULL)
ON CONFLICT (integration_guid, fingerprint) DO UPDATE SET sealed = excluded.sealed, gone_since = NULL
"""
# Grants from before anything was noted.
NOTE_UNKNOWN_INTEGRATIONS = """
INSERT INTO noted_integration (integration_guid, fingerprint, sealed, gone_since)
SELECT DISTINCT integration_guid, fingerprint, NULL, :now FROM credentials WHERE 1 = 1
ON CONFLICT (integration_guid, fingerprint) DO NOTHING
"""
NOT_GONE = "UPDATE noted_integration SET gone_since = NULL WHERE integration_guid = :integration_guid"
NOTED_INTEGRATION = """
SELECT sealed FROM noted_integration WHERE integration_guid = :integration_guid AND fingerprint = :fingerprint
"""
GONE_INTEGRATIONS = "SELECT * FROM noted_integration WHERE gone_since <= :before"
CREDENTIALS_OF = """
SELECT * FROM credentials
WHERE integration_guid = :integration_guid AND fingerprint = :fingerprint AND guid > :after ORDER BY guid LIMIT :most
"""
KEEP_GRANT = _KEEP_GRANTS + "guid = :guid"
DELETE_CREDENTIALS_BY_GUID = "DELETE FROM credentials WHERE guid = :guid"
FORGET_INTEGRATIONS = """
DELETE FROM noted_integration WHERE gone_since IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM credentials c
    WHERE c.integration_guid = noted_integration.integration_guid AND c.fingerprint = noted_integration.fingerprint)
AND NOT EXISTS (SELECT 1 FROM ended_grant g
    WHERE g.integration_guid = noted_integration.integration_guid AND g.fingerprint = noted_integration.fingerprint)
"""

# — sessions ———————————————————————————————————————————————————————————————————————————————————————

ADD_SESSION = """
INSERT INTO viewer_session (hash, viewer_guid, created_at, last_seen_at, expires_at, sid_hash)
VALUES (:hash, :viewer_guid, :created_at, :last_seen_at, :expires_at, :sid_hash)
"""

BEGIN_SESSION = """
INSERT INTO viewer_session (hash, viewer_guid, created_at, last_seen_at, expires_at, sid_hash)
VALUES (:hash, :viewer_guid, :created_at, :last_seen_at, :expires_at, :sid_hash)
ON CONFLICT (hash) DO UPDATE SET viewer_guid = excluded.viewer_guid, created_at = excluded.created_at,
    last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at
"""

SESSION = """
SELECT s.hash, s.viewer_guid AS guid, s.created_at, s.last_seen_at, s.expires_at, s.sid_hash,
    v.identified_by, v.identity, v.created_at AS viewer_created_at
FROM viewer_session s JOIN viewer v ON v.guid = s.viewer_guid
WHERE s.hash = :hash
"""

# One row per consent, and one with NULL when there is none.
PRESENCE = """
SELECT s.hash, s.viewer_guid AS guid, s.created_at, s.last_seen_at, s.expires_at, s.sid_hash,
    v.identified_by, v.identity, v.created_at AS viewer_created_at, c.integration_guid
FROM viewer_session s JOIN viewer v ON v.guid = s.viewer_guid
LEFT JOIN consent c ON c.viewer_guid = s.viewer_guid AND c.content_guid = :content_guid
WHERE s.hash = :hash
"""

ADD_HANDLE = """
INSERT INTO session_handle (hash, session_hash, content_guid)
SELECT :hash, s.hash, :content_guid FROM viewer_session s WHERE s.hash = :session_hash
ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING hash
"""

PRESENCE_AT_HOST = """
SELECT s.hash, s.viewer_guid AS guid, s.created_at, s.last_seen_at, s.expires_at, s.sid_hash,
    v.identified_by, v.identity, v.created_at AS viewer_created_at, c.integration_guid
FROM session_handle h JOIN viewer_session s ON s.hash = h.session_hash JOIN viewer v ON v.guid = s.viewer_guid
LEFT JOIN consent c ON c.viewer_guid = s.viewer_guid AND c.content_guid = h.content_guid
WHERE h.hash = :hash AND h.content_guid = :content_guid
"""

TOUCH_SESSION = "UPDATE viewer_session SET last_seen_at = :at WHERE hash = :hash AND last_seen_at < :at"

SESSION_TOKEN_EXISTS = "SELECT hash FROM session_token WHERE hash = :hash"  # noqa: S105  # a statement

ADD_SESSION_TOKEN = """
INSERT INTO session_token (hash, session_hash, content_guid)
SELECT :hash, s.hash, :content_guid FROM viewer_session s WHERE s.hash = :session_hash
ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING hash
"""  # noqa: S105  # a statement

REDEEM_SESSION_TOKEN = """
SELECT t.content_guid, s.hash, s.viewer_guid AS guid, s.created_at, s.last_seen_at, s.expires_at, s.sid_hash,
    v.identified_by, v.identity, v.created_at AS viewer_created_at, c.integration_guid
FROM session_token t JOIN viewer_session s ON s.hash = t.session_hash JOIN viewer v ON v.guid = s.viewer_guid
LEFT JOIN consent c ON c.viewer_guid = s.viewer_guid AND c.content_guid = t.content_guid
WHERE t.hash = :hash
"""  # noqa: S105  # a statement

# A session that began without ``sid`` may be the one that is over: its end costs a sign-in, its life more.
SESSIONS_OF_LOGOUT = """
SELECT s.hash, s.viewer_guid AS guid, v.identified_by FROM viewer_session s JOIN viewer v ON v.guid = s.viewer_guid
WHERE v.identified_by = :identified_by AND (:subject IS NULL OR v.subject = :subject)
AND (:sid_hash IS NULL OR s.sid_hash = :sid_hash OR (s.sid_hash IS NULL AND :subject IS NOT NULL))
"""

DELETE_SESSION_TOKENS = "DELETE FROM session_token WHERE session_hash = :hash"
DELETE_HANDLES = "DELETE FROM session_handle WHERE session_hash = :hash"
DELETE_SESSION = "DELETE FROM viewer_session WHERE hash = :hash"

# The end of a viewer without identity: nobody could ever come back to these grants.
_ABANDONED = "viewer_guid = :guid AND NOT EXISTS (SELECT 1 FROM viewer_session s WHERE s.viewer_guid = :guid)"
KEEP_ABANDONED_GRANTS = _KEEP_GRANTS + _ABANDONED
DELETE_ABANDONED_CREDENTIALS = f"DELETE FROM credentials WHERE {_ABANDONED}"  # noqa: S608  # a constant
DELETE_ABANDONED_CONSENTS = """
DELETE FROM consent WHERE viewer_guid = :guid
AND NOT EXISTS (SELECT 1 FROM viewer_session s WHERE s.viewer_guid = :guid)
"""
DELETE_ABANDONED_ASKED = """
DELETE FROM asked WHERE viewer_guid = :guid
AND NOT EXISTS (SELECT 1 FROM viewer_session s WHERE s.viewer_guid = :guid)
"""
DELETE_ABANDONED_VIEWER = """
DELETE FROM viewer WHERE guid = :guid AND identified_by IS NULL
AND NOT EXISTS (SELECT 1 FROM viewer_session s WHERE s.viewer_guid = :guid)
"""

SESSIONS_OF_VIEWER = """
SELECT s.hash, s.viewer_guid AS guid, v.identified_by FROM viewer_session s JOIN viewer v ON v.guid = s.viewer_guid
WHERE s.viewer_guid = :guid
"""
KEEP_GRANTS_OF_VIEWER = _KEEP_GRANTS + "viewer_guid = :guid"
DELETE_CREDENTIALS_OF_VIEWER = (
    "DELETE FROM credentials WHERE viewer_guid = :guid RETURNING viewer_guid, integration_guid"
)

# — credentials ————————————————————————————————————————————————————————————————————————————————————

CREDENTIALS = "SELECT * FROM credentials WHERE viewer_guid = :viewer_guid AND integration_guid = :integration_guid"
CREDENTIALS_BY_GUID = "SELECT * FROM credentials WHERE guid = :guid"

ACQUIRE_LEASE = """
UPDATE credentials SET lease_owner = :owner, lease_until = :until
WHERE guid = :guid AND (lease_owner IS NULL OR lease_owner = :owner OR lease_until <= :now)
RETURNING *
"""

RELEASE_LEASE = """
UPDATE credentials SET lease_owner = NULL, lease_until = NULL WHERE guid = :guid AND lease_owner = :owner
"""

CLEAR_LEASES = "UPDATE credentials SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL"

SAVE_REFRESH = """
UPDATE credentials SET
    generation = generation + 1, state = 'active', ended_because = '', claims = NULL,
    access_token = :access_token, refresh_token = COALESCE(:refresh_token, refresh_token),
    issued_at = :issued_at, expires_at = :expires_at,
    refresh_expires_at = CASE WHEN :refresh_token IS NULL
        THEN COALESCE(:refresh_expires_at, refresh_expires_at) ELSE :refresh_expires_at END,
    scope = COALESCE(:scope, scope), updated_at = :now, lease_owner = NULL, lease_until = NULL
WHERE guid = :guid AND generation = :generation
RETURNING *
"""

END_CREDENTIALS = """
UPDATE credentials SET
    state = :state, ended_because = :because, claims = :claims,
    refresh_token = CASE WHEN :state = 'interaction_required' THEN refresh_token ELSE NULL END,
    updated_at = :now, lease_owner = NULL, lease_until = NULL
WHERE guid = :guid AND generation = :generation
RETURNING *
"""

CLAIMS = """
SELECT guid, claims FROM credentials
WHERE viewer_guid = :viewer_guid AND integration_guid = :integration_guid AND claims IS NOT NULL
"""
FORGET_CLAIMS = "UPDATE credentials SET claims = NULL WHERE guid = :guid"

# — for operators ——————————————————————————————————————————————————————————————————————————————————

# One row per consent, and one with NULL when there is none.
SESSIONS = """
SELECT s.hash, s.viewer_guid AS guid, s.created_at, s.last_seen_at, s.expires_at, s.sid_hash,
    v.identified_by, v.identity, v.created_at AS viewer_created_at, c.content_guid, c.integration_guid
FROM viewer_session s JOIN viewer v ON v.guid = s.viewer_guid LEFT JOIN consent c ON c.viewer_guid = s.viewer_guid
ORDER BY s.created_at, s.hash
"""

VIEWERS = "SELECT guid, identified_by, identity, created_at AS viewer_created_at FROM viewer"

_DISCONNECTED = "integration_guid = :integration_guid AND (:viewer_guid IS NULL OR viewer_guid = :viewer_guid)"
KEEP_DISCONNECTED_GRANTS = _KEEP_GRANTS + _DISCONNECTED
DELETE_CREDENTIALS = f"DELETE FROM credentials WHERE {_DISCONNECTED} RETURNING viewer_guid"  # noqa: S608  # a constant
DELETE_CONSENTS = """
DELETE FROM consent WHERE integration_guid = :integration_guid AND (:viewer_guid IS NULL OR viewer_guid = :viewer_guid)
RETURNING viewer_guid, content_guid
"""

# — housekeeping ———————————————————————————————————————————————————————————————————————————————————

PURGE_STATES = "DELETE FROM used_state WHERE expires_at <= :now"

SESSIONS_OVER = """
SELECT s.hash, s.viewer_guid AS guid, v.identified_by FROM viewer_session s JOIN viewer v ON v.guid = s.viewer_guid
WHERE s.expires_at <= :now OR s.last_seen_at < :idle_since
"""

# Left behind when a sign-in stopped between its viewer and its session; one that holds credentials is not touched.
PURGE_VIEWERS_NEVER_SIGNED_IN = """
DELETE FROM viewer WHERE identified_by IS NULL AND created_at < :idle_since
AND NOT EXISTS (SELECT 1 FROM viewer_session s WHERE s.viewer_guid = viewer.guid)
AND NOT EXISTS (SELECT 1 FROM credentials c WHERE c.viewer_guid = viewer.guid)
AND NOT EXISTS (SELECT 1 FROM consent c WHERE c.viewer_guid = viewer.guid)
"""

ADD_CHANGE = """
INSERT INTO change (kind, session_hash, viewer_guid, content_guid, integration_guid, created_at)
VALUES (:kind, :session_hash, :viewer_guid, :content_guid, :integration_guid, :created_at)
"""

# The last one stays, whatever its age: from it a reader knows whether it has missed any.
PURGE_CHANGES = """
DELETE FROM change WHERE created_at < :before AND position < (SELECT MAX(position) FROM change)
"""

PRESENT_POSITION = "SELECT COALESCE(MAX(position), 0) AS position FROM change"

CHANGES_SINCE = """
SELECT c.*, (SELECT MIN(position) FROM change) AS oldest FROM change c
WHERE position > :position ORDER BY position LIMIT :most
"""

BEAT = "UPDATE probe SET beats = beats + 1"

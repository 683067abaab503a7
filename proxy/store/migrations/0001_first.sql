-- Instants are microseconds since 1970 UTC. Secrets are here only sealed (access_token, refresh_token) or hashed.
-- Nothing cascades: whoever deletes a grant has to say so.
-- Another engine needs two words changed: BLOB, and INTEGER PRIMARY KEY AUTOINCREMENT.

CREATE TABLE viewer (
    guid TEXT NOT NULL PRIMARY KEY,
    identified_by TEXT,
    subject TEXT,
    identity TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (identified_by, subject),
    CHECK ((identified_by IS NULL) = (subject IS NULL) AND (subject IS NULL) = (identity IS NULL))
);

CREATE TABLE viewer_session (
    hash BLOB NOT NULL PRIMARY KEY,
    viewer_guid TEXT NOT NULL REFERENCES viewer (guid),
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX viewer_session_by_viewer ON viewer_session (viewer_guid);

CREATE TABLE session_token (
    hash BLOB NOT NULL PRIMARY KEY,
    session_hash BLOB NOT NULL REFERENCES viewer_session (hash),
    content_guid TEXT NOT NULL
);
CREATE INDEX session_token_by_session ON session_token (session_hash);

CREATE TABLE credentials (
    guid TEXT NOT NULL PRIMARY KEY,
    viewer_guid TEXT NOT NULL REFERENCES viewer (guid),
    integration_guid TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    generation BIGINT NOT NULL,
    state TEXT NOT NULL,
    access_token BLOB NOT NULL,
    refresh_token BLOB,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT,
    refresh_expires_at BIGINT,
    scope TEXT NOT NULL,
    account TEXT,
    ended_because TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    UNIQUE (viewer_guid, integration_guid),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
);

CREATE TABLE consent (
    viewer_guid TEXT NOT NULL REFERENCES viewer (guid),
    content_guid TEXT NOT NULL,
    integration_guid TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (viewer_guid, content_guid, integration_guid)
);

CREATE TABLE used_state (
    id TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE TABLE change (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    session_hash BLOB,
    viewer_guid TEXT,
    content_guid TEXT,
    integration_guid TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE probe (
    beats BIGINT NOT NULL
);
INSERT INTO probe (beats) VALUES (0);

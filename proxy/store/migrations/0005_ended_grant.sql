-- Whose grant it is at the provider: revoking one may end others of the same account.
ALTER TABLE credentials ADD COLUMN account_subject TEXT;

-- Tokens of credentials that are gone, to be revoked at the provider. No reference: viewer and integration may be gone too.
CREATE TABLE ended_grant (
    guid TEXT NOT NULL PRIMARY KEY,
    viewer_guid TEXT NOT NULL,
    integration_guid TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    account_subject TEXT,
    access_token BLOB NOT NULL,
    access_expires_at BIGINT,
    refresh_token BLOB,
    failures BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
CREATE INDEX ended_grant_by_due_at ON ended_grant (due_at);
CREATE INDEX credentials_by_account ON credentials (integration_guid, account_subject);

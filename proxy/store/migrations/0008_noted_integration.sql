-- What an integration was, sealed, so that what was granted to it can be given back when it is configured no more.
CREATE TABLE noted_integration (
    integration_guid TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    sealed BLOB,
    gone_since BIGINT,
    PRIMARY KEY (integration_guid, fingerprint)
);
CREATE INDEX credentials_by_client ON credentials (integration_guid, fingerprint, guid);

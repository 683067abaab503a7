-- What was made through the Server API, beside what the configuration defines. Secrets only sealed.

-- Since when an integration or a content is known, and as the how manieth.
CREATE TABLE first_seen (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guid TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL
);

CREATE TABLE integration (
    guid TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    template TEXT NOT NULL,
    config TEXT NOT NULL,
    client_secret BLOB,
    private_key BLOB,
    pin_identity BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Who may use an integration; nobody named: every publisher.
CREATE TABLE permission (
    integration_guid TEXT NOT NULL REFERENCES integration (guid),
    position BIGINT NOT NULL,
    user_email TEXT NOT NULL,
    group_name TEXT NOT NULL,
    PRIMARY KEY (integration_guid, position)
);

-- No reference: the integration may be one that the configuration defines, and the content always is.
CREATE TABLE association (
    content_guid TEXT NOT NULL,
    integration_guid TEXT NOT NULL,
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (content_guid, integration_guid)
);
CREATE INDEX association_by_integration ON association (integration_guid);

-- Keys of the Server API that no configuration defines; of a key only its hash. When any key was last used stands apart:
-- those of the configuration are used, too.
CREATE TABLE api_key (
    guid TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    user_email TEXT NOT NULL,
    content_guid TEXT,
    created_at BIGINT NOT NULL
);
CREATE TABLE api_key_use (
    guid TEXT NOT NULL PRIMARY KEY,
    last_used_at BIGINT NOT NULL
);

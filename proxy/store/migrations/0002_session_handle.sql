-- How a content's own host knows a viewer session: by the hash of a cookie that is good there only.

CREATE TABLE session_handle (
    hash BLOB NOT NULL PRIMARY KEY,
    session_hash BLOB NOT NULL REFERENCES viewer_session (hash),
    content_guid TEXT NOT NULL
);
CREATE INDEX session_handle_by_session ON session_handle (session_hash);

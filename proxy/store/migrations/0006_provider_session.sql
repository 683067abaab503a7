-- Which session at the provider a viewer session began with: the hash of its `sid`, for when the provider says it is over.
ALTER TABLE viewer_session ADD COLUMN sid_hash BLOB;
CREATE INDEX viewer_session_by_sid ON viewer_session (sid_hash);

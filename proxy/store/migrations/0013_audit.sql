-- Who did what. Lines are added at the end; the oldest ones go, and nothing else ever changes or goes.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    written_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    viewer_guid TEXT,
    content_guid TEXT,
    integration_guid TEXT,
    scope TEXT NOT NULL,
    expires_at BIGINT,
    request_id TEXT NOT NULL,
    count BIGINT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_by_viewer ON audit (viewer_guid, id);
-- Nearly all lines are counted hand-outs: whoever asks for those finds them at once, and they pay for one index less.
CREATE INDEX audit_by_action ON audit (action, id) WHERE action <> 'hand_out_header';

-- Against mistakes, ours too. Whoever has the file can drop a trigger: ship the lines elsewhere against that.
-- Another engine writes these in its own words.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_goes_from_its_old_end BEFORE DELETE ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id < OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'only the oldest lines of the audit log go');
END;

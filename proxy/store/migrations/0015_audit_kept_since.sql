-- The oldest lines go, but only those of before an instant that whoever deletes has to write down first: a bare
-- DELETE, of all lines even, is refused. Another engine writes the triggers in its own words.
CREATE TABLE audit_kept_since (
    at BIGINT NOT NULL
);
INSERT INTO audit_kept_since (at) VALUES (0);
DROP TRIGGER audit_goes_from_its_old_end;
CREATE TRIGGER audit_goes_from_its_old_end BEFORE DELETE ON audit
WHEN OLD.at >= COALESCE((SELECT MIN(at) FROM audit_kept_since), 0) OR EXISTS (SELECT 1 FROM audit WHERE id < OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'only the oldest lines of the audit log go');
END;

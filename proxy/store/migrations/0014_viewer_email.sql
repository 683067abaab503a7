-- The verified address by which people are named outside of sign-in: owners of contents, users of API keys.
-- Another engine has no rows as old, and leaves the UPDATE out.
ALTER TABLE viewer ADD COLUMN email TEXT;
CREATE INDEX viewer_by_email ON viewer (identified_by, email);
UPDATE viewer SET email = lower(json_extract(identity, '$.email'))
WHERE identity IS NOT NULL AND json_extract(identity, '$.email_verified') = 1;

-- Whose account the viewer's grant was of before they consented as another one.
ALTER TABLE credentials ADD COLUMN former_account TEXT;

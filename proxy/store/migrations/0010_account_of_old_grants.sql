-- Grants from before 0005 say whose they are in `account` only: without this, another one's end could end them too.
-- Another engine has no rows as old, and leaves this out.
UPDATE credentials SET account_subject = json_extract(account, '$.subject')
WHERE account_subject IS NULL AND account IS NOT NULL;

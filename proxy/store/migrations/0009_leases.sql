-- What a dead process left is found without reading every row.
CREATE INDEX credentials_leased ON credentials (guid) WHERE lease_owner IS NOT NULL;

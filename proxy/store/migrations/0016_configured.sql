-- What the configuration said at the last start, so that the next one can tell what is another. `settings` is JSON: for each
-- setting a keyed hash of its value, which tells whether it changed and nothing else.
CREATE TABLE configured (
    guid TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    settings TEXT NOT NULL
);

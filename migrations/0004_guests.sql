-- Guests: what virtual machines hold beside what containers do, and the keys people log in with.

ALTER TABLE instances ADD COLUMN iso TEXT;
-- Address, host key, machine, stages: JSON, see GuestFacts.
ALTER TABLE instances ADD COLUMN guest TEXT NOT NULL DEFAULT '{}';

CREATE TABLE ssh_keys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    added_at    INTEGER NOT NULL,
    UNIQUE (guild_id, user_id, name),
    UNIQUE (guild_id, user_id, fingerprint)
) STRICT;

-- What guests start from, as this installation brought it into a host's pool: only these are
-- ever taken away again.
CREATE TABLE lab_volumes (
    host    TEXT NOT NULL,
    name    TEXT NOT NULL,
    -- Of the catalogue's file it was made from.
    place   TEXT NOT NULL,
    sha512  TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (host, name)
) STRICT, WITHOUT ROWID;

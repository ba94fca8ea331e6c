-- Recordings of talks: what the speaker agreed to, where they are, when they go, who may watch.

CREATE TABLE recording_consents (
    session_id  INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    guild_id    INTEGER NOT NULL,
    -- Who was asked; another speaker is asked anew.
    speaker_id  INTEGER,
    -- Both empty until there is an answer.
    answered_at INTEGER,
    recorded    INTEGER,
    days        INTEGER,
    slides      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE recordings (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    session_id  INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    -- Where its post stands: whoever can read that may watch.
    channel_id  INTEGER NOT NULL,
    source      TEXT NOT NULL CHECK (source IN ('link', 'upload', 'folder')),
    url         TEXT,
    -- Below the folder of recordings; the bot was given it to keep.
    path        TEXT,
    file_name   TEXT NOT NULL DEFAULT '',
    media_type  TEXT NOT NULL DEFAULT '',
    size_bytes  INTEGER NOT NULL DEFAULT 0,
    title       TEXT NOT NULL,
    duration    INTEGER,
    starts_at   INTEGER NOT NULL,
    shift       INTEGER NOT NULL DEFAULT 0,
    added_by    INTEGER,
    added_at    INTEGER NOT NULL,
    -- When it goes, by the calendar and by the time counted since; both empty: it stays.
    due_at      INTEGER,
    due_counted INTEGER,
    reminded_at INTEGER,
    gone_at     INTEGER,
    gone_why    TEXT CHECK (gone_why IN ('expired', 'removed', 'withdrawn')),
    -- When our file was deleted; until then it is tried again.
    deleted_at  INTEGER
) STRICT;
CREATE INDEX recordings_by_session ON recordings (session_id);
CREATE INDEX recordings_by_guild ON recordings (guild_id, id);
CREATE INDEX recordings_alive ON recordings (due_at) WHERE gone_at IS NULL;
CREATE UNIQUE INDEX recordings_by_path ON recordings (path) WHERE deleted_at IS NULL;

-- Staff would keep a recording longer than the speaker agreed to: the speaker is asked.
CREATE TABLE recording_requests (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    recording_id INTEGER NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    guild_id     INTEGER NOT NULL,
    -- How many more days; empty: for good.
    days         INTEGER,
    asked_by     INTEGER,
    asked_at     INTEGER NOT NULL,
    answered_at  INTEGER,
    granted      INTEGER
) STRICT;
CREATE INDEX recording_requests_by_recording ON recording_requests (recording_id);

-- Each address that was handed to somebody to watch or download with.
CREATE TABLE download_links (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    recording_id INTEGER NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    guild_id     INTEGER NOT NULL,
    user_id      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;
CREATE INDEX download_links_by_person ON download_links (recording_id, user_id, id);
CREATE INDEX download_links_by_end ON download_links (expires_at);

-- How much time has surely passed, and what the clocks said at the last look: one row.
CREATE TABLE counted_time (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    counted        INTEGER NOT NULL,
    wall           INTEGER NOT NULL,
    boot           TEXT NOT NULL,
    since_boot     INTEGER NOT NULL,
    settling_since INTEGER,
    counted_before INTEGER NOT NULL,
    wall_before    INTEGER NOT NULL,
    ahead          INTEGER NOT NULL,
    ahead_since    INTEGER
) STRICT;

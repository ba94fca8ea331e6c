-- Lecture notes: the note-taker's text, the messages that show it, and what is searched.

-- A text channel or forum where notes go; without one they go to the talk's own channel.
ALTER TABLE guilds ADD COLUMN notes_channel_id INTEGER;

CREATE TABLE notes (
    session_id  INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    guild_id    INTEGER NOT NULL,
    -- As it was written; posts are rendered from it.
    source      TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    place       TEXT NOT NULL CHECK (place IN ('channel', 'thread', 'forum')),
    -- The channel, or the one in which a thread is opened for them.
    place_id    INTEGER NOT NULL,
    -- Whose permissions say who may read them.
    readable_id INTEGER NOT NULL,
    -- Where the messages stand, once there is such a place.
    channel_id  INTEGER,
    -- The last event of the timeline that the messages show.
    shown_event INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE note_revisions (
    session_id INTEGER NOT NULL REFERENCES notes (session_id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    by_id      INTEGER,
    origin     TEXT NOT NULL CHECK (origin IN ('file', 'url', 'text', 'watch')),
    parts      INTEGER NOT NULL DEFAULT 0,
    changed    INTEGER NOT NULL DEFAULT 0,
    -- Empty until all its messages stand.
    posted_at  INTEGER,
    PRIMARY KEY (session_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX note_revisions_by_person ON note_revisions (by_id) WHERE by_id IS NOT NULL;

-- One message of a set, in the order of ids: first the head, then the parts. Without a
-- message it is being sent. Ids are never used twice: they are the nonces.
CREATE TABLE note_messages (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id INTEGER NOT NULL REFERENCES notes (session_id) ON DELETE CASCADE,
    channel_id INTEGER NOT NULL,
    message_id INTEGER,
    digest     TEXT NOT NULL,
    begun_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX note_messages_by_session ON note_messages (session_id, id);

-- What stands under one heading in one message. Ids are the rows of the index.
CREATE TABLE note_passages (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id   INTEGER NOT NULL,
    session_id INTEGER NOT NULL REFERENCES notes (session_id) ON DELETE CASCADE,
    channel_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    path       TEXT NOT NULL,
    plain      TEXT NOT NULL
) STRICT;
CREATE INDEX note_passages_by_session ON note_passages (session_id);

CREATE VIRTUAL TABLE notes_index USING fts5 (text, prefix = '4');

-- Addresses that are read again while a session goes on.
CREATE TABLE note_watches (
    session_id INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    guild_id   INTEGER NOT NULL,
    url        TEXT NOT NULL,
    by_id      INTEGER,
    etag       TEXT,
    modified   TEXT,
    digest     TEXT NOT NULL DEFAULT '',
    failures   INTEGER NOT NULL DEFAULT 0,
    due_at     INTEGER NOT NULL
) STRICT;

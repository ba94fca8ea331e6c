-- The rooms that everything later stands in: the installation, guilds, sessions, questions
-- and the timeline. Times are microseconds since 1970 (UTC); ids of Discord's are integers.

CREATE TABLE installation (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE guilds (
    guild_id           INTEGER PRIMARY KEY,
    staff_channel_id   INTEGER,
    speaker_role_id    INTEGER,
    moderator_role_id  INTEGER,
    note_taker_role_id INTEGER,
    lab_role_id        INTEGER,
    locale             TEXT,
    time_zone          TEXT,
    -- Choices that override the installation's defaults, by setting name.
    choices            TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Display names as last seen. They stand here alone, so that erasing them erases them.
CREATE TABLE people (
    guild_id    INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    -- Timed out, kicked or banned until then: open questions are hidden.
    muted_until INTEGER,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id           INTEGER NOT NULL,
    channel_id         INTEGER NOT NULL,
    title              TEXT NOT NULL,
    speaker_id         INTEGER,
    started_by         INTEGER,
    slides_url         TEXT,
    moderated          INTEGER NOT NULL DEFAULT 0,
    started_at         INTEGER NOT NULL,
    ended_at           INTEGER,
    late_until         INTEGER,
    follow_up_id       INTEGER,
    scheduled_event_id INTEGER,
    active_at          INTEGER NOT NULL,
    asked_at           INTEGER,
    next_number        INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE UNIQUE INDEX sessions_one_open ON sessions (channel_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_guild ON sessions (guild_id, started_at);
CREATE INDEX sessions_by_follow_up ON sessions (follow_up_id) WHERE follow_up_id IS NOT NULL;

-- How far a channel has been read: after a pause, history is read from there.
CREATE TABLE channel_marks (
    channel_id INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    message_id INTEGER NOT NULL
) STRICT;

CREATE TABLE questions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    session_id  INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'open', 'current', 'answered', 'missed',
                                               'skipped', 'merged', 'withdrawn')),
    body        TEXT NOT NULL,
    author_id   INTEGER,
    anonymous   INTEGER NOT NULL DEFAULT 0,
    source      TEXT NOT NULL CHECK (source IN ('message', 'staff', 'ask')),
    channel_id  INTEGER NOT NULL,
    message_id  INTEGER,
    ordinal     INTEGER NOT NULL DEFAULT 0,
    asked_at    INTEGER NOT NULL,
    taken_at    INTEGER,
    closed_at   INTEGER,
    joke        INTEGER NOT NULL DEFAULT 0,
    late        INTEGER NOT NULL DEFAULT 0,
    rank        INTEGER,
    merged_into INTEGER REFERENCES questions (id) ON DELETE SET NULL,
    votes       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (session_id, number)
) STRICT;

CREATE INDEX questions_by_message ON questions (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX questions_by_state ON questions (session_id, state, votes DESC, number);
CREATE INDEX questions_by_author ON questions (guild_id, author_id) WHERE author_id IS NOT NULL;
CREATE UNIQUE INDEX questions_one_current ON questions (session_id) WHERE state = 'current';

-- What a question said before it was edited.
CREATE TABLE question_revisions (
    question_id INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    until_at    INTEGER NOT NULL,
    body        TEXT NOT NULL
) STRICT;
CREATE INDEX question_revisions_by_question ON question_revisions (question_id);

CREATE TABLE question_attachments (
    question_id INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    filename    TEXT NOT NULL
) STRICT;
CREATE INDEX question_attachments_by_question ON question_attachments (question_id);

-- A person may have tapped more than one thing; it is one vote all the same.
CREATE TABLE votes (
    question_id INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    user_id     INTEGER NOT NULL,
    via         TEXT NOT NULL,
    PRIMARY KEY (question_id, user_id, via)
) STRICT, WITHOUT ROWID;
CREATE INDEX votes_by_user ON votes (user_id);

CREATE TABLE answers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    question_id INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    author_id   INTEGER,
    body        TEXT NOT NULL,
    supplement  INTEGER NOT NULL,
    message_id  INTEGER,
    answered_at INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE INDEX answers_by_question ON answers (question_id);
CREATE INDEX answers_by_message ON answers (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX answers_by_author ON answers (guild_id, author_id) WHERE author_id IS NOT NULL;

-- Bigrams of a question and its answers: trigrams and words find nothing in short Japanese.
-- The prefix index finds a single character: the first half of every bigram it begins.
CREATE VIRTUAL TABLE question_index USING fts5 (text, prefix = '4');

CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id   INTEGER NOT NULL,
    session_id INTEGER,
    channel_id INTEGER,
    kind       TEXT NOT NULL,
    actor_id   INTEGER,
    at         INTEGER NOT NULL,
    -- Ids and states only, never a person's words.
    data       TEXT NOT NULL DEFAULT '{}',
    undone_by  INTEGER REFERENCES events (id)
) STRICT;
CREATE INDEX events_by_session ON events (session_id, id);
CREATE INDEX events_by_actor ON events (guild_id, actor_id) WHERE actor_id IS NOT NULL;

CREATE TABLE cursors (
    name     TEXT PRIMARY KEY,
    event_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What an event still has to bring about outside, one row for each consumer of it.
CREATE TABLE deliveries (
    event_id INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    consumer TEXT NOT NULL,
    lane     INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed')),
    tried_at INTEGER,
    result   INTEGER,
    error    TEXT,
    PRIMARY KEY (event_id, consumer)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_pending ON deliveries (consumer, event_id) WHERE state = 'pending';

CREATE TABLE live_messages (
    kind       TEXT NOT NULL,
    key        INTEGER NOT NULL,
    guild_id   INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    message_id INTEGER,
    posted_at  INTEGER,
    digest     TEXT,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- Files the bot posted: when a person has themselves erased, these are made anew.
CREATE TABLE posted_exports (
    message_id INTEGER PRIMARY KEY,
    guild_id   INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    format     TEXT NOT NULL,
    jokes      INTEGER NOT NULL,
    locale     TEXT NOT NULL,
    -- The erasing (its event) after which the file must still be made anew; 0: none.
    stale      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX posted_exports_by_session ON posted_exports (session_id);

-- Who looked behind an anonymous question, and the reason they gave for it.
CREATE TABLE reveals (
    question_id INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    by_id       INTEGER,
    reason      TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX reveals_by_question ON reveals (question_id);

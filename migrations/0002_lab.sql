-- The lab: what people started on the community's machines, and what it holds there.

CREATE TABLE instances (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id      INTEGER NOT NULL,
    session_id    INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    channel_id    INTEGER NOT NULL,
    owner_id      INTEGER,
    role          TEXT NOT NULL CHECK (role IN ('attendee', 'speaker', 'moderator')),
    kind          TEXT NOT NULL CHECK (kind IN ('container', 'guest')),
    -- Empty while it waits for a host.
    host          TEXT NOT NULL DEFAULT '',
    name          TEXT NOT NULL,
    template      TEXT,
    image         TEXT NOT NULL,
    digest        TEXT,
    command       TEXT NOT NULL DEFAULT '[]',
    environment   TEXT NOT NULL DEFAULT '{}',
    ports         TEXT NOT NULL DEFAULT '[]',
    cpus          REAL NOT NULL,
    memory_bytes  INTEGER NOT NULL,
    disk_bytes    INTEGER NOT NULL,
    processes     INTEGER NOT NULL,
    outward       INTEGER NOT NULL,
    public        INTEGER NOT NULL,
    lifetime      INTEGER,
    state         TEXT NOT NULL CHECK (state IN ('queued', 'launching', 'running', 'stopped', 'frozen',
                                                 'removing', 'removed', 'failed', 'lost')),
    stage         TEXT NOT NULL,
    engine_id     TEXT,
    process_id    INTEGER,
    requested_at  INTEGER NOT NULL,
    started_at    INTEGER,
    ready_at      INTEGER,
    -- None: until the session's end.
    deadline      INTEGER,
    extensions    INTEGER NOT NULL DEFAULT 0,
    warned_at     INTEGER,
    frozen_by     TEXT,
    exit_code     INTEGER,
    out_of_memory INTEGER NOT NULL DEFAULT 0,
    ended_at      INTEGER,
    reason        TEXT
) STRICT;

CREATE UNIQUE INDEX instances_one_name ON instances (guild_id, name) WHERE ended_at IS NULL;
CREATE INDEX instances_alive ON instances (host, state) WHERE ended_at IS NULL;
CREATE INDEX instances_by_session ON instances (session_id);
CREATE INDEX instances_by_owner ON instances (guild_id, owner_id) WHERE owner_id IS NOT NULL;

-- A port of a host belongs to one instance until that has ended.
CREATE TABLE instance_ports (
    host        TEXT NOT NULL,
    port        INTEGER NOT NULL,
    protocol    TEXT NOT NULL,
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    PRIMARY KEY (host, port, protocol)
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_ports_by_instance ON instance_ports (instance_id);

-- A small network of its own for each owner in each session: `place` counts subnets of the host's.
CREATE TABLE lab_networks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    host       TEXT NOT NULL,
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    owner_id   INTEGER NOT NULL,
    outward    INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    UNIQUE (host, session_id, owner_id, outward),
    UNIQUE (host, place)
) STRICT;

-- When a host answered last: while it (or the bot) is away, leases stand still.
CREATE TABLE lab_hosts (
    name    TEXT PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lab_closings (
    guild_id INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    by_id    INTEGER
) STRICT;

CREATE TABLE lab_bans (
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    by_id    INTEGER,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

-- Images this installation pulled: only these are ever removed again.
CREATE TABLE lab_images (
    host      TEXT NOT NULL,
    reference TEXT NOT NULL,
    used_at   INTEGER NOT NULL,
    PRIMARY KEY (host, reference)
) STRICT, WITHOUT ROWID;

-- /lab audit reads a guild's latest events of the lab.
CREATE INDEX events_of_lab ON events (guild_id, id) WHERE kind GLOB 'lab.*';

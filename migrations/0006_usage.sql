-- Usage: what instances and hosts used, span by span, and summed up.

-- Whose figures: an instance's or a host's.
CREATE TABLE usage_subjects (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER UNIQUE REFERENCES instances (id) ON DELETE CASCADE,
    host        TEXT UNIQUE,
    CHECK ((instance_id IS NULL) <> (host IS NULL))
) STRICT;

-- Spans of ten seconds while a session lasts, and of a minute for thirty days. What has three
-- columns is kept as least, mean and most, the rest as mean. Absent: the platform didn't tell.
CREATE TABLE usage_rows (
    subject_id INTEGER NOT NULL REFERENCES usage_subjects (id) ON DELETE CASCADE,
    -- How long a span is, in seconds.
    span       INTEGER NOT NULL CHECK (span IN (10, 60)),
    -- Its beginning, in seconds since 1970, and how many seconds of it were observed.
    at         INTEGER NOT NULL,
    seconds    REAL NOT NULL,
    cpus_least REAL,
    cpus REAL,
    cpus_most REAL,
    memory_bytes_least REAL,
    memory_bytes REAL,
    memory_bytes_most REAL,
    disk_read_bytes_per_s_least REAL,
    disk_read_bytes_per_s REAL,
    disk_read_bytes_per_s_most REAL,
    disk_written_bytes_per_s_least REAL,
    disk_written_bytes_per_s REAL,
    disk_written_bytes_per_s_most REAL,
    network_received_bytes_per_s_least REAL,
    network_received_bytes_per_s REAL,
    network_received_bytes_per_s_most REAL,
    network_sent_bytes_per_s_least REAL,
    network_sent_bytes_per_s REAL,
    network_sent_bytes_per_s_most REAL,
    throttled_share REAL,
    cache_bytes REAL,
    memory_limit_bytes REAL,
    disk_reads_per_s REAL,
    disk_writes_per_s REAL,
    network_received_packets_per_s REAL,
    network_sent_packets_per_s REAL,
    processes REAL,
    PRIMARY KEY (subject_id, span, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_rows_by_time ON usage_rows (span, at);

-- All that was used since the start. `last` holds the last reading's counters, so that a bot
-- that was away goes on from there.
CREATE TABLE usage_totals (
    subject_id          INTEGER PRIMARY KEY REFERENCES usage_subjects (id) ON DELETE CASCADE,
    host                TEXT NOT NULL,
    first_at            INTEGER NOT NULL,
    last_at             INTEGER NOT NULL,
    observed_seconds    REAL NOT NULL,
    cpu_seconds REAL,
    cpu_throttled_seconds REAL,
    disk_read_bytes REAL,
    disk_written_bytes REAL,
    disk_read_operations REAL,
    disk_write_operations REAL,
    network_received_bytes REAL,
    network_sent_bytes REAL,
    network_received_packets REAL,
    network_sent_packets REAL,
    memory_byte_seconds REAL NOT NULL,
    memory_seconds      REAL NOT NULL,
    disk_is_partial     INTEGER NOT NULL,
    peaks               TEXT NOT NULL,
    last                TEXT NOT NULL
) STRICT;

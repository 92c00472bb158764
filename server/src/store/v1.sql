-- Times are milliseconds since the epoch, days are days since it; digests and random ids are blobs.

CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    made INTEGER NOT NULL
) WITHOUT ROWID;

-- The repository's metadata, byte by byte as they are served, and the targets that they list or once listed.
CREATE TABLE metadata (
    name TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) WITHOUT ROWID;

-- What a device would trust after this publication: against it the next one is checked.
CREATE TABLE trusted (
    name TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE targets (
    address TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    length INTEGER NOT NULL,
    custom TEXT,
    listed INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE publications (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    publisher TEXT NOT NULL
);

CREATE TABLE baselines (
    model BLOB PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- Summaries: ids that were counted, what they add up to, and those which no segment holds yet.
CREATE TABLE seen (
    id BLOB PRIMARY KEY,
    day INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_by_day ON seen (day);

CREATE TABLE counts (
    model BLOB NOT NULL,
    day INTEGER NOT NULL,
    cohort TEXT NOT NULL,
    epsilon REAL NOT NULL,
    metric TEXT NOT NULL,
    bin INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (model, day, cohort, epsilon, metric, bin)
) WITHOUT ROWID;
CREATE INDEX counts_by_day ON counts (day);

-- How many devices each cohort had.
CREATE TABLE cohorts (
    model BLOB NOT NULL,
    day INTEGER NOT NULL,
    cohort TEXT NOT NULL,
    epsilon REAL NOT NULL,
    devices INTEGER NOT NULL,
    PRIMARY KEY (model, day, cohort, epsilon)
) WITHOUT ROWID;

CREATE TABLE pending (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    made INTEGER NOT NULL,
    durable INTEGER NOT NULL
) WITHOUT ROWID;

-- Days whose counts have changed since drift was looked for.
CREATE TABLE changed (
    model BLOB NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (model, day)
) WITHOUT ROWID;

CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    raised INTEGER NOT NULL,
    model BLOB NOT NULL,
    day INTEGER NOT NULL,
    cohort TEXT NOT NULL,
    metric TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (model, day, cohort, metric)
);

-- Answers by the id of their question.
CREATE TABLE replays (
    id BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX replays_by_time ON replays (at);

-- What waits for people. The payload is there by consent only, and apart, so that it can go before the rest.
CREATE TABLE reviews (
    id BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    cloud TEXT NOT NULL,
    model BLOB,
    reason TEXT NOT NULL,
    predicted TEXT NOT NULL,
    probability REAL NOT NULL,
    state TEXT NOT NULL,
    label TEXT
) WITHOUT ROWID;
CREATE INDEX reviews_by_state ON reviews (state, at);

CREATE TABLE payloads (
    review BLOB PRIMARY KEY REFERENCES reviews (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    shape TEXT NOT NULL,
    bytes BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE verdicts (
    review BLOB NOT NULL REFERENCES reviews (id) ON DELETE CASCADE,
    reviewer TEXT NOT NULL,
    verdict TEXT NOT NULL,
    label TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (review, reviewer)
) WITHOUT ROWID;

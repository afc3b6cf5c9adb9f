-- +goose Up

-- Times are milliseconds since 1970, UTC. INTEGER here is BIGINT elsewhere. AUTOINCREMENT (GENERATED ALWAYS AS IDENTITY
-- elsewhere) stands where a number must not come back after its row is gone: an old cookie names a login.

CREATE TABLE workspace (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- value is the newest change number, pruned the newest one that changes no longer holds.
CREATE TABLE counter (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    value  INTEGER NOT NULL,
    pruned INTEGER NOT NULL
) STRICT;
INSERT INTO counter (one, value, pruned) VALUES (1, 0, 0);

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    groups     TEXT    NOT NULL, -- a JSON array
    active     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;

-- idle is in milliseconds, 0 for no limit.
CREATE TABLE logins (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    sid        TEXT    NOT NULL,
    tokens     BLOB,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    idle       INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX logins_user ON logins (user_id);
CREATE INDEX logins_expires ON logins (expires_at);
CREATE INDEX logins_ended ON logins (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE attempts (
    state       TEXT    PRIMARY KEY,
    browser     TEXT    NOT NULL,
    nonce       TEXT    NOT NULL,
    verifier    TEXT    NOT NULL,
    return_path TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_expires ON attempts (expires_at);

CREATE TABLE sessions (
    token      TEXT    PRIMARY KEY,
    data       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_expires ON sessions (expires_at);

-- slug_key is the slug with its case folded, by the program: databases disagree about letters beyond ASCII.
CREATE TABLE rooms (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    slug       TEXT    NOT NULL,
    slug_key   TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    topic      TEXT    NOT NULL,
    visibility TEXT    NOT NULL CHECK (visibility IN ('open', 'private')),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    role    TEXT    NOT NULL CHECK (role IN ('member', 'moderator')),
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- id is the change number that created the message. posted is a fingerprint of the words first posted, by which a
-- repeated post is told from another one with the same nonce.
CREATE TABLE messages (
    id         INTEGER PRIMARY KEY,
    room_id    INTEGER NOT NULL REFERENCES rooms (id),
    author_id  INTEGER NOT NULL REFERENCES users (id),
    nonce      TEXT    NOT NULL,
    posted     BLOB    NOT NULL,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    edited_at  INTEGER,
    deleted_at INTEGER,
    UNIQUE (author_id, nonce)
) STRICT;
CREATE INDEX messages_room ON messages (room_id, id);

CREATE TABLE changes (
    seq        INTEGER PRIMARY KEY,
    room_id    INTEGER NOT NULL REFERENCES rooms (id),
    kind       TEXT    NOT NULL,
    message_id INTEGER REFERENCES messages (id),
    user_id    INTEGER REFERENCES users (id),
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_room ON changes (room_id, seq);

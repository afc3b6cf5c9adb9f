-- +goose Up

-- admin_claim is the claim that makes the person an administrator, empty if none does.
ALTER TABLE users ADD COLUMN admin_by_hand INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN admin_claim   TEXT    NOT NULL DEFAULT '';

-- recheck_at is when the provider is to be asked again, lease_until how long one process has the right to. cause is why
-- the login ended.
ALTER TABLE logins ADD COLUMN auth_at     INTEGER;
ALTER TABLE logins ADD COLUMN acr         TEXT    NOT NULL DEFAULT '';
ALTER TABLE logins ADD COLUMN recheck_at  INTEGER;
ALTER TABLE logins ADD COLUMN lease_until INTEGER;
ALTER TABLE logins ADD COLUMN cause       TEXT    NOT NULL DEFAULT '';
-- When a login ends by itself. The difference comes before the sum: it can't run over.
CREATE INDEX logins_due ON logins (
    (CASE WHEN idle > 0 AND idle < expires_at - seen_at THEN seen_at + idle ELSE expires_at END)
) WHERE ended_at IS NULL;
-- A provider may call its sessions by longer names than an index takes.
CREATE INDEX logins_sid ON logins (substr(sid, 1, 100)) WHERE ended_at IS NULL;

-- max_age is in milliseconds, 0 for any.
ALTER TABLE attempts ADD COLUMN max_age   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN acr       TEXT    NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN rehearsal TEXT    NOT NULL DEFAULT '';

ALTER TABLE rooms ADD COLUMN max_age INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN acr     TEXT    NOT NULL DEFAULT '';

-- memberships are those given by hand, by whom and when if that is known.
ALTER TABLE memberships ADD COLUMN given_by INTEGER;
ALTER TABLE memberships ADD COLUMN given_at INTEGER;
CREATE INDEX memberships_user ON memberships (user_id);

-- grants are those that claims give.
CREATE TABLE grants (
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    role    TEXT    NOT NULL CHECK (role IN ('member', 'moderator')),
    claim   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_user ON grants (user_id);

-- token is a hash of what tells a logout token from all others, session one of the provider's session that it ended; empty
-- if it named none.
CREATE TABLE logout_tokens (
    token      TEXT    PRIMARY KEY,
    session    TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX logout_tokens_session ON logout_tokens (session);
CREATE INDEX logout_tokens_expires ON logout_tokens (expires_at);

-- outcome is empty as long as there is none.
CREATE TABLE rehearsals (
    ticket     TEXT    PRIMARY KEY,
    outcome    TEXT,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX rehearsals_expires ON rehearsals (expires_at);

-- The audit log stands by itself: what it tells of may be gone. Numbers are 0 for none.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    actor_id     INTEGER NOT NULL,
    actor_name   TEXT    NOT NULL,
    subject_id   INTEGER NOT NULL,
    subject_name TEXT    NOT NULL,
    room_id      INTEGER NOT NULL,
    place        TEXT    NOT NULL,
    message_id   INTEGER NOT NULL,
    login_id     INTEGER NOT NULL,
    address      TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    claim        TEXT    NOT NULL,
    before       TEXT    NOT NULL,
    hash         TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_kind ON audit (kind, id);
CREATE INDEX audit_actor ON audit (actor_id, id);
CREATE INDEX audit_subject ON audit (subject_id, id);
CREATE INDEX audit_room ON audit (room_id, id);
CREATE INDEX audit_at ON audit (at);

-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_keeps BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd

-- Replacing a row deletes the old one without asking the trigger above.
-- +goose StatementBegin
CREATE TRIGGER audit_adds BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
-- +goose StatementEnd

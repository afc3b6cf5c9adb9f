-- +goose Up

-- beat counts up as long as the node is up.
CREATE TABLE nodes (
    node TEXT    PRIMARY KEY,
    beat INTEGER NOT NULL
) STRICT;

-- beat is the one in which it was said.
CREATE TABLE news (
    node  TEXT    NOT NULL REFERENCES nodes (node) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    beat  INTEGER NOT NULL,
    PRIMARY KEY (node, key)
) STRICT, WITHOUT ROWID;

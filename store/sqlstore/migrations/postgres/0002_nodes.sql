-- +goose Up

-- Each process that writes signs its batches here, where several may: so it finds out what became of one whose commit was
-- not answered.
CREATE TABLE writers (
    writer TEXT    PRIMARY KEY,
    batch  BIGINT  NOT NULL,
    at     BIGINT  NOT NULL
);

-- beat counts up as long as the node is up.
CREATE TABLE nodes (
    node TEXT    PRIMARY KEY,
    beat BIGINT  NOT NULL
);

-- beat is the one in which it was said.
CREATE TABLE news (
    node  TEXT    NOT NULL REFERENCES nodes (node) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    beat  BIGINT  NOT NULL,
    PRIMARY KEY (node, key)
);

"""The tables of library.db, version by version, as SQL text.

No connection and no query here: those are blocklists.library's, which runs each script once and in its order.
"""

from __future__ import annotations

from collections.abc import Iterator

LISTS_1 = """
CREATE TABLE lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, position INTEGER, created TEXT);
CREATE TABLE versions (
    id INTEGER PRIMARY KEY, list_id INTEGER NOT NULL REFERENCES lists (id), number INTEGER,
    state TEXT NOT NULL CHECK (state IN ('held', 'live', 'old')), mode TEXT, campaign TEXT, kind TEXT, format TEXT,
    format_reason TEXT, file TEXT, digest TEXT, guard TEXT, actor TEXT, created TEXT, live_since TEXT,
    lines INTEGER, names INTEGER, addresses INTEGER, duplicates INTEGER, bad INTEGER, refused INTEGER, rows INTEGER,
    UNIQUE (list_id, number));
CREATE UNIQUE INDEX one_live_version ON versions (list_id) WHERE state = 'live';
CREATE TABLE labels (
    id INTEGER PRIMARY KEY, kind TEXT, family TEXT, letter TEXT, source TEXT, listed TEXT,
    UNIQUE (kind, family, letter, source, listed));
CREATE TABLE names (
    version INTEGER, name TEXT, subdomains INTEGER, line INTEGER, label INTEGER,
    PRIMARY KEY (version, name)) WITHOUT ROWID;
CREATE TABLE addresses (
    version INTEGER, network TEXT, port INTEGER, line INTEGER, label INTEGER,
    PRIMARY KEY (version, network, port)) WITHOUT ROWID;
CREATE TABLE notes (version INTEGER, line INTEGER, note TEXT, PRIMARY KEY (version, line)) WITHOUT ROWID;
CREATE TABLE rejected (version INTEGER, what TEXT, line INTEGER, text TEXT, reason TEXT);
CREATE INDEX rejected_of_version ON rejected (version, what, line);
CREATE INDEX rejected_text ON rejected (text);
CREATE TABLE segments (version INTEGER PRIMARY KEY, guard TEXT, file TEXT, digest TEXT, names INTEGER);
CREATE TABLE audit (id INTEGER PRIMARY KEY, time TEXT, actor TEXT, action TEXT, object TEXT, detail TEXT);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER);
"""

# What lists ask to be done stands in the labels, few of which serve millions of names: the table of names stays as it
# is, to its last octet. A name listed only with what is below it stands there as `*.name`, so that it and the name
# alone may be two rows. Labels and addresses are few enough to be written anew, which their keys need.
RULES_2 = """
ALTER TABLE versions ADD COLUMN address_mode TEXT NOT NULL DEFAULT 'monitor';
ALTER TABLE versions ADD COLUMN zone TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN passthru INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN unsupported INTEGER NOT NULL DEFAULT 0;
CREATE TABLE labels_2 (
    id INTEGER PRIMARY KEY, kind TEXT, family TEXT, letter TEXT, source TEXT, listed TEXT,
    action TEXT NOT NULL, target TEXT NOT NULL, data TEXT NOT NULL,
    UNIQUE (kind, family, letter, source, listed, action, target, data));
INSERT INTO labels_2 SELECT id, kind, family, letter, source, listed, '', '', '' FROM labels;
DROP TABLE labels;
ALTER TABLE labels_2 RENAME TO labels;
CREATE TABLE addresses_2 (
    version INTEGER, network TEXT, client INTEGER NOT NULL, port INTEGER, line INTEGER, label INTEGER,
    PRIMARY KEY (version, network, client, port)) WITHOUT ROWID;
INSERT INTO addresses_2 SELECT version, network, 0, port, line, label FROM addresses;
DROP TABLE addresses;
ALTER TABLE addresses_2 RENAME TO addresses;
ALTER TABLE segments ADD COLUMN addresses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segments ADD COLUMN format TEXT NOT NULL DEFAULT '';
"""

# Rows that wait for a person, or waited: a name or network with all that its row would have in `names` or `addresses`,
# where it stands only once it is approved. `since` is the version of a decision that came along from there, else 0.
HOLDS_3 = """
ALTER TABLE versions ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
CREATE TABLE held_rows (
    version INTEGER, text TEXT, port INTEGER NOT NULL, address INTEGER NOT NULL,
    subdomains INTEGER NOT NULL, line INTEGER, label INTEGER, rule TEXT NOT NULL, reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused')), since INTEGER NOT NULL,
    actor TEXT NOT NULL, decided TEXT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (version, text, port)) WITHOUT ROWID;
"""


def statements(script: str) -> Iterator[str]:
    """Single statements of a script here. `executescript` would commit the migration's transaction before the first."""
    return (one for one in script.split(";\n") if one.strip())

-- People of the staff pages, their logins under way, and the audit of everything people change.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,    -- lower case
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,    -- argon2id, with its parameters
    must_change INTEGER NOT NULL DEFAULT 1,    -- 1: the password was given, not chosen
    disabled INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,    -- UTC second, as all times here
    last_login INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,    -- failed logins in a row
    locked_until INTEGER NOT NULL DEFAULT 0,
    language TEXT NOT NULL DEFAULT ''    -- '' = that of the settings
) STRICT;

-- One login under way. The browser holds the token; we keep only its SHA-256.
CREATE TABLE sessions (
    token BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    started INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_account ON sessions (account);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,    -- UTC second
    actor TEXT NOT NULL,    -- account name, `os:NAME` of a command, '' when nobody is known
    action TEXT NOT NULL,    -- `login.failed`, `account.disable`
    object TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '{}',    -- JSON
    address TEXT NOT NULL DEFAULT ''    -- of the client, '' for commands
) STRICT;
CREATE INDEX audit_time ON audit (time);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

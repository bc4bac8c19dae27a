"""Accounts of the staff pages and their logins under way, as rows of casework.db.

Passwords, rules and the audit are casework.accounts': here is only what is stored.
"""

from __future__ import annotations

from typing import NamedTuple

from casework.store.engine import Connection, Row, Store


class Account(NamedTuple):
    """One person. Times are UTC seconds. `session` is the digest of the login that found the account, if one did."""

    id: int
    name: str
    role: str
    password_hash: str
    must_change: bool
    disabled: bool
    created: int
    last_login: int | None
    failures: int
    locked_until: int
    language: str
    session: bytes = b""


_COLUMNS = ", ".join(f"accounts.{field}" for field in Account._fields if field != "session")


def all_accounts(store: Store) -> list[Account]:
    """Everyone, by name."""
    return [_account(row) for row in store.connection.execute(f"SELECT {_COLUMNS} FROM accounts ORDER BY name")]  # noqa: S608


def find(connection: Connection, name: str) -> Account | None:
    """The account of that name."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM accounts WHERE name = ?", (name,)).fetchone()  # noqa: S608
    return _account(row) if row else None


def add(transaction: Connection, name: str, role: str, password_hash: str, created: int) -> None:
    """A new account, whose password was given to it. Raises IntegrityError when the name is taken."""
    transaction.execute(
        "INSERT INTO accounts (name, role, password_hash, created) VALUES (?, ?, ?, ?)",
        (name, role, password_hash, created),
    )


def set_password(transaction: Connection, account: int, password_hash: str, *, must_change: bool) -> None:
    """A new password; failures are forgotten."""
    transaction.execute(
        "UPDATE accounts SET password_hash = ?, must_change = ?, failures = 0, locked_until = 0 WHERE id = ?",
        (password_hash, must_change, account),
    )


def set_disabled(transaction: Connection, account: int, *, disabled: bool) -> None:
    """Shut an account, or open it again without its failures."""
    transaction.execute(
        "UPDATE accounts SET disabled = ?, failures = 0, locked_until = 0 WHERE id = ?", (disabled, account)
    )


def set_language(transaction: Connection, account: int, language: str) -> None:
    """The language of this person's pages."""
    transaction.execute("UPDATE accounts SET language = ? WHERE id = ?", (language, account))


def count_failure(transaction: Connection, account: int) -> int:
    """One more failed login; how many they are now."""
    row = transaction.execute(
        "UPDATE accounts SET failures = failures + 1 WHERE id = ? RETURNING failures", (account,)
    ).fetchone()
    return int(row[0])


def lock(transaction: Connection, account: int, until: int) -> None:
    """Take no password of this account before that second."""
    transaction.execute("UPDATE accounts SET locked_until = ? WHERE id = ?", (until, account))


def note_login(transaction: Connection, account: int, time: int) -> None:
    """A login worked: remember when, forget the failures."""
    transaction.execute(
        "UPDATE accounts SET last_login = ?, failures = 0, locked_until = 0 WHERE id = ?", (time, account)
    )


def start_session(transaction: Connection, token: bytes, account: int, started: int, ends: int, address: str) -> None:
    """A login under way. Those that have ended by themselves are cleared away on the occasion."""
    transaction.execute("DELETE FROM sessions WHERE ends <= ?", (started,))
    transaction.execute(
        "INSERT INTO sessions (token, account, started, ends, address) VALUES (?, ?, ?, ?, ?)",
        (token, account, started, ends, address),
    )


def session_account(connection: Connection, token: bytes, now: int) -> Account | None:
    """Whose login this is; None when it has ended."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions JOIN accounts ON accounts.id = sessions.account"  # noqa: S608
        " WHERE sessions.token = ? AND sessions.ends > ? AND NOT accounts.disabled",
        (token, now),
    ).fetchone()
    return _account(row)._replace(session=token) if row else None


def end_session(transaction: Connection, token: bytes) -> None:
    """End one login."""
    transaction.execute("DELETE FROM sessions WHERE token = ?", (token,))


def end_sessions(transaction: Connection, account: int) -> None:
    """End every login of an account."""
    transaction.execute("DELETE FROM sessions WHERE account = ?", (account,))


def _account(row: Row) -> Account:
    return Account(*row)._replace(must_change=bool(row["must_change"]), disabled=bool(row["disabled"]))

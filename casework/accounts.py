"""Accounts of the staff pages: made, logged in, given and choosing passwords, shut; each act audited with its change.

No HTTP, no SQL. What a role may see is said in admin.access.
"""

from __future__ import annotations

import functools
import hashlib
import re
import secrets
import threading
import unicodedata
from typing import Literal, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from casework.store import accounts as rows
from casework.store import audit
from casework.store.accounts import Account
from casework.store.audit import Origin
from casework.store.engine import Connection, IntegrityError, Store

Role = Literal["operator", "security", "auditor", "administrator"]
ROLES: tuple[Role, ...] = ("operator", "security", "auditor", "administrator")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
MIN_PASSWORD = 12
MAX_PASSWORD = 256  # octets of work for a stranger are bounded
FREE_FAILURES = 5  # in a row, before the account slows down
LONGEST_LOCK = 300  # seconds
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads like something else

# OWASP's second choice of parameters and more; two at a time, so that a flood of logins cannot take the memory.
_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_hashing = threading.BoundedSemaphore(2)

PasswordProblem = Literal["wrong", "short", "long", "name", "same"]


class AccountError(Exception):
    """The account cannot be made or changed; the message is for the person who asked."""


class Login(NamedTuple):
    """A login that worked. The token is the browser's; nobody else keeps it."""

    account: Account
    token: str


def create_account(store: Store, name: str, role: str, origin: Origin) -> str:
    """Make an account and return its first password, which is shown once and must be changed at the first login."""
    if not NAME.fullmatch(name):
        raise AccountError(f"a name is 2 to 32 of a-z, 0-9, '.', '_', '-' and starts with a letter or digit: {name!r}")
    if role not in ROLES:
        raise AccountError(f"no role {role!r}; the roles are {', '.join(ROLES)}")
    password = random_password()
    hashed = _hash(password)
    try:
        with store.transaction() as transaction:
            rows.add(transaction, name, role, hashed, origin.time)
            audit.record(transaction, origin, "account.add", name, {"role": role})
    except IntegrityError as error:
        raise AccountError(f"an account {name} exists already") from error
    return password


def reset_password(store: Store, name: str, origin: Origin) -> str:
    """Give a new random password, as at the first login; every login of the account ends."""
    password = random_password()
    hashed = _hash(password)
    with store.transaction() as transaction:
        account = _existing(rows.find(transaction, name), name)
        rows.set_password(transaction, account.id, hashed, must_change=True)
        rows.end_sessions(transaction, account.id)
        audit.record(transaction, origin, "account.reset", name)
    return password


def set_disabled(store: Store, name: str, origin: Origin, *, disabled: bool) -> None:
    """Shut an account, which ends its logins at once, or open it again."""
    with store.transaction() as transaction:
        account = _existing(rows.find(transaction, name), name)
        if account.disabled == disabled:
            raise AccountError(f"{name} is {'disabled' if disabled else 'enabled'} already")
        rows.set_disabled(transaction, account.id, disabled=disabled)
        rows.end_sessions(transaction, account.id)
        audit.record(transaction, origin, "account.disable" if disabled else "account.enable", name)


def log_in(store: Store, name: str, password: str, origin: Origin, seconds: int) -> Login | None:
    """Check a name and password; None says no more than "no". The origin's actor is not known before, so not used."""
    account = rows.find(store.connection, name.strip().lower())
    usable = account is not None and not account.disabled and account.locked_until <= origin.time
    matches = _verify(account.password_hash if account and usable else _nobody(), password)
    origin = origin._replace(actor=account.name if account else "")
    if account is None or not usable or not matches:
        _refuse(store, account, origin, counts=usable)
        return None
    better = _hash(password) if _hasher.check_needs_rehash(account.password_hash) else None
    with store.transaction() as transaction:
        if not _still(rows.find(transaction, account.name), account.password_hash, origin):
            return None
        if better:
            rows.set_password(transaction, account.id, better, must_change=account.must_change)
        rows.note_login(transaction, account.id, origin.time)
        login = _start_session(transaction, account, origin, seconds)
        audit.record(transaction, origin, "login", account.name)
    return login


def log_out(store: Store, token: str, origin: Origin) -> None:
    """End this login."""
    with store.transaction() as transaction:
        rows.end_session(transaction, _digest(token))
        audit.record(transaction, origin, "logout", origin.actor)


def current(store: Store, token: str, now: int) -> Account | None:
    """Whose login the token is; None when it has ended."""
    return rows.session_account(store.connection, _digest(token), now)


def change_password(
    store: Store, account: Account, old: str, new: str, origin: Origin, seconds: int
) -> Login | PasswordProblem:
    """Choose a password of one's own. Every login of the account ends; the caller goes on with a new one.

    `account` is as a login found it. Guesses count and wait as they do at the login: a browser left open is no way
    round. Where the login has ended, or the account was shut, reset or locked, the answer is "wrong" and no more.
    """
    found = rows.session_account(store.connection, account.session, origin.time)
    if found is None:
        return "wrong"
    usable = found.locked_until <= origin.time
    if not _verify(found.password_hash if usable else _nobody(), old) or not usable:
        _refuse(store, found, origin, counts=usable)
        return "wrong"
    problem = password_problem(found.name, old, new)
    if problem:
        return problem
    hashed = _hash(new)
    with store.transaction() as transaction:
        now = rows.session_account(transaction, account.session, origin.time)
        if not _still(now, found.password_hash, origin):
            return "wrong"
        rows.set_password(transaction, found.id, hashed, must_change=False)
        rows.end_sessions(transaction, found.id)
        login = _start_session(transaction, found._replace(password_hash=hashed, must_change=False), origin, seconds)
        audit.record(transaction, origin, "password.change", found.name)
    return login


def choose_language(store: Store, account: Account, language: str) -> None:
    """The person's own choice; nobody else's business, so not audited."""
    with store.transaction() as transaction:
        rows.set_language(transaction, account.id, language)


def password_problem(name: str, old: str, new: str) -> PasswordProblem | None:
    """Why a new password will not do. Length is what counts (NIST SP 800-63B), so no rules on characters."""
    if len(new) < MIN_PASSWORD:
        return "short"
    if len(new) > MAX_PASSWORD:
        return "long"
    if name in new.casefold() and len(new) < len(name) + MIN_PASSWORD:
        return "name"
    return "same" if _octets(new) == _octets(old) else None


def random_password() -> str:
    """Four groups of four, 79 bits: `k7mq-x2vd-9hwa-t4pe`."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _refuse(store: Store, account: Account | None, origin: Origin, *, counts: bool) -> None:
    """Audit a failed login and slow the account down. A name nobody has is not kept: it may be a mistyped password."""
    with store.transaction() as transaction:
        if account is None:
            audit.record(transaction, origin, "login.failed", detail={"why": "unknown name"})
            return
        why = "password" if counts else "disabled" if account.disabled else "locked"
        audit.record(transaction, origin, "login.failed", account.name, {"why": why})
        if counts:
            beyond = rows.count_failure(transaction, account.id) - FREE_FAILURES
            if beyond >= 0:
                rows.lock(transaction, account.id, origin.time + min(LONGEST_LOCK, 5 << min(beyond, 10)))


def _still(now: Account | None, verified: str, origin: Origin) -> bool:
    """Whether a password verified against that hash still counts: hashing takes long, and others act meanwhile."""
    if now is None or now.disabled or now.locked_until > origin.time:
        return False
    return now.password_hash == verified


def _start_session(transaction: Connection, account: Account, origin: Origin, seconds: int) -> Login:
    token = secrets.token_urlsafe(32)
    digest = _digest(token)
    rows.start_session(transaction, digest, account.id, origin.time, origin.time + seconds, origin.address)
    return Login(account._replace(session=digest), token)


def _existing(account: Account | None, name: str) -> Account:
    if account is None:
        raise AccountError(f"no account {name}")
    return account


def _hash(password: str) -> str:
    with _hashing:
        return _hasher.hash(_octets(password))


def _verify(hashed: str, password: str) -> bool:
    with _hashing:
        try:
            return _hasher.verify(hashed, _octets(password[: MAX_PASSWORD + 1]))
        except (Argon2Error, InvalidHashError):
            return False


@functools.cache
def _nobody() -> str:
    """Checked for names that do not exist, so that they take as long as those that do."""
    return _hash(secrets.token_hex())


def _octets(password: str) -> bytes:
    """Keyboards differ in how they compose Vietnamese letters; the password is the same."""
    return unicodedata.normalize("NFC", password).encode()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

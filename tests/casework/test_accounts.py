"""Passwords chosen while others act: what was verified must still hold when it is written.

Accounts in general are tested beside the staff pages (tests/admin).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher

from casework import accounts
from casework.accounts import FREE_FAILURES, Login
from casework.store import accounts as rows
from casework.store import audit
from casework.store.audit import Origin
from casework.store.engine import Store, open_casework

ROOT = Origin("os:root", 1000)
HERE = Origin("an", 1000, "127.0.0.1")
NEW = "mật khẩu của tôi"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts._nobody.cache_clear()
    opened = open_casework(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def given(store) -> str:
    """The password that `an` was given."""
    return accounts.create_account(store, "an", "security", ROOT)


def log_in(store: Store, password: str, at: int = 1000) -> Login | None:
    return accounts.log_in(store, "an", password, Origin("", at, "127.0.0.1"), 3600)


def while_hashing(monkeypatch, act: Callable[[], object]) -> None:
    """Let something happen while the new password is hashed."""
    real = accounts._hash

    def slow(password: str) -> str:
        hashed = real(password)
        if password == NEW:
            monkeypatch.setattr(accounts, "_hash", real)
            act()
        return hashed

    monkeypatch.setattr(accounts, "_hash", slow)


def shut_and_open(store: Store) -> None:
    for disabled in (True, False):
        accounts.set_disabled(store, "an", ROOT, disabled=disabled)


def guess_until_locked(store: Store) -> None:
    for _ in range(FREE_FAILURES):
        log_in(store, "wrong")


MEANWHILE = {
    "reset": lambda store, _: accounts.reset_password(store, "an", ROOT),
    "shut": lambda store, _: accounts.set_disabled(store, "an", ROOT, disabled=True),
    "shut and opened": lambda store, _: shut_and_open(store),
    "logged out": lambda store, login: accounts.log_out(store, login.token, HERE),
    "locked": lambda store, _: guess_until_locked(store),
}


@pytest.mark.parametrize("act", MEANWHILE.values(), ids=MEANWHILE.keys())
@pytest.mark.parametrize("when", ["before", "while hashing"])
def test_an_old_login_undoes_nothing(store, given, monkeypatch, act, when):
    login = log_in(store, given)
    if when == "before":
        act(store, login)
    else:
        while_hashing(monkeypatch, lambda: act(store, login))
    assert accounts.change_password(store, login.account, given, NEW, HERE, 3600) == "wrong"
    (account,) = rows.all_accounts(store)
    assert account.must_change, "nothing was chosen"
    assert not accounts._verify(account.password_hash, NEW)
    assert "password.change" not in {entry.action for entry in audit.latest(store, 99)}


def test_guessing_through_an_open_login_waits_like_guessing_at_the_door(store, given):
    login = log_in(store, given)
    for _ in range(FREE_FAILURES):
        assert accounts.change_password(store, login.account, "wrong", NEW, HERE, 3600) == "wrong"
    (account,) = rows.all_accounts(store)
    assert account.locked_until > 1000
    assert accounts.change_password(store, login.account, given, NEW, HERE, 3600) == "wrong", "right, but too soon"
    assert audit.latest(store, 1)[0].detail == {"why": "locked"}
    later = HERE._replace(time=account.locked_until)
    assert isinstance(accounts.change_password(store, login.account, given, NEW, later, 3600), Login)


def test_a_right_guess_among_many_at_once_waits_too(store, given, monkeypatch):
    """Guesses that run beside each other all see an account that is not locked yet."""
    real = accounts._verify

    def slow(hashed: str, password: str) -> bool:
        matches = real(hashed, password)
        if password == given:
            guess_until_locked(store)
        return matches

    monkeypatch.setattr(accounts, "_verify", slow)
    assert log_in(store, given) is None


def test_a_new_login_may_go_on_and_the_old_one_may_not(store, given):
    login = log_in(store, given)
    done = accounts.change_password(store, login.account, given, NEW, HERE, 3600)
    assert isinstance(done, Login)
    assert accounts.current(store, login.token, 1000) is None
    assert accounts.current(store, done.token, 1000) == done.account._replace(last_login=1000)
    assert isinstance(accounts.change_password(store, done.account, NEW, given, HERE, 3600), Login)

"""Accounts without pages: rules for names and passwords, slow-down, and what is kept of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from casework import accounts
from casework.accounts import AccountError, Login
from casework.store import accounts as rows
from casework.store import audit
from casework.store.audit import Origin
from casework.store.engine import Store, open_casework

ROOT = Origin("os:root", 1000)
NEW = "mật khẩu của tôi"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_casework(tmp_path)
    yield opened
    opened.close()


def log_in(store: Store, name: str, password: str, at: int = 1000) -> Login | None:
    return accounts.log_in(store, name, password, Origin("", at, "127.0.0.1"), 3600)


def test_the_first_password_is_random_and_readable(store: Store) -> None:
    first = accounts.create_account(store, "an", "auditor", ROOT)
    second = accounts.create_account(store, "ba", "auditor", ROOT)
    assert first != second
    assert re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", first)
    login = log_in(store, "an", first)
    assert login is not None
    assert login.account.must_change


@pytest.mark.parametrize("name", ["", "a", "Bình", "a b", "-an", "x" * 33, "a/b", "an\n"])
def test_bad_names(store: Store, name: str) -> None:
    with pytest.raises(AccountError, match="a name is"):
        accounts.create_account(store, name, "auditor", ROOT)
    assert rows.all_accounts(store) == []
    assert audit.count(store) == 0


def test_taken_names_unknown_roles_and_people(store: Store) -> None:
    accounts.create_account(store, "an", "auditor", ROOT)
    with pytest.raises(AccountError, match="exists already"):
        accounts.create_account(store, "an", "operator", ROOT)
    with pytest.raises(AccountError, match="no role 'root'"):
        accounts.create_account(store, "ba", "root", ROOT)
    with pytest.raises(AccountError, match="no account cu"):
        accounts.reset_password(store, "cu", ROOT)
    with pytest.raises(AccountError, match="enabled already"):
        accounts.set_disabled(store, "an", ROOT, disabled=False)
    assert [entry.action for entry in audit.latest(store, 9)] == ["account.add"]


def test_passwords_are_kept_as_argon2id_only(store: Store, tmp_path: Path) -> None:
    first = accounts.create_account(store, "an", "auditor", ROOT)
    login = log_in(store, "an", first)
    assert login is not None
    (account,) = rows.all_accounts(store)
    assert account.password_hash.startswith("$argon2id$")
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    octets = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert first.encode() not in octets
    assert login.token.encode() not in octets


def test_keyboards_may_compose_letters_differently(store: Store) -> None:
    login = log_in(store, "an", accounts.create_account(store, "an", "auditor", ROOT))
    assert login is not None
    first = login.account
    given = accounts.reset_password(store, "an", ROOT)
    login = log_in(store, "an", given)
    assert login is not None
    changed = accounts.change_password(store, login.account, given, unicodedata.normalize("NFC", NEW), ROOT, 60)
    assert isinstance(changed, Login)
    assert log_in(store, "an", unicodedata.normalize("NFD", NEW)) is not None
    assert first.name == "an"


def test_names_are_typed_in_any_case(store: Store) -> None:
    first = accounts.create_account(store, "an", "auditor", ROOT)
    assert log_in(store, "  AN ", first) is not None


def test_unknown_names_cost_a_hash_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []

    class Counting(PasswordHasher):
        def verify(self, hash_: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            hashed.append(hash_)
            return super().verify(hash_, password)

    monkeypatch.setattr(accounts, "_hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    accounts._nobody.cache_clear()
    first = accounts.create_account(store, "an", "auditor", ROOT)
    accounts.create_account(store, "shut", "auditor", ROOT)
    accounts.set_disabled(store, "shut", ROOT, disabled=True)
    for name in ("an", "shut", "nobody"):
        assert log_in(store, name, "x") is None
    assert len(hashed) == 3
    assert log_in(store, "an", first) is not None


def test_the_slow_down_grows_has_an_end_and_is_forgotten(store: Store) -> None:
    first = accounts.create_account(store, "an", "auditor", ROOT)
    now, waits = 2000, []
    for _ in range(14):
        assert log_in(store, "an", "wrong", now) is None
        (account,) = rows.all_accounts(store)
        waits.append(max(0, account.locked_until - now))
        now = max(now, account.locked_until)
    assert waits[: accounts.FREE_FAILURES] == [0, 0, 0, 0, 5]
    assert waits == sorted(waits)
    assert waits[-1] == accounts.LONGEST_LOCK
    assert log_in(store, "an", first, now - 1) is None, "too soon, though right"
    assert rows.all_accounts(store)[0].failures == 14, "a try that was not looked at does not count"
    assert log_in(store, "an", first, now) is not None
    assert rows.all_accounts(store)[0].failures == 0


def test_resetting_ends_the_slow_down(store: Store) -> None:
    accounts.create_account(store, "an", "auditor", ROOT)
    for _ in range(accounts.FREE_FAILURES):
        log_in(store, "an", "wrong")
    given = accounts.reset_password(store, "an", ROOT)
    assert log_in(store, "an", given) is not None


def test_stronger_parameters_reach_old_passwords_at_login(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = accounts.create_account(store, "an", "auditor", ROOT)
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert log_in(store, "an", first) is not None
    assert "m=16,t=2" in rows.all_accounts(store)[0].password_hash
    assert rows.all_accounts(store)[0].must_change, "still the password that was given"
    assert log_in(store, "an", first) is not None


def test_sessions_over_are_cleared_away(store: Store) -> None:
    first = accounts.create_account(store, "an", "auditor", ROOT)
    old = log_in(store, "an", first, 1000)
    new = log_in(store, "an", first, 1000 + 3600)
    assert old is not None
    assert new is not None
    assert accounts.current(store, old.token, 1000 + 3600) is None
    assert accounts.current(store, new.token, 1000 + 3600) is not None
    assert store.connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 1


def test_every_act_is_audited_with_its_actor(store: Store) -> None:
    accounts.create_account(store, "an", "auditor", ROOT)
    given = accounts.reset_password(store, "an", ROOT)
    accounts.set_disabled(store, "an", ROOT, disabled=True)
    accounts.set_disabled(store, "an", ROOT, disabled=False)
    login = log_in(store, "an", given)
    assert login is not None
    accounts.change_password(store, login.account, given, NEW, Origin("an", 1000, "127.0.0.1"), 60)
    entries = list(reversed(audit.latest(store, 20)))
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("os:root", "account.add"),
        ("os:root", "account.reset"),
        ("os:root", "account.disable"),
        ("os:root", "account.enable"),
        ("an", "login"),
        ("an", "password.change"),
    ]
    assert {entry.object for entry in entries} == {"an"}
    assert given not in str(entries)

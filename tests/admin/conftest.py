"""The staff pages under test: a state folder with hits in it, a fixed cast of people, and browsers for them.

What is stored goes through casework's own functions.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin import create_app
from casework import accounts, seed
from casework.store.audit import Origin
from casework.store.engine import open_casework
from contracts import config
from contracts.settings import Settings
from tests.admin.populate import NOW, populate
from tests.conftest import REPO

PASSWORD = "vườn rau trước nhà"
CAST = ("operator", "security", "auditor", "administrator")


class Clock:
    """UTC seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class Browser:
    """One person's browser; forms are sent with the token of a page seen before, as a real one does."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, buffered=True)

    def submit(self, path: str, seen: str = "/login", **fields: str) -> TestResponse:
        page = self.client.get(seen, follow_redirects=True).get_data(as_text=True)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None, f"no form on {seen}"
        return self.client.post(path, data={"csrf_token": token.group(1), **fields}, buffered=True)

    def log_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        return self.submit("/login", name=name, password=password)


class People(dict[str, Browser]):
    """Everyone of the cast, logged in when first asked for, and a stranger."""

    def __init__(self, app: Flask) -> None:
        super().__init__(anonymous=Browser(app))
        self.app = app

    def __missing__(self, role: str) -> Browser:
        self[role] = Browser(self.app)
        assert self[role].log_in(role).status_code == 302
        return self[role]


def quick_hashes(patch: pytest.MonkeyPatch) -> None:
    """Passwords need not be safe here."""
    patch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts._nobody.cache_clear()


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_hashes(monkeypatch)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with the cast, who have chosen their passwords, and with two machines; copied, never changed."""
    state = tmp_path_factory.mktemp("filled") / "var"
    settings = settings_for(state)
    with pytest.MonkeyPatch.context() as patch:
        quick_hashes(patch)
        store = open_casework(state)
        seed.seed(store, settings, Origin("test", NOW))
        store.close()
        for role in CAST:
            make_account(settings, role, role)
    populate(settings)
    return state


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "var")


@pytest.fixture
def bare(settings: Settings, clock: Clock) -> Flask:
    """The pages of a new installation: nobody has an account, nothing was ever asked."""
    return create_app(settings, testing=True, clock=clock)


@pytest.fixture
def app(filled: Path, settings: Settings, clock: Clock) -> Flask:
    """The pages with the cast and two machines."""
    shutil.copytree(filled, settings.state)
    return create_app(settings, testing=True, clock=clock)


@pytest.fixture
def request_context(bare: Flask) -> Iterator[None]:
    """For what is asked without a page: words and time zone are those of a request."""
    with bare.test_request_context():
        yield


@pytest.fixture
def people(app: Flask) -> People:
    return People(app)


def settings_for(state: Path) -> Settings:
    """Those of the repository, with a state folder of our own."""
    return msgspec.structs.replace(config.read(REPO / "config.yaml"), state_dir=str(state))


def make_account(settings: Settings, name: str, role: str) -> None:
    """An account whose owner has chosen PASSWORD."""
    store = open_casework(settings.state)
    first = accounts.create_account(store, name, role, Origin("test", NOW))
    login = accounts.log_in(store, name, first, Origin("", NOW, "127.0.0.1"), 60)
    assert login is not None
    changed = accounts.change_password(store, login.account, first, PASSWORD, Origin(name, NOW, "127.0.0.1"), 1)
    assert isinstance(changed, accounts.Login)
    store.close()

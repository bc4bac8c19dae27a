"""Whose request it is behind a proxy: whom the proxy names, where it is trusted."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from flask import Flask, request

from admin import create_app
from admin.proxy import TrustedProxies
from casework.store import audit
from casework.store.engine import open_casework
from contracts.settings import Settings
from tests.admin.conftest import Browser, make_account

TRUSTED = tuple(ipaddress.ip_network(text) for text in ("127.0.0.1", "10.9.0.0/30", "fd00::9"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.7", "192.0.2.1"),  # a stranger says what it likes
        ("127.0.0.1", "203.0.113.1, 192.0.2.7", "192.0.2.7"),  # the client wrote the left one
        ("127.0.0.1", "192.0.2.7, 10.9.0.2", "192.0.2.7"),  # through two proxies of ours
        ("127.0.0.1", "192.0.2.7, 10.9.0.9", "10.9.0.9"),
        ("127.0.0.1", "10.9.0.1,10.9.0.2", "10.9.0.1"),  # nobody but proxies
        ("127.0.0.1", "192.0.2.7, unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, unknown, 10.9.0.1", "10.9.0.1"),
        ("127.0.0.1", "192.0.2.7:4711", "127.0.0.1"),
        ("127.0.0.1", "," * 5000, "127.0.0.1"),
        ("fd00::9", "2001:db8::5", "2001:db8::5"),
        ("::ffff:127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("", "192.0.2.7", ""),
    ],
)
def test_the_rightmost_address_that_is_not_trusted(peer, forwarded, client):
    seen = {}
    TrustedProxies(lambda environ, _start: seen.update(environ) or [], TRUSTED)(
        {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}, lambda *_: None
    )
    assert seen["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("127.0.0.1", "https", "https"),
        ("127.0.0.1", "http, HTTPS", "https"),
        ("127.0.0.1", "gopher", "http"),
        ("192.0.2.1", "https", "http"),
    ],
)
def test_the_scheme_is_the_nearest_proxys(peer, said, scheme):
    app = Flask(__name__)
    app.wsgi_app = TrustedProxies(app.wsgi_app, TRUSTED)
    app.add_url_rule("/", view_func=lambda: request.scheme)
    answer = app.test_client().get("/", environ_base={"REMOTE_ADDR": peer}, headers={"X-Forwarded-Proto": said})
    assert answer.get_data(as_text=True) == scheme


def test_clients_behind_a_proxy_have_budgets_and_audits_of_their_own(settings: Settings) -> None:
    admin = msgspec.structs.replace(settings.admin, login_limit="1 per minute", trusted_proxies=TRUSTED)
    app = create_app(msgspec.structs.replace(settings, admin=admin), testing=True)
    make_account(settings, "security", "security")

    def browser(client: str) -> Browser:
        made = Browser(app)
        made.client.environ_base["HTTP_X_FORWARDED_FOR"] = client
        return made

    guesses = [browser("192.0.2.7").log_in("security", "nope").status_code for _ in range(2)]
    assert guesses == [401, 429]
    assert browser("192.0.2.8").log_in("security").status_code == 302
    store = open_casework(settings.state)
    written = {(entry.action, entry.address) for entry in audit.latest(store, 20)}
    store.close()
    assert {("login", "192.0.2.8"), ("login.failed", "192.0.2.7")} <= written

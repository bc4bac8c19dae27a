"""`sinkhole forwarders`: who is believed in what, audited, published; and the proxies of the settings beside them."""

from __future__ import annotations

import json

import pytest

from casework.seed import seed
from casework.store.audit import Origin
from casework.store.engine import open_casework
from contracts import config
from contracts.clients import ClientFolder, Forwarder
from tests.cli.test_main import run


@pytest.fixture
def state(settings_file):
    """With the unit of the settings in the database."""
    settings = config.read(settings_file)
    store = open_casework(settings.state)
    seed(store, settings, Origin("test", 1))
    store.close()
    return settings.state


def forwarders(settings_file, *words):
    return run("--config", settings_file, "forwarders", *words)


def test_added_shown_and_removed(settings_file, state):
    ran = forwarders(
        settings_file, "add", "127.10.0.53", "--unit", "so-mau", "--trusts", "mac,ecs", "--reason", "AD của sở"
    )
    assert (ran.exit_code, ran.stdout) == (0, "127.10.0.53/32 is believed in ecs, mac\n"), ran.output
    assert ran.stderr == "client table 1, no resolver worker is running\n"
    assert ClientFolder(state).read().forwarders == (Forwarder("127.10.0.53/32", "so-mau", ("ecs", "mac")),)
    shown = forwarders(settings_file, "ls").stdout.splitlines()[1]
    assert shown.split()[:3] == ["127.10.0.53/32", "so-mau", "ecs,mac"]
    ran = forwarders(settings_file, "remove", "127.10.0.53", "--reason", "thay máy", "--json")
    assert json.loads(ran.stdout) == {"serial": 2, "workers": 0, "of": 0}
    assert ClientFolder(state).read().forwarders == ()
    assert "nobody's word about others is believed" in forwarders(settings_file, "ls").stderr


def test_proxies_of_the_settings_are_shown_beside(settings_file, state):
    text = settings_file.read_text(encoding="utf-8").replace("dns:\n", 'dns:\n  proxies: ["127.10.0.54"]\n', 1)
    settings_file.write_text(text, encoding="utf-8")
    assert json.loads(forwarders(settings_file, "ls", "--json").stdout) == [
        {"network": "127.10.0.54/32", "trusts": ["proxy"], "by": "dns.proxies"}
    ]
    assert "dns.proxies" in forwarders(settings_file, "ls").stdout


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["add", "127.10.0.53", "--trusts", "all", "--reason", "x"], 2, "expected some of ecs, mac, cpe-id, proxy"),
        (["add", "127.10.0.53", "--reason", "x"], 2, "--trusts"),
        (["add", "127.10.0.0/16", "--trusts", "ecs", "--reason", "x"], 2, "too wide"),
        (["add", "127.10.0.53", "--unit", "nowhere", "--trusts", "ecs", "--reason", "x"], 2, "no unit nowhere"),
        (["remove", "127.10.0.53", "--reason", "x"], 1, "no forwarder 127.10.0.53/32 is registered"),
    ],
)
def test_what_is_wrong_is_one_sentence(settings_file, state, words, code, why):
    ran = forwarders(settings_file, *words)
    assert (ran.exit_code, why in ran.stderr) == (code, True), ran.output

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
        {"network": "127.10.0.54/32", "unit": "so-mau", "trusts": ["proxy"], "by": "dns.proxies"}
    ]
    assert "dns.proxies" in forwarders(settings_file, "ls").stdout


def test_the_unit_is_that_of_the_network_where_none_was_given(settings_file, state):
    for address, words in (("127.10.0.53", ()), ("127.11.0.53", ()), ("127.11.0.54", ("--unit", "so-mau"))):
        ran = forwarders(settings_file, "add", address, *words, "--trusts", "ecs", "--reason", "AD")
        assert ran.exit_code == 0, ran.output
    found = json.loads(forwarders(settings_file, "ls", "--json").stdout)
    assert [one["unit"] for one in found] == ["so-mau", "", "so-mau"]
    assert forwarders(settings_file, "ls").stdout.splitlines()[1].split()[:2] == ["127.10.0.53/32", "so-mau"]
    assert [one.unit for one in ClientFolder(state).read().forwarders] == ["", "", "so-mau"], "as given"


@pytest.mark.parametrize("network", ["127.10.0.0/27", "127.10.0.0/24", "fd00::/120"])
def test_many_addresses_have_to_be_confirmed(settings_file, state, network):
    words = ("add", network, "--trusts", "ecs", "--reason", "x")
    ran = forwarders(settings_file, *words)
    assert (ran.exit_code, "a forwarder is normally one address" in ran.stderr) == (2, True), ran.output
    assert "nobody's word" in forwarders(settings_file, "ls").stderr
    assert forwarders(settings_file, *words, "--yes").exit_code == 0
    ran = forwarders(settings_file, "add", "127.10.0.0/23", "--trusts", "ecs", "--reason", "x", "--yes")
    assert (ran.exit_code, "too wide" in ran.stderr) == (2, True), "not even then"


@pytest.mark.parametrize("network", ["127.10.0.53", "127.10.0.48/28", "::1", "fc00::/124"])
def test_a_few_addresses_pass_silently(settings_file, state, network):
    ran = forwarders(settings_file, "add", network, "--trusts", "ecs", "--reason", "x")
    assert (ran.exit_code, "note:" in ran.stderr) == (0, False), ran.output


@pytest.mark.parametrize(
    ("network", "trusts", "told"),
    [
        ("203.0.113.5", "ecs", True),
        ("2001:db8::5", "mac", True),
        ("9.255.255.240/28", "ecs", True),
        ("203.0.113.5", "proxy", False),
    ],
)
def test_who_may_not_ask_is_registered_with_a_note(settings_file, state, network, trusts, told):
    ran = forwarders(settings_file, "add", network, "--trusts", trusts, "--reason", "x", "--json")
    assert (ran.exit_code, "is not within dns.allowed_clients" in ran.stderr) == (0, told), ran.output
    assert json.loads(ran.stdout)["serial"] == 1


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

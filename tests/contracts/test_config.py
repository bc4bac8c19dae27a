"""Settings: bad files table by table, each error with its line and key path; the shipped file complete and in force."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import config, yamlio
from contracts.networks import Endpoint
from contracts.settings import Settings, Unit, system_upstreams
from tests.conftest import REPO
from tests.contracts.bad_settings import BAD, BASE, UNITS, swap


def problems(text):
    """`line N: key.path` of every problem, and the whole texts."""
    try:
        config.parse(text, Path("config.yaml"))
    except config.BadConfig as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(("text", "places", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_an_error_has_line_key_and_value(text, places, words):
    found = problems(text)
    assert [re.match(r"line \d+(: [\w.\[\]]+(?=: ))?", problem)[0] for problem in found] == places
    assert words in found[0], found


def test_all_errors_come_at_once_in_file_order():
    text = swap("workers: 2", "workers: 0\n  udp_payload: 9") + "node: A B\nlists:\n  - {name: l, path: 3}\n" + UNITS
    text = swap("10.2.0.0/16", "10.2.0.0/40", text)
    assert [problem.split(": ")[1] for problem in problems(text)] == [
        "dns.workers", "dns.udp_payload", "node", "lists[0].path", "units[1].networks[0]"
    ]  # fmt: skip


def test_one_bad_value_does_not_hide_a_contradiction_elsewhere():
    text = swap("workers: 2", "workers: 0") + swap("parent: a", "parent: z", UNITS)
    assert [problem.split(": ")[1] for problem in problems(text)] == ["dns.workers", "units[1].parent"]


def test_one_client_may_be_given_all_tcp_places():
    assert problems(swap("workers: 2", "tcp_connections: 20\n  tcp_per_client: 20")) == []


def test_a_unit_may_lie_inside_its_parents_network():
    assert problems(BASE + swap("10.2.0.0/16", "10.1.2.0/24", UNITS)) == []
    deeper = (
        BASE
        + swap("10.2.0.0/16", "10.1.2.0/24", UNITS)
        + "  - {code: c, name: C, networks: [10.1.2.0/28], parent: b}\n"
    )
    assert problems(deeper) == []


def test_units_that_are_each_others_parents_are_told_and_end():
    text = BASE + "units:\n  - {code: a, name: A, networks: [10.0.0.0/8], parent: b}\n"
    text += "  - {code: b, name: B, networks: [10.0.0.0/8], parent: a}\n"
    assert len(problems(text)) == 1


def test_what_the_file_leaves_out_has_its_default(tmp_path):
    settings = config.parse(BASE, tmp_path / "config.yaml")
    assert settings.dns.udp_payload == 1232
    assert settings.state == tmp_path / "var"
    assert settings.beside("lists/x.csv") == tmp_path / "lists" / "x.csv"
    assert settings.beside("/abs/x.csv") == Path("/abs/x.csv")


def test_a_file_that_is_not_text(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(BASE.encode() + b"node: \xff\n")
    with pytest.raises(config.BadConfig, match="line 8: not UTF-8 text"):
        config.read(file)


def test_no_file():
    with pytest.raises(FileNotFoundError):
        config.read(Path("/nonexistent/config.yaml"))


@given(st.text(max_size=60), st.integers(0, len(BASE)))
def test_any_damage_gives_settings_or_the_one_error(junk, at):
    for problem in problems(BASE[:at] + junk + BASE[at:]):
        assert "\n" not in problem


def test_find_config(monkeypatch):
    monkeypatch.delenv("SINKHOLE_CONFIG", raising=False)
    assert config.find_config() == Path("config.yaml")
    monkeypatch.setenv("SINKHOLE_CONFIG", "/etc/sinkhole/config.yaml")
    assert config.find_config() == Path("/etc/sinkhole/config.yaml")
    assert config.find_config("mine.yaml") == Path("mine.yaml")


# The shipped file


def keys(kind, path=()):
    """Every key path that Settings knows; list items count once, as item 0."""
    for field in msgspec.structs.fields(kind):
        if field.name == "base":
            continue
        place = (*path, field.name)
        yield place
        inner = field.type
        if getattr(inner, "__origin__", None) is tuple:
            inner, place = inner.__args__[0], (*place, 0)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from keys(inner, place)


def test_the_shipped_file_loads_and_shows_every_key():
    text = (REPO / "config.yaml").read_text(encoding="utf-8")
    assert problems(text) == []
    shown = yamlio.read(text).lines
    # Examples in force would send questions and zones to servers that are not there, and need secrets that are not.
    commented = {("dns", "forward_zones", 0), ("tsig_keys", 0), ("transfer", "secondaries", 0)}
    missing = [key for key in keys(Settings) if key not in shown and not commented & {key[:2], key[:3]}]
    assert [yamlio.path_text(key) for key in missing] == []


def test_the_shipped_file_is_what_one_gets_without_it():
    """Every shown value that has a default is that default: nobody has to diff two truths."""
    shipped = msgspec.to_builtins(config.read(REPO / "config.yaml"), enc_hook=str)
    plain = msgspec.to_builtins(config.parse(BASE, REPO / "config.yaml"), enc_hook=str)
    for section in ("lists", "campaigns", "units"):
        assert shipped.pop(section)
        plain.pop(section)
    assert shipped == plain


def test_the_shipped_units_can_be_played_with_on_loopback():
    units: tuple[Unit, ...] = config.read(REPO / "config.yaml").units
    assert all(network.is_loopback for unit in units for network in unit.networks)


# system upstreams


def test_system_upstreams_are_those_of_resolv_conf_without_ourselves(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# nameserver 9.9.9.9\nsearch gov.vn\nnameserver 127.0.0.1\nnameserver 10.0.0.1 # two\n\nnameserver\n"
        "nameserver fe80::1%eth0\nnameserver fd00::1\nnameserver not-an-address\nnameserver 10.0.0.2\n"
    )
    ours = (Endpoint("127.0.0.1:53"),)
    assert system_upstreams(ours, file) == ["10.0.0.1:53", "[fd00::1]:53", "10.0.0.2:53"]
    assert system_upstreams((Endpoint("127.0.0.1:1053"),), file)[0] == "127.0.0.1:53"
    assert system_upstreams(ours, tmp_path / "none") == []


# forward zones and ways to ask


def test_forward_zones_and_ways_to_ask(tmp_path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    text = swap(
        "workers: 2",
        "upstreams: {servers: [system, 'tls://10.1.1.1#Dns.Example.VN.'], tls_ca_file: ca.pem, mixed_case: false}\n"
        "  forward_zones: [{zone: AD.example.vn, servers: [10.1.2.3, 'tcp://[fd00::1]:5353']}]",
    )
    dns = config.parse(text, tmp_path / "config.yaml").dns
    _system, secure = dns.upstreams.servers
    assert (secure, secure.name, secure.transport) == ("tls://10.1.1.1:853#dns.example.vn", "dns.example.vn", "tls")
    assert [zone.servers for zone in dns.forward_zones] == [("10.1.2.3:53", "tcp://[fd00::1]:5353")]
    assert not dns.upstreams.mixed_case

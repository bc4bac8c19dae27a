"""Copies of the live policy: what is written is what is in force, and importing it gives the same indicators again."""

from __future__ import annotations

import io
import ipaddress

import dns.name
import dns.zone
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from admin.table_file import csv_text
from blocklists.formats import csvtable, domains
from blocklists.formats import rpz as rpz_format
from blocklists.indicator import BadLine
from blocklists.live import Effect, Live
from blocklists.outlets import plain, rpz
from blocklists.service import ImportOptions, Lists
from contracts.decisions import Decisions
from contracts.names import to_text, to_wire
from contracts.networks import network_text
from contracts.policy import ManifestEntry, PolicyFolder
from contracts.pool import Pool
from contracts.segment import Data, Labels, Match, Rule, network_key, network_of, stable_hash
from contracts.settings import Sinkhole
from contracts.zone_text import WILDCARD

ZONE = "rpz.test"
POOL = Pool(Sinkhole(ipaddress.ip_network("127.53.0.0/16"), ipaddress.ip_network("fd53::/64")))
LIST = ManifestEntry("lists-a", 3, "enforce", "c1", "a.seg", "00", 1, 1, "enforce")
LABELS = Labels("c2", "emotet", "7/CV", "ncsc")


def name_effect(text: str, where: str = "name", action: str = "", target: str = "", data: tuple[Data, ...] = ()):
    wire = to_wire(text)
    rule = Rule(LABELS, action, to_wire(target) if target else b"", data)  # type: ignore[arg-type]
    match = Match(wire if where == "name" else WILDCARD + wire, False, stable_hash(wire), 7, rule)
    return Effect(where, wire, action, LIST, match)  # type: ignore[arg-type]


def network_effect(text: str, where: str = "answer", action: str = "nxdomain") -> Effect:
    key = network_key(ipaddress.ip_network(text), where)  # type: ignore[arg-type]
    return Effect(where, key, action, LIST, Match(key, False, 1, 9, Rule(LABELS, action)))  # type: ignore[arg-type]


def zone(*effects: Effect) -> str:
    return "".join(rpz.zone_text(effects, ZONE, 42, POOL, 30))


EVERYTHING = (
    name_effect("evil.example"), name_effect("evil.example", "below"), name_effect("nx.example", action="nxdomain"),
    name_effect("nodata.example", "below", "nodata"), name_effect("drop.example", action="drop"),
    name_effect("tcp.example", action="tcp-only"), name_effect("pass.example", action="passthru"),
    name_effect("alias.example", action="alias", target="garden.example.net"),
    name_effect("local.example", action="local", data=(Data(16, 60, b"\x05hello"), Data(1, 60, b"\x7f\x35\0\x09"))),
    network_effect("203.0.113.7/32"), network_effect("203.0.112.0/23"), network_effect("2001:db8:1::/48", action=""),
    network_effect("2001:db8::1:0:0:7/128"), network_effect("127.10.9.7/32", "client", "drop"),
)  # fmt: skip


def test_a_zone_that_dnspython_reads_with_the_fields_own_words():
    found = dns.zone.from_text(zone(*EVERYTHING), origin=f"{ZONE}.", relativize=True, check_origin=True)
    soa = found.find_rdataset("@", "SOA")[0]
    assert soa.serial == 42
    said = {
        f"{name} {rdataset.rdtype.name}": sorted(one.to_text(origin=found.origin, relativize=False) for one in rdataset)
        for name, rdataset in found.iterate_rdatasets()
        if rdataset.rdtype.name not in {"SOA", "NS"}
    }
    assert said["evil.example A"] == said["*.evil.example A"]
    assert ipaddress.ip_address(said["evil.example A"][0]) in ipaddress.ip_network("127.53.0.0/16")
    assert ipaddress.ip_address(said["evil.example AAAA"][0]) in ipaddress.ip_network("fd53::/64")
    assert said["nx.example CNAME"] == ["."]
    assert said["*.nodata.example CNAME"] == ["*."]
    assert said["drop.example CNAME"] == ["rpz-drop."]
    assert said["tcp.example CNAME"] == ["rpz-tcp-only."]
    assert said["pass.example CNAME"] == ["rpz-passthru."]
    assert said["alias.example CNAME"] == ["garden.example.net."]
    assert said["local.example TXT"] == ['"hello"']
    assert said["32.7.113.0.203.rpz-ip CNAME"] == ["."]
    assert said["23.0.112.0.203.rpz-ip CNAME"] == ["."]
    assert "48.zz.1.db8.2001.rpz-ip AAAA" in said
    assert said["128.7.0.0.1.zz.db8.2001.rpz-ip CNAME"] == ["."]
    assert said["32.7.9.10.127.rpz-client-ip CNAME"] == ["rpz-drop."]


def test_the_same_policy_is_the_same_file_in_any_order():
    assert zone(*EVERYTHING) == zone(*reversed(EVERYTHING))


def test_a_name_that_is_too_long_for_the_zone_is_left_out():
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert "aaa" not in zone(name_effect(longest))
    assert "evil" in zone(name_effect(longest), name_effect("evil.example"))


LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=12).filter(lambda one: one != "-")
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(lambda parts: ".".join([*parts, "example"]))
ACTIONS = st.sampled_from(["nxdomain", "nodata", "drop", "tcp-only", "passthru"])
NAME_EFFECTS = st.builds(name_effect, NAMES, st.sampled_from(["name", "below"]), ACTIONS)


def network(parts: tuple[int, int]) -> str:
    return str(ipaddress.ip_network(parts, strict=False))


V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)).map(network)
SPARSE = st.lists(st.sampled_from([0, 0, 1, 0x10, 0xFFFF]), min_size=8, max_size=8).map(
    lambda groups: sum(group << 16 * place for place, group in enumerate(groups))
)
MAPPED = "::ffff:"  # what lies in it is an IPv4 address to whoever reads it
V6 = (
    st.tuples(st.one_of(st.integers(2**48, 2**128 - 1), SPARSE), st.integers(16, 128))
    .map(network)
    .filter(lambda text: not text.startswith(MAPPED))
)
NETWORK_EFFECTS = st.builds(network_effect, st.one_of(V4, V6), st.sampled_from(["answer", "client"]), ACTIONS)


def seen(one: Effect) -> tuple[str, str, str]:
    if one.where in {"name", "below"}:
        return one.where, to_text(one.indicator), one.action
    return one.where, network_text(network_of(one.indicator)), one.action


@hypothesis_settings(deadline=None)
@given(st.lists(st.one_of(NAME_EFFECTS, NETWORK_EFFECTS), max_size=20, unique_by=lambda one: seen(one)[:2]))
def test_reading_the_zone_gives_what_was_written(effects):
    read = [*rpz_format.parse(io.BytesIO(zone(*effects).encode()))]
    assert not [one for one in read if isinstance(one, BadLine)]
    found = {
        ("below" if not one.itself else "name", one.name, one.action) if one.name
        else (one.trigger, one.address, one.action)
        for one in read
    }  # fmt: skip
    assert found == {seen(one) for one in effects}


@hypothesis_settings(deadline=None)
@given(st.lists(NAMES, max_size=20, unique=True))
def test_reading_the_names_gives_what_was_written(names):
    effects = [name_effect(one, where) for one in names for where in ("name", "below")]
    written = "".join(plain.names(effects))
    read = [*domains.parse(io.BytesIO(written.encode()))]
    assert [one.name for one in read] == sorted(names)
    assert list(plain.unbound(effects))[1:] == [f'local-zone: "{one}." always_nxdomain\n' for one in sorted(names)]


def test_names_alone_or_only_below_or_let_through_are_in_no_list_of_names():
    effects = [name_effect("alone.example"), name_effect("below.example", "below")]
    effects += [name_effect("pass.example", where, "passthru") for where in ("name", "below")]
    assert [*plain.names(effects)] == []


def test_the_table_is_read_back_with_its_facts():
    lines = "".join(
        csv_text(plain.HEADING, plain.rows([name_effect("evil.example"), network_effect("203.0.113.0/24")]))
    )
    first, second = csvtable.parse(io.BytesIO(lines.encode()))
    assert (first.name, first.family, first.letter, first.kind) == ("evil.example", "emotet", "7/CV", "c2")
    assert second.address == "203.0.113.0/24"


def test_hostile_text_does_not_calculate_in_a_spreadsheet():
    rule = Rule(Labels("c2", "=cmd|' /C calc'!A0", "", "@x"))
    match = Match(to_wire("evil.example"), True, 1, 1, rule)
    text = "".join(csv_text(plain.HEADING, plain.rows([Effect("name", match.indicator, "", LIST, match)])))
    assert "'=cmd|' /C calc'!A0" in text
    assert "'@x" in text


def test_addresses_for_a_firewall():
    effects = [network_effect(text) for text in ("203.0.113.9/32", "198.51.100.0/24", "2001:db8::/32")]
    effects += [network_effect("203.0.113.1/32", action="passthru"), network_effect("127.10.0.7/32", "client")]
    assert [row[0] for row in plain.addresses(effects)] == ["198.51.100.0/24", "203.0.113.9", "2001:db8::/32"]
    text = "".join(plain.nftables(effects, 42))
    assert "add element inet sinkhole listed4 {\n  198.51.100.0/24,\n  203.0.113.9\n}\n" in text
    assert "add element inet sinkhole listed6 {\n  2001:db8::/32\n}\n" in text
    assert text.count("flush set") == 2
    assert "127.10.0.7" not in text
    assert "203.0.113.1\n" not in text
    assert "add element" not in "".join(plain.nftables([], 1))


def put(lists: Lists, name: str, text: str, **options: object) -> None:
    lists.import_file("os:tester", io.BytesIO(text.encode()), ImportOptions(name, **options))  # type: ignore[arg-type]


def test_octets_for_transfer_are_the_records_of_the_text():
    origin = dns.name.from_text(f"{ZONE}.")
    said = {
        (name.to_text(), one.ttl, one.rdtype, record.to_wire())
        for name, one in dns.zone.from_text(zone(*EVERYTHING), origin=origin, relativize=False).iterate_rdatasets()
        for record in one
        if name != origin
    }
    own = to_wire(ZONE)
    made = [one for effect in EVERYTHING for one in rpz.wired(effect, own, POOL, 30)]
    assert {(f"{to_text(one.owner + own)}.", one.ttl, one.qtype, one.rdata) for one in made} == said
    assert len(made) == len(said)
    long = ".".join(["a" * 61] * 4)
    assert list(rpz.wired(name_effect(long), own, POOL, 30)) == list(rpz.records(name_effect(long), f"{ZONE}.", POOL))


@pytest.mark.parametrize("mode", ["enforce", "passthru"])
def test_a_policy_published_and_imported_again_comes_to_the_same(lists, tmp_path, mode):
    put(lists, "a", "evil.example\nsub.other.example\n", mode=mode)
    put(lists, "b", "$ORIGIN z.\n@ SOA . . 1 1 1 1 1\nnx.example CNAME .\n*.deep.example CNAME *.\n")
    folder = PolicyFolder(lists.settings.state / "policy")

    def comes_to() -> set[tuple[str, str, str]]:
        live = Live.read(folder, Decisions(), 0.0)
        assert live is not None
        return {seen(one) for one in live.effects() if one.entry is None or one.entry.list != "kill-switch"}

    before = comes_to()
    live = Live.read(folder, Decisions(), 0.0)
    assert live is not None
    text = "".join(rpz.zone_text(live.effects(), ZONE, 1, Pool(lists.settings.sinkhole), 30))
    for name in ("a", "b"):
        lists.withdraw("os:tester", name)
    put(lists, "again", text)
    # an address of the pool is local data to whoever imports it: the sinkhole is ours alone
    assert comes_to() == {(where, what, action or "local") for where, what, action in before}

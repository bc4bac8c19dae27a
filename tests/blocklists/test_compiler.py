"""Segments and manifest follow the library, also after a crash between two steps."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest

from blocklists import compiler
from blocklists.importer import Importer
from blocklists.indicator import Indicator
from blocklists.service import Lists
from contracts import segment
from contracts.names import to_wire
from contracts.policy import PolicyFolder
from contracts.segment import BadPolicy, Data, network_of
from contracts.settings import Unit
from tests.blocklists.making import address_match, live_match, policy_of
from tests.blocklists.test_library import FACTS


def names(settings):
    return sorted(path.name for path in policy_of(settings).segments.iterdir())


def test_only_the_changed_list_is_compiled(take, settings, monkeypatch):
    take("a.example", name="a")
    take("b.example", name="b")
    compiled = []
    real = compiler.write_segment
    monkeypatch.setattr(
        compiler, "write_segment", lambda path, name, *rest: compiled.append(name) or real(path, name, *rest)
    )
    take("b.example\nc.example", name="b")
    assert compiled == ["b"]
    assert live_match(settings, "a.example")[0] == "a"
    assert live_match(settings, "c.example")[0] == "b"


def test_the_segment_before_stays_older_ones_go(take, settings):
    for number in range(4):
        take(f"n{number}.example", name="a")
    assert [name.split("-")[1] for name in names(settings)] == ["v3", "v4"]


def test_the_serial_only_grows_also_when_the_manifest_is_lost(take, lists, settings):
    serials = [take(f"n{number}.example").serial for number in range(3)]
    assert serials == sorted(set(serials))
    policy_of(settings).manifest.unlink()
    assert lists.publish() == serials[-1] + 1
    policy_of(settings).manifest.write_text("{ no manifest")
    assert lists.publish() == serials[-1] + 2
    assert live_match(settings, "n2.example")


def test_nothing_to_say_is_not_published(take, lists, settings):
    assert lists.publish() == 0
    assert policy_of(settings).read() is None
    serial = take("a.example").serial
    assert lists.publish() == serial


def crash_in(monkeypatch, place, name):
    def crash(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, name, crash)


def test_a_crash_before_the_segment_is_written_changes_nothing(take, lists, settings, monkeypatch):
    take("a.example")
    with monkeypatch.context() as patch:
        crash_in(patch, compiler, "write_segment")
        with pytest.raises(KeyboardInterrupt):
            take("b.example")
    assert lists.library.live("letter").number == 1
    lists.publish(verify=True)
    assert live_match(settings, "a.example")
    assert live_match(settings, "b.example") is None


def test_a_crash_before_the_manifest_is_repaired_at_the_next_start(take, library, settings, monkeypatch):
    before = take("a.example").serial
    with monkeypatch.context() as patch:
        crash_in(patch, PolicyFolder, "publish")
        with pytest.raises(KeyboardInterrupt):
            take("b.example")
    assert live_match(settings, "a.example")
    assert Lists(settings, library).publish(verify=True) > before
    assert live_match(settings, "b.example")
    assert live_match(settings, "a.example") is None


def test_a_damaged_or_lost_segment_is_compiled_again(take, lists, settings):
    take("a.example", name="a")
    take("b.example", name="b")
    damaged, lost = sorted(policy_of(settings).segments.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-20] + b"x" * 20)
    lost.unlink()
    lists.publish(verify=True)
    assert live_match(settings, "a.example")
    assert live_match(settings, "b.example")


def test_what_a_dead_process_left_is_swept(take, settings):
    take("a.example")
    left = policy_of(settings).segments / ".letter-v9-1.tmp"
    left.write_bytes(b"half")
    take("b.example")
    assert not left.exists()


def test_a_stricter_guard_takes_names_out_and_a_laxer_one_brings_them_back(take, library, settings):
    take("a.own.example\nb.example")
    strict = msgspec.structs.replace(
        settings, guard=msgspec.structs.replace(settings.guard, protected_domains=("own.example",))
    )
    Lists(strict, library).publish()
    assert live_match(settings, "a.own.example") is None
    assert live_match(settings, "b.example")
    Lists(settings, library).publish()
    assert live_match(settings, "a.own.example")


def test_addresses_are_compiled_and_only_watched_unless_asked_otherwise(take, settings):
    take("203.0.113.7:443\n203.0.113.7:80\n203.0.113.0/24\n2001:db8:1::/48\nevil.example\n")
    entry, match = address_match(settings, "203.0.113.7")
    assert (entry.mode, entry.address_mode, entry.names, entry.addresses) == ("enforce", "monitor", 1, 3)
    assert (str(network_of(match.indicator)), match.line) == ("203.0.113.7/32", 1)
    assert str(network_of(address_match(settings, "203.0.113.8")[1].indicator)) == "203.0.113.0/24"
    assert str(network_of(address_match(settings, "2001:db8:1::5")[1].indicator)) == "2001:db8:1::/48"
    assert address_match(settings, "203.0.113.7", "client") is None
    assert address_match(settings, "203.0.114.1") is None


def test_addresses_in_force_are_meant_as_their_list(take, settings):
    for mode in ("enforce", "monitor", "passthru"):
        take("203.0.113.7", mode=mode, addresses="enforce")
        assert address_match(settings, "203.0.113.7")[0].address_mode == mode
    take("203.0.113.7", mode="enforce", addresses="monitor")
    assert address_match(settings, "203.0.113.7")[0].address_mode == "monitor"


def test_a_stricter_guard_takes_addresses_out_and_a_laxer_one_brings_them_back(take, library, settings):
    take("203.0.113.7\n203.0.114.7\n")
    unit = Unit("so-mau", "Sở Mẫu", (ipaddress.ip_network("203.0.113.0/24"),))
    Lists(msgspec.structs.replace(settings, units=(unit,)), library).publish()
    assert address_match(settings, "203.0.113.7") is None
    assert address_match(settings, "203.0.114.7")[0].addresses == 1
    Lists(settings, library).publish()
    assert address_match(settings, "203.0.113.7")[0].addresses == 2


def test_segments_and_manifest_of_an_older_format_are_made_anew(take, lists, library, settings, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "FORMAT", "WANSEG01")
        patch.setattr(segment, "MAGIC", b"WANSEG01")
        take("a.example", name="a")
        serial = take("b.example", name="b").serial
    folder = policy_of(settings)
    folder.manifest.write_text(folder.manifest.read_text().replace('"format": 2', '"format": 1'))
    with pytest.raises(BadPolicy):
        folder.read()
    assert Lists(settings, library).publish() == serial + 1
    assert live_match(settings, "a.example")[0] == "a"
    assert live_match(settings, "b.example")[0] == "b"
    assert lists.publish() == serial + 1


def test_rules_reach_the_segment_as_they_were_listed(lists, library, settings):
    records = (Data(1, 60, b"\xc0\0\2\1"), Data(16, 300, b"\3a\nb"))
    rules = [
        Indicator(1, "exact.example", subdomains=False, action="nxdomain"),
        Indicator(2, "below.example", itself=False, action="nodata"),
        Indicator(3, "two.example", subdomains=False, action="drop"),
        Indicator(4, "two.example", itself=False, action="passthru"),
        Indicator(5, "alias.example", action="alias", target="*.garden.example", family="Emotet"),
        Indicator(6, "local.example", action="local", data=records),
        Indicator(7, "", "203.0.113.7", action="tcp-only"),
        Indicator(8, "", "10.1.2.0/24", action="drop", trigger="client"),
        Indicator(9, "odd\\.label._x.1", action="nxdomain"),
    ]
    with library.transaction():
        library.add_version("a", FACTS | {"guard": lists.guard.fingerprint})
        importer = Importer(library, lists.guard, library.version("a", 1), compiler.quiet)
        importer.take(rules)
        library.make_live(library.version("a", 1))
    lists.publish()

    def rule(name: str) -> tuple[object, ...]:
        found = live_match(settings, name)
        return (*found[1].rule[1:], found[1].line) if found else ()

    assert rule("exact.example") == ("nxdomain", b"", (), 1)
    assert rule("x.exact.example") == rule("below.example") == ()
    assert rule("x.below.example") == ("nodata", b"", (), 2)
    assert (rule("two.example")[0], rule("x.two.example")[0]) == ("drop", "passthru")
    assert rule("x.alias.example") == ("alias", to_wire("*.garden.example"), (), 5)
    assert live_match(settings, "alias.example")[1].labels.family == "Emotet"
    assert rule("local.example") == ("local", b"", records, 6)
    assert rule("odd\\.label._x.1")[0] == "nxdomain"
    assert address_match(settings, "203.0.113.7")[1].rule.action == "tcp-only"
    assert address_match(settings, "10.1.2.9", "client")[1].rule.action == "drop"
    assert address_match(settings, "10.1.2.9") is None
    assert importer.counts.passthru == 1


def test_a_match_carries_the_facts_of_its_row(take, settings):
    take("Tên miền,Mã độc,Số công văn,Nguồn\n\nxấu.example,Emotet,12/CV,NCSC\n", campaign="demo")
    name, match = live_match(settings, "www.xn--xu-r5s.example")
    assert name == "letter"
    assert (*match.labels, match.line) == ("c2", "Emotet", "12/CV", "NCSC", 3)
    (entry,) = policy_of(settings).read().entries
    assert (entry.mode, entry.campaign, entry.names) == ("enforce", "demo", 1)

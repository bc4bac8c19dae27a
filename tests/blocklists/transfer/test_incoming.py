"""A zone from its primary: from BIND by AXFR and IXFR, and from primaries that mean no good."""

from __future__ import annotations

import signal
from pathlib import Path

import dns.message
import dns.rcode
import msgspec
import pytest

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.keeping import Copies
from contracts import config
from contracts.settings import ListSource
from tests.blocklists.making import CONFIG
from tests.blocklists.transfer.primaries import KEY, OTHER, SECRET, ZONE, bind_primary, primary, soa, wire, zone_file
from tests.peers.programs import HOST, ask
from tests.waiting import until


@pytest.fixture
def settings(tmp_path):
    for name, secret in {"one.key": SECRET, "other.key": OTHER}.items():
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o600)
    keys = "tsig_keys:\n  - {name: one.key, secret_file: one.key}\n  - {name: two.key, secret_file: other.key}\n"
    (tmp_path / "config.yaml").write_text(CONFIG + keys)
    return config.read(tmp_path / "config.yaml")


@pytest.fixture
def copies(settings):
    return Copies(settings.state, lambda: 1_000_000.0)


def feed(url, **more):
    return ListSource("one", url=url, format="rpz", **more)


def fetch(copies, source, settings, seconds=10.0):
    return copies.refresh(source, settings, Deadline(seconds))


def serial_of(port):
    return ask(port, ZONE, "SOA").answer[0][0].serial


@pytest.mark.peer
def test_bind_gives_the_zone_and_then_differences(tmp_path, settings, copies, caplog):
    """Signed; the second time nothing, the third by IXFR, and again whole where the copy is damaged."""
    caplog.set_level("INFO")
    with bind_primary(tmp_path, zone_file(1, "a.example", "b.example")) as server:
        source = feed(f"axfr://{HOST}:{server.port}/{ZONE}", tsig_key="ONE.key.")
        assert fetch(copies, source, settings) == (True, "")
        text = copies.file(source).read_text()
        assert text.splitlines()[0].split()[:3] == [f"{ZONE}.", "60", "SOA"]
        assert f"a.example.{ZONE}. 60 CNAME .\n" in text
        assert fetch(copies, source, settings) == (False, "")
        (tmp_path / "primary.zone").write_text(zone_file(2, "b.example", "c.example"))
        server.process.send_signal(signal.SIGHUP)
        until(lambda: serial_of(server.port) == 2, "BIND has read the new zone")
        assert fetch(copies, source, settings) == (True, "")
        text = copies.file(source).read_text()
        assert [name in text for name in ("a.example", "b.example", "c.example")] == [False, True, True]
        assert "no differences" not in caplog.text
        assert "IXFR started" in server.tail()
        copies.file(source).write_text("damaged")
        assert fetch(copies, source, settings).error == ""
        assert copies.file(source).read_text() == text
        memory = copies.memory(source)
        assert (memory.serial, memory.refresh, memory.retry) == (2, 3600, 600)
        wrong = fetch(copies, msgspec.structs.replace(source, tsig_key="two.key"), settings).error
        assert "does not sign with our key" in wrong
        assert fetch(copies, msgspec.structs.replace(source, tsig_key=""), settings).error == ""  # it is as new
        (copies.file(source)).write_text("damaged")
        assert fetch(copies, msgspec.structs.replace(source, tsig_key=""), settings).error.endswith("answers REFUSED")


def normal(query, *more, serial=1):
    """SOA, and a zone of one name."""
    if query.question[0].rdtype == 6:
        yield wire(query, soa(serial))
    else:
        yield wire(query, soa(serial), f"a.example.{ZONE}. 60 CNAME .", *more, soa(serial))


def endless(query):
    if query.question[0].rdtype == 6:
        yield wire(query, soa(5))
        return
    yield wire(query, soa(5))
    while True:
        yield wire(query, f"a.example.{ZONE}. 60 CNAME .")


def too_large(query):
    if query.question[0].rdtype == 6:
        yield wire(query, soa(5))
        return
    yield wire(query, soa(5))
    for number in range(10_000):
        yield wire(query, f"n{number}.example.{ZONE}. 60 CNAME .")


def silent(query):
    if query.question[0].rdtype == 6:
        yield wire(query, soa(5))
        return
    yield wire(query, soa(5))
    silent.release.wait(5)


def cut(query):
    yield wire(query, soa(5)) if query.question[0].rdtype == 6 else wire(query, soa(5), f"b.{ZONE}. 60 CNAME .")


def other_end(query):
    if query.question[0].rdtype == 6:
        yield wire(query, soa(5))
    else:
        yield wire(query, soa(5), f"b.{ZONE}. 60 CNAME .", soa(6))


def other_zone(query):
    yield wire(query, soa(5).replace(ZONE, "else.example"), f"b.{ZONE}. 60 CNAME .", soa(5))


def refused(query):
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.REFUSED)
    yield answer.to_wire()


def by_turns(saying):
    """Whatever stands in `saying` when it is asked."""

    def say(query):
        yield from saying[0](query)

    return say


HOSTILE = {
    "refuses": (refused, "answers REFUSED"),
    "garbage": (lambda query: iter([b"\0" * 40]), "sends no zone that can be used"),
    "short": (lambda query: iter([b"\0"]), "sends no zone that can be used"),
    "outside": (lambda query: normal(query, "www.gov.example. 60 A 192.0.2.1", serial=5), "from outside of the zone"),
    "endless": (endless, "too large: more than max_size"),
    "too large": (too_large, "too large: more than max_size"),
    "cut": (cut, "closed the connection before the end"),
    "another SOA at the end": (other_end, "sends no zone that can be used: unexpected origin SOA"),
    "another zone": (other_zone, "from outside of the zone"),
    "behind": (lambda query: normal(query, serial=0), "behind 1 which was taken"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_hostile_primaries_send_leaves_the_copy(settings, copies, kind):
    say, reason = HOSTILE[kind]
    saying = [normal]
    with primary(by_turns(saying)) as server:
        source = feed(server.url, max_size=20_000)
        assert fetch(copies, source, settings) == (True, "")
        before = copies.file(source).read_text()
        saying[0] = say
        outcome = fetch(copies, source, settings)
        assert not outcome.new
        assert reason in outcome.error
        assert copies.file(source).read_text() == before
        assert copies.memory(source).failures == 1
        assert sorted(one.name for one in Path(settings.state, "feeds").iterdir()) == ["one", "one~.json"]
        saying[0] = lambda query: normal(query, f"b.example.{ZONE}. 60 CNAME .", serial=6)
        assert fetch(copies, source, settings) == (True, "")  # an IXFR may be answered with the whole zone
        assert "b.example" in copies.file(source).read_text()


def later_unsigned(query):
    """The SOA record is signed, the zone is not."""
    if query.question[0].rdtype == 6:
        yield wire(query, soa(1), sign=KEY)
    else:
        yield from normal(query)


@pytest.mark.parametrize("say", [normal, later_unsigned])
def test_who_does_not_sign_is_not_believed(settings, copies, say):
    with primary(say) as server:
        outcome = fetch(copies, feed(server.url, tsig_key="one.key"), settings)
        assert server.asked == (["SOA"] if say is normal else ["SOA", "AXFR"])
    assert not outcome.new
    assert "TSIG" in outcome.error
    assert copies.file(feed(server.url)) is None


def test_a_primary_that_falls_silent_is_left_at_the_deadline(settings, copies):
    import threading

    silent.release = threading.Event()
    with primary(silent) as server:
        error = fetch(copies, feed(server.url), settings, 0.3).error
        silent.release.set()
    assert "timed out" in error


def test_differences_that_do_not_fit_are_not_taken_but_the_zone(settings, copies, caplog):
    """They take away what was never there: then the whole zone is asked for."""
    caplog.set_level("INFO")
    saying = [normal]

    def wrong(query):
        kind = query.question[0].rdtype
        if kind == 251:
            yield wire(query, soa(2), soa(1), f"never.{ZONE}. 60 CNAME .", soa(2), f"x.{ZONE}. 60 CNAME .", soa(2))
        else:
            yield from normal(query, f"whole.{ZONE}. 60 CNAME .", serial=2)

    with primary(by_turns(saying)) as server:
        source = feed(server.url)
        fetch(copies, source, settings)
        saying[0] = wrong
        assert fetch(copies, source, settings) == (True, "")
        assert server.asked == ["SOA", "AXFR", "SOA", "IXFR", "AXFR"]
    text = copies.file(source).read_text()
    assert f"whole.{ZONE}" in text
    assert f"x.{ZONE}" not in text
    assert "they take away what is not there" in caplog.text


def test_a_key_that_everybody_reads_is_no_key(settings, copies):
    Path(settings.base, "one.key").chmod(0o644)
    error = fetch(copies, feed(f"axfr://{HOST}:9/{ZONE}", tsig_key="one.key"), settings).error
    assert error == "the file of the key one.key is open to everybody: chmod 640 it"

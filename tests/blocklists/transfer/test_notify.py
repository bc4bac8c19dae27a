"""NOTIFY: whose word counts, how often it leads to a fetch, and how long a secondary is told."""

from __future__ import annotations

import ipaddress

import dns.message
import dns.opcode
import dns.rcode
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from blocklists.transfer.notify import GAP, RETRIES, Heard, Telling
from contracts.networks import Endpoint
from contracts.settings import ListSource

PRIMARY = ipaddress.ip_address("192.0.2.1")


def notify(zone="rpz.example.", kind="SOA"):
    message = dns.message.make_query(zone, kind)
    message.set_opcode(dns.opcode.NOTIFY)
    return message


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fetches():
    return []


@pytest.fixture
def heard(clock, fetches):
    def wake(name):
        done = Deferred()
        fetches.append((name, done))
        return done

    made = Heard(clock, wake)
    made.follow((
        ListSource("one", url="axfr://192.0.2.1/rpz.example", format="rpz"),
        ListSource("signed", url="axfr://192.0.2.1/signed.example", format="rpz", tsig_key="k"),
        ListSource("web", url="https://rpz.example/"),
    ))  # fmt: skip
    return made


def test_whose_word_counts(heard, clock, fetches):
    assert heard.take(notify(), PRIMARY) == dns.rcode.NOERROR
    assert heard.take(notify(), ipaddress.ip_address("192.0.2.2")) == dns.rcode.REFUSED
    assert heard.take(notify("signed.example."), PRIMARY) == dns.rcode.REFUSED
    assert heard.take(notify("else.example."), PRIMARY) == dns.rcode.NOTAUTH
    assert heard.take(notify(kind="A"), PRIMARY) == dns.rcode.FORMERR
    clock.advance(0)
    assert [name for name, _done in fetches] == ["one"]


def test_a_flood_of_them_is_two_fetches(heard, clock, fetches):
    for _ in range(1000):
        heard.take(notify(), PRIMARY)
    clock.advance(0)
    assert len(fetches) == 1
    for _ in range(1000):
        heard.take(notify(), PRIMARY)
    clock.advance(60)
    assert len(fetches) == 1, "the first is still under way"
    fetches[0][1].callback(None)
    clock.advance(0)
    assert len(fetches) == 2
    fetches[1][1].callback(None)
    heard.take(notify(), PRIMARY)
    clock.advance(GAP / 2)
    assert len(fetches) == 2
    clock.advance(GAP / 2)
    assert len(fetches) == 3


def test_a_secondary_is_told_until_it_answers(clock):
    sent = []
    telling = Telling(clock, lambda wire, address, port: sent.append((wire, str(address), port)) or True)
    secondary = Endpoint("192.0.2.9:53")
    telling.tell(secondary, "rpz.example", "localhost. hostmaster. 7 1 1 1 1", 7, None)
    message = dns.message.from_wire(sent[0][0])
    assert (message.opcode(), message.answer[0][0].serial) == (dns.opcode.NOTIFY, 7)
    clock.advance(RETRIES[0])
    assert len(sent) == 2
    telling.acknowledged(message.id, ipaddress.ip_address("192.0.2.8"))
    telling.acknowledged(message.id ^ 1, secondary.address)
    clock.advance(RETRIES[1])
    assert len(sent) == 3
    telling.acknowledged(message.id, secondary.address)
    clock.pump(RETRIES)
    assert len(sent) == 3
    telling.tell(secondary, "rpz.example", "localhost. hostmaster. 8 1 1 1 1", 8, None)
    clock.pump(RETRIES)
    assert (len(sent), telling.unanswered) == (3 + len(RETRIES), {secondary: 8})
    assert clock.getDelayedCalls() == []

"""What the resolver's tests are made of: policies over real segment files, engines, queries and answers by dnspython.

No tests and no sockets here.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rrset
from hypothesis import strategies as st

from contracts import names
from contracts.networks import Endpoint
from contracts.policy import Manifest, ManifestEntry, Mode
from contracts.pool import Pool
from contracts.segment import Labels, Listed, Rule, Segment, network_key, write_segment
from contracts.settings import Cache, Dns, Limits, Sinkhole, Upstreams
from resolver.engine import Engine
from resolver.policy.clients import Access
from resolver.policy.ladder import Policy, make_policy

UNITS = ipaddress.ip_network("127.10.0.0/16")
CLIENT = b"\x7f\x0a\0\5"  # 127.10.0.5
STRANGER = b"\x7f\x63\0\1"  # 127.99.0.1


def settings(**changes) -> Dns:
    """Settings of the DNS workers; only 127.10.0.0/16 and ::1 may ask."""
    values = {
        "listen": (Endpoint("127.0.0.1:53"),),
        "allowed_clients": (UNITS, ipaddress.ip_network("::1/128")),
        "upstreams": Upstreams(servers=(Endpoint("127.0.0.1:54"),)),
        "cache": Cache(entries=1000, finished=1000),
        "limits": Limits(questions=0),  # one client asks much, and most clocks here stand still
    }
    return Dns(**(values | changes))


def pool(ipv4="127.53.0.0/16", ipv6=None) -> Pool:
    """Sinkhole addresses."""
    return Pool(Sinkhole(ipaddress.ip_network(ipv4), ipaddress.ip_network(ipv6) if ipv6 else None))


LABELS = Labels("c2", "emotet", "7/CV", "ncsc")


def listed(text, *, subdomains=True, line=1, labels=LABELS, itself=True, **rule) -> Listed:
    """An indicator."""
    return Listed(names.search_key(names.to_wire(text)), line, Rule(labels, **rule), itself, subdomains)


def listed_network(text, trigger="answer", *, line=1, **rule) -> Listed:
    """Addresses."""
    return Listed(network_key(ipaddress.ip_network(text), trigger), line, Rule(LABELS, **rule))


def policy(
    folder: Path, *lists, serial=1, addresses: Pool | None = None, ttl=30, address_mode: Mode = "monitor"
) -> Policy:
    """A policy of `(list name, mode, indicators)` in that order, over segment files in `folder`."""
    entries, segments = [], {}
    for name, mode, indicators in lists:
        path = folder / f"{name}-{serial}.seg"
        digest = write_segment(path, name, serial, indicators)
        entries.append(
            ManifestEntry(
                name, serial, mode, f"campaign-{name}", path.name, digest, len(indicators), 0, address_mode
            )
        )  # fmt: skip
        segments[digest] = Segment(path, digest)
    return make_policy(Manifest(serial, 0.0, tuple(entries)), segments, addresses or pool(), ttl)


def engine(live: Policy, **changes) -> Engine:
    """An engine whose clients are those of `settings`."""
    dns_settings = settings(**changes)
    return Engine(dns_settings, Access(dns_settings.allowed_clients), live)


def name_of(name) -> dns.name.Name:
    """A dnspython name of text, or of labels."""
    return dns.name.from_text(name) if isinstance(name, str) else name


def ask(name, kind="A", *, ident=0x1234, rd=True, ad=False, cd=False, do=False, edns=None, options=(), qclass="IN"):
    """A query message. `edns` is the payload size; DO and options bring EDNS along."""
    message = dns.message.make_query(name_of(name), kind, qclass, id=ident)
    message.flags = (dns.flags.RD * rd) | (dns.flags.AD * ad) | (dns.flags.CD * cd)
    if edns is not None or do or options:
        message.use_edns(0, dns.flags.DO if do else 0, edns or 1232, options=list(options))
    return message


def query(name, kind="A", **how) -> bytes:
    """The packet of `ask`."""
    return ask(name, kind, **how).to_wire()


def understood(body: bytes, ident=0x1234) -> dns.message.Message:
    """An answer of ours (without its ID) as dnspython reads it."""
    return dns.message.from_wire(ident.to_bytes(2, "big") + body, one_rr_per_rrset=True)


def errors(message) -> list[int]:
    """Extended errors (RFC 8914) that an answer carries."""
    return [int(option.code) for option in message.options if isinstance(option, dns.edns.EDEOption)]


def answer_to(packet: bytes, *records, authority=(), additional=(), rcode=0, flags=0) -> dns.message.Message:
    """What an upstream might answer to `packet`: record lines in zone file form."""
    message = dns.message.make_response(dns.message.from_wire(packet), recursion_available=True)
    message.flags |= flags
    message.set_rcode(rcode)
    for section, lines in ((message.answer, records), (message.authority, authority), (message.additional, additional)):
        section.extend(record(line) for line in lines)
    return message


def record(line) -> dns.rrset.RRset:
    """`www.example. 300 IN A 192.0.2.1` as a record set of one."""
    if isinstance(line, dns.rrset.RRset):
        return line
    owner, ttl, qclass, kind, data = line.split(None, 4)
    return dns.rrset.from_text(owner, int(ttl), qclass, kind, data)


SOA = "example. 900 IN SOA ns.example. admin.example. 7 3600 600 86400 300"


@st.composite
def any_name(draw) -> dns.name.Name:
    """Names with any octets in their labels, up to 255 octets."""
    labels, room = [], 254
    for label in draw(st.lists(st.binary(min_size=1, max_size=63), max_size=12)):
        if len(label) + 1 <= room:
            labels.append(label)
            room -= len(label) + 1
    return dns.name.Name([*labels, b""])


@st.composite
def damaged(draw, packets) -> bytes:
    """A packet with a few octets changed, cut, or with something behind it."""
    packet = bytearray(draw(packets))
    for _ in range(draw(st.integers(0, 4))):
        packet[draw(st.integers(0, len(packet) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(packet))) if draw(st.booleans()) else len(packet)
    return bytes(packet[:cut]) + draw(st.one_of(st.just(b""), st.binary(max_size=20)))

"""Owners of a response policy zone -> what triggers: a name, what is below it, addresses of answers or of clients.

No actions here: blocklists.formats.rpz has them.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Literal, NamedTuple

from blocklists.formats.zonefile import Malformed
from blocklists.indicator import Indicator
from contracts.names import labels, to_text, to_wire
from contracts.networks import Network, network_text
from contracts.segment import Data, RuleAction

_NETWORKS: dict[bytes, Literal["answer", "client"]] = {b"rpz-ip": "answer", b"rpz-client-ip": "client"}
_SERVERS = (b"rpz-nsdname", b"rpz-nsip")
_MARKS = (*_NETWORKS, *_SERVERS)
_PREFIX = re.compile(r"[1-9][0-9]{0,2}").fullmatch
_OCTET = re.compile(r"0|[1-9][0-9]{0,2}").fullmatch
_GROUP = re.compile(r"[0-9a-f]{1,4}").fullmatch


class Unsupported(Exception):
    """The trigger is right, and a forwarder cannot follow it; the message says why."""


class Trigger(NamedTuple):
    """`kind` is name, below, answer or client; `text` the listed name or network."""

    kind: str
    text: str
    itself: str = ""  # as a CNAME that points to itself writes it

    def indicator(self, line: int, action: RuleAction, *, target: str = "", data: tuple[Data, ...] = ()) -> Indicator:
        """The indicator that this trigger makes with an action."""
        if self.kind == "name":
            return Indicator(line, self.text, subdomains=False, action=action, target=target, data=data)
        if self.kind == "below":
            return Indicator(line, self.text, itself=False, action=action, target=target, data=data)
        trigger: Literal["answer", "client"] = "client" if self.kind == "client" else "answer"
        return Indicator(line, "", self.text, trigger=trigger, action=action, target=target, data=data)


@lru_cache(256)
def trigger_of(owner: str, zone: str) -> Trigger:
    """What the owner of a record in this zone triggers on. Raises Malformed or Unsupported."""
    parts = [*labels(to_wire(owner))]
    if zone:
        parts = parts[: -len([*labels(to_wire(zone))])]
    last = parts[-1]
    if last in _SERVERS:
        raise Unsupported(f"{last.decode()}: only who resolves by himself learns which servers a name has")
    if last in _NETWORKS:
        network = _network(parts[:-1])
        kind = _NETWORKS[last]
        return Trigger(kind, network_text(network), _text(parts[:-1]))
    mark = next((part for part in parts if part in _MARKS), None)
    if mark is not None and not zone:  # of a zone whose name is known it is a label like any other
        raise Malformed(f"{mark.decode()} inside a name: nothing says what the zone itself is called")
    if last.startswith(b"rpz-"):
        raise Malformed(f"an unknown trigger: {_text([last])}")
    wild = parts[0] == b"*"
    name = parts[1:] if wild else parts
    if not name:
        raise Malformed("`*` alone would list every name there is")
    if b"*" in name:
        raise Malformed("`*` stands for names only as the first label")
    return Trigger("below" if wild else "name", _text(name), _text(parts))


def _text(parts: list[bytes]) -> str:
    return to_text(b"".join(bytes((len(part),)) + part for part in parts) + b"\0")


def _network(parts: list[bytes]) -> Network:
    """`24.0.2.0.192` or `48.zz.1.db8.2001`: prefix, then the address from its end."""
    words = [part.decode("latin-1") for part in parts]
    if len(words) < 2 or not _PREFIX(words[0]):
        raise Malformed("expected a prefix length and an address from its end, as 24.0.2.0.192")
    prefix, backwards = int(words[0]), words[:0:-1]
    try:
        if len(words) == 5 and "zz" not in words:
            if not all(_OCTET(word) for word in backwards):
                raise ValueError("no IPv4 address")
            return ipaddress.IPv4Network((".".join(backwards), prefix))
        if not all(word == "zz" or _GROUP(word) for word in backwards) or backwards.count("zz") > 1:
            raise ValueError("no IPv6 address")
        return _mapped(ipaddress.IPv6Network((_colons(backwards), prefix)))
    except ValueError as error:
        reason = "bits set behind its prefix" if "host bits" in str(error) else "no address"
        raise Malformed(f"{reason}: {'.'.join(words)[:60]!a}") from error


def _colons(groups: list[str]) -> str:
    """`zz` stands for the zeros that `::` stands for."""
    if "zz" not in groups:
        return ":".join(groups)
    at = groups.index("zz")
    return f"{':'.join(groups[:at])}::{':'.join(groups[at + 1 :])}"


def _mapped(network: ipaddress.IPv6Network) -> Network:
    """An IPv4-mapped network is an IPv4 one, as everywhere in the product."""
    mapped = network.network_address.ipv4_mapped
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - 96))

"""IP networks: longest-prefix tables over packed addresses, endpoints and upstreams as text, and overlap checks.

Addresses are packed bytes (4 or 16 octets) because that is what a socket gives us. No sockets here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Generic, Literal, TypeVar, cast

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Value = TypeVar("Value")
UpstreamTransport = Literal["udp", "tcp", "tls"]

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


class NetworkTable(Generic[Value]):
    """CIDR -> value, longest prefix first. Look-ups cost one dict access per prefix length in use."""

    def __init__(self, entries: Iterable[tuple[Network, Value]]) -> None:
        self._levels: dict[tuple[int, int], dict[int, Value]] = {}
        for network, value in entries:
            level = self._levels.setdefault((network.max_prefixlen, network.prefixlen), {})
            level[int(network.network_address) >> (network.max_prefixlen - network.prefixlen)] = value
        self._by_width = {
            width: [
                (width - prefix, level)
                for (bits, prefix), level in sorted(self._levels.items(), reverse=True)
                if bits == width
            ]
            for width in (32, 128)
        }

    def find(self, packed: bytes) -> Value | None:
        """The value of the longest network that holds this address; an IPv4-mapped IPv6 address counts as IPv4."""
        if len(packed) == 16 and packed.startswith(b"\0" * 10 + b"\xff\xff"):
            packed = packed[12:]
        number = int.from_bytes(packed, "big")
        for shift, level in self._by_width[len(packed) * 8]:
            value = level.get(number >> shift)
            if value is not None:
                return value
        return None


def address_text(packed: bytes) -> str:
    """`b'\\x7f\\0\\0\\1'` -> `127.0.0.1`; IPv4-mapped IPv6 is shown as IPv4, as everywhere in the product."""
    if len(packed) == 4:
        return "%d.%d.%d.%d" % tuple(packed)  # noqa: UP031  three times as fast as the ways it would have
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def network_text(network: Network) -> str:
    """A network of one address is shown as that address."""
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def overlaps(networks: Iterable[tuple[str, Network]]) -> list[tuple[str, Network, str, Network]]:
    """Pairs (label, network, label, network) that share addresses, among networks of different labels."""
    ordered = sorted(networks, key=lambda item: (item[1].version, int(item[1].network_address), item[1].prefixlen))
    found = list[tuple[str, Network, str, Network]]()
    open_ones = list[tuple[str, Network]]()
    for label, network in ordered:
        open_ones = [
            (other, wide)
            for other, wide in open_ones
            if wide.version == network.version and int(wide.broadcast_address) >= int(network.network_address)
        ]
        found.extend((other, wide, label, network) for other, wide in open_ones if other != label)
        open_ones.append((label, network))
    return found


class Endpoint(str):
    """`127.0.0.1:53` or `[::1]:53`: an address and a port, checked."""

    __slots__ = ("address", "port")
    address: Address
    port: int

    def __new__(cls, text: str, default_port: int | None = None) -> Endpoint:
        """Raise ValueError with a reason when the text is no endpoint."""
        host, port = _split(text, default_port)
        self = super().__new__(cls, f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}")
        self.address, self.port = host, port
        return self


class UpstreamAddress(Endpoint):
    """How a DNS server is asked: `10.1.1.1`, `[fd00::1]:5353`, `tcp://10.1.1.1`, `tls://10.1.1.1:853#dns.example.vn`.

    `endpoint` is address and port alone. `name` is what the certificate of a TLS server must be valid for.
    """

    __slots__ = ("endpoint", "name", "transport")
    endpoint: str
    name: str
    transport: UpstreamTransport

    def __new__(cls, text: str, default_port: int | None = None) -> UpstreamAddress:
        """Raise ValueError with a reason. Without a port it is 853 for TLS, else 53."""
        scheme, marked, rest = text.partition("://")
        if marked and scheme not in {"tcp", "tls"}:
            raise ValueError("expected address, address:port, tcp://address or tls://address#name")
        rest, hashed, name = (rest if marked else text).partition("#")
        name = name.lower().removesuffix(".")
        if scheme == "tls" and marked:
            if not _HOST_NAME.fullmatch(name):
                raise ValueError("expected tls://address#name with the name that its certificate is valid for")
            _check_certificate_name(name)
        elif hashed:
            raise ValueError("a name after # belongs to tls:// only")
        transport = cast("UpstreamTransport", scheme if marked else "udp")
        bare = Endpoint(rest, default_port or (853 if transport == "tls" else 53))
        shown = f"{scheme}://{bare}" if marked else str(bare)
        self = str.__new__(cls, f"{shown}#{name}" if name else shown)
        self.address, self.port, self.endpoint = bare.address, bare.port, str(bare)
        self.name, self.transport = name, transport
        return self


def _check_certificate_name(name: str) -> None:
    """Raise ValueError for what TLS takes neither as an IPv4 address nor as a host name."""
    if name.rpartition(".")[2].isdecimal():
        try:
            ipaddress.IPv4Address(name)
        except ValueError as error:
            raise ValueError(f"the name {name!r} ends in a number and is no IPv4 address") from error
        return
    import idna  # its tables are wanted only where there is TLS

    try:
        idna.encode(name)
    except idna.IDNAError as error:
        reason = str(error)
        raise ValueError(
            f"no certificate can be checked for the name {name!r} ({reason[:1].lower()}{reason[1:]})"
        ) from error


def _split(text: str, default_port: int | None) -> tuple[Address, int]:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError("expected [IPv6 address]:port")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if not port and default_port is None:
        raise ValueError("expected address:port")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("the port is no number between 1 and 65535")
    return ipaddress.ip_address(host), int(port) if port else default_port or 0

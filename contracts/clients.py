"""The client table: units' networks, how networks stand, whose word about others counts. Casework makes it.

No SQL and no decisions: what a standing does is resolver.policy's, who may set one is casework's.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from contracts.networks import Network, NetworkTable

Standing = Literal["normal", "monitor", "exempt"]
# What is believed of a forwarder: the client in ECS (RFC 7871), a hardware address or CPE-ID in EDNS, a PROXY header.
Trust = Literal["ecs", "mac", "cpe-id", "proxy"]
_DIGEST = 32


class BadClients(Exception):
    """The published table cannot be used; the message says why."""


class UnitNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network and the code of its unit."""

    network: str
    unit: str


class NetworkStanding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How policy treats a network until a time; what is over counts as if it were not there."""

    network: str
    standing: Standing
    until: int  # seconds since the epoch; 0: for ever
    reason: str

    def is_over(self, now: float) -> bool:
        """Whether its time has passed."""
        return bool(self.until) and now >= self.until


class Forwarder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registered forwarder or proxy: an address or network, and what of its words is believed."""

    network: str
    unit: str
    trusts: tuple[Trust, ...]


class ClientTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that casework tells workers of clients."""

    serial: int  # only grows
    made: float  # seconds since the epoch
    units: tuple[UnitNetwork, ...] = ()
    standings: tuple[NetworkStanding, ...] = ()
    forwarders: tuple[Forwarder, ...] = ()
    format: Literal[1] = 1

    @property
    def content(self) -> tuple[object, ...]:
        """What it says, whenever it was made."""
        return self.units, self.standings, self.forwarders


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: a packed ClientTable and its BLAKE2b-256."""

    digest: bytes
    body: bytes


NO_CLIENTS = ClientTable(0, 0.0)


class About(NamedTuple):
    """What a table says of one address; the longest network wins in each column."""

    unit: str
    standing: NetworkStanding | None
    forwarder: Forwarder | None


class Clients:
    """A table made ready for look-ups. Raises BadClients where a network in it is none."""

    def __init__(self, table: ClientTable = NO_CLIENTS) -> None:
        self.table = table
        self._units = NetworkTable((_network(one.network), one.unit) for one in table.units)
        self._standings = [(_network(one.network), one) for one in table.standings]
        self.forwarders = NetworkTable((_network(one.network), one) for one in table.forwarders)

    def standings_at(self, now: float) -> NetworkTable[NetworkStanding]:
        """Those that are not over."""
        return NetworkTable((network, one) for network, one in self._standings if not one.is_over(now))

    def next_end(self, now: float) -> int | None:
        """When the next of them is over."""
        return min((one.until for _network, one in self._standings if one.until > now), default=None)

    def about(self, packed: bytes, now: float) -> About:
        """What is said of an address."""
        return About(self._units.find(packed) or "", self.standings_at(now).find(packed), self.forwarders.find(packed))


class ClientFolder:
    """Where the table lies: `<state>/clients`. Renaming the file is the switch."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "clients"
        self.file = self.folder / "clients.msgpack"

    def read(self) -> ClientTable | None:
        """The live table, None when none was ever written; BadClients when it cannot be understood."""
        try:
            raw = self.file.read_bytes()
        except FileNotFoundError:
            return None
        try:
            sealed = msgspec.msgpack.decode(raw, type=_Sealed)
            if sealed.digest != _digest(sealed.body):
                raise BadClients(f"{self.file.name}: damaged: its digest is another one")
            return msgspec.msgpack.decode(sealed.body, type=ClientTable)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadClients(f"{self.file.name}: {error}") from error

    def publish(self, table: ClientTable) -> None:
        """Make `table` the live one: written beside, synced, renamed over, folder synced."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        body = msgspec.msgpack.encode(table)
        fresh = self.file.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.msgpack.encode(_Sealed(_digest(body), body)))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self.file)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_narrow(network: Network) -> bool:
    """Whether a network is small enough to be one forwarder: whoever sits in it may speak for others."""
    return network.prefixlen >= network.max_prefixlen - 8


def sorted_trusts(trusts: Iterable[Trust]) -> tuple[Trust, ...]:
    """Each once, in a fixed order."""
    return tuple(sorted(set(trusts)))


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BadClients(f"no network: {error}") from error


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST).digest()

"""One real worker for a scenario: its servers on loopback, its pool towards the scenario's upstreams, virtual time.

What is sent and what is to come back is the player's.
"""

from __future__ import annotations

import ipaddress
import os
import random
import socket
import struct
import sys
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from unittest.mock import Mock, patch

import msgspec

from bench.ports import free_port
from contracts import config, names, yamlio
from contracts.decisions import Allowed, Bypass, Decisions, DecisionsFile
from contracts.hit import HitFacts, unpack_facts
from contracts.networks import Endpoint, address_text
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from contracts.segment import Data, Labels, Listed, Rule, network_key, write_segment
from contracts.settings import Settings
from resolver import worker
from resolver.hits.sender import HitKey
from resolver.net import sockets
from tests.conftest import REPO
from tests.scenarios.player_time import VirtualReactor
from tests.scenarios.player_upstream import Upstreams
from tests.scenarios.reading import Scenario
from tests.scenarios.reading_policy import Listing, Policy

FAR = 1e12  # seconds since the epoch: never
LABELS = Labels("c2", "emotet", "7/CV", "ncsc")
# What differs from config.yaml where a scenario says nothing: one sinkhole address, clients that may ask, one upstream.
BASE = {
    "dns": {"allowed_clients": ["127.10.0.0/16", "::1/128"], "upstreams": {"servers": ["192.0.2.1"]}},
    "sinkhole": {"ipv4_pool": "127.53.0.9/32"},
    "lists": [],
    "units": [],
    "campaigns": [],
}


class Hits:
    """In the place of HitSender: hits as they are made."""

    idle = connected = True

    def __init__(self, _reactor, _path, _hello, counts) -> None:
        self._counts = counts
        self.made: list[tuple[str, HitFacts, int]] = []

    def add(self, client: bytes, hit: bytes, count: int, claim: bytes = b"") -> None:
        self.made.append((address_text(client), unpack_facts(hit), count))

    def add_all(self, hits: dict[HitKey, int]) -> None:
        for (client, claim, hit), count in hits.items():
            self.add(client, hit, count, claim)

    def start(self) -> None:
        """Nothing to connect to."""

    flush = start

    def stop(self) -> None:
        self._counts.close()


class World:
    """A worker with everything around it. `inbox` holds (client, transport, second, packet) as they came."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.upstreams = Upstreams(scenario)
        self.reactor = self.upstreams.reactor = VirtualReactor(self.upstreams.listener)
        self._undo = ExitStack()
        self.inbox: list[tuple[str, str, float, bytes]] = []
        self._links: dict[tuple[str, str], socket.socket] = {}
        self._octets: dict[tuple[str, str], bytes] = {}
        self._folder = PolicyFolder(folder / "policy")
        self._decisions = DecisionsFile(folder)
        self._address = f"127.{random.randrange(128, 250)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        self._port = free_port(self._address)
        self.worker = None
        try:
            self._start(scenario, folder)
        except BaseException:
            self.close()
            raise

    def _start(self, scenario: Scenario, folder: Path) -> None:
        clock = self.reactor.seconds
        for name in ("Dispatcher", "Pool"):
            self._patch(worker, name, partial(getattr(worker, name), clock=clock))
        self._patch(worker, "HitSender", Hits)
        self._patch(worker, "gc", Mock())  # a collection at every start would take longer than the scenario
        self._patch(worker, "DRAIN_SECONDS", -1.0)
        self._patch(os, "fsync", lambda _descriptor: None)  # nothing here has to outlive a power cut
        for module in [module for name, module in sys.modules.items() if name.startswith("resolver.")]:
            if getattr(module, "connected", None) is sockets.connected and module is not sockets:
                self._patch(module, "connected", self.upstreams.connected)
        settings = self._settings(scenario, folder)
        self._publish(scenario.policy)
        self.worker = worker.Worker(self.reactor, settings, 0)
        self.worker.start()

    def _patch(self, module, name: str, value) -> None:
        self._undo.enter_context(patch.object(module, name, value))

    def _settings(self, scenario: Scenario, folder: Path) -> Settings:
        try:
            read = _settings(msgspec.json.encode(scenario.config))
        except config.BadConfig as error:
            raise config.BadConfig(Path(scenario.file), error.problems) from None
        listen = (Endpoint(f"{self._address}:{self._port}"), Endpoint(f"[::1]:{self._port}"))
        replace = msgspec.structs.replace
        return replace(read, state_dir=str(folder), dns=replace(read.dns, listen=listen))

    def _publish(self, policy: Policy | None) -> None:
        entries = []
        self._folder.segments.mkdir(parents=True, exist_ok=True)
        serial = policy.serial if policy else 1
        for one in policy.lists if policy else []:
            path = self._folder.segments / f"{one.name}-{serial}.seg"
            digest = write_segment(path, one.name, serial, map(_listed, one.listings))
            entries.append(
                ManifestEntry(
                    one.name, serial, one.mode, f"campaign-{one.name}", path.name, digest, len(one.listings), 0,
                    one.address_mode,
                )
            )  # fmt: skip
        allowed = tuple(Allowed(name, FAR, "a scenario") for name in policy.allowed) if policy else ()
        bypass = Bypass(FAR, "a scenario") if policy and policy.bypassed else None
        self._folder.publish(Manifest(serial, 0.0, tuple(entries)))
        self._decisions.publish(Decisions(serial, 0.0, allowed, bypass))

    def reload(self, policy: Policy) -> str:
        """A new policy goes live; what is wrong with it."""
        self._publish(policy)
        self.worker.decisions.look()
        self.worker.keeper.load_now()
        return self.worker.keeper.problem

    def send(self, client: str, transport: str, packet: bytes) -> bool:
        """A client asks; whether the worker has read it."""
        counters = self.worker.engine.counters
        link = self._link(client, transport)
        before = counters.udp_queries + counters.tcp_queries
        link.sendall(packet if transport == "udp" else struct.pack("!H", len(packet)) + packet)
        read = self.reactor.really_wait(lambda: counters.udp_queries + counters.tcp_queries > before)
        self.reactor.settle()
        self.collect()
        return read

    def _link(self, client: str, transport: str) -> socket.socket:
        found = self._links.get((client, transport))
        if found is not None and transport == "tcp":
            self.collect()
            found = self._links.get((client, transport))
        if found is None:
            wide = ":" in client
            kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
            found = socket.socket(socket.AF_INET6 if wide else socket.AF_INET, kind)
            found.bind((client, 0))
            found.connect(("::1" if wide else self._address, self._port))
            found.setblocking(False)
            self._links[client, transport] = found
            self._octets[client, transport] = b""
        return found

    def collect(self) -> None:
        """Take what has come for the clients."""
        for (client, transport), link in list(self._links.items()):
            try:
                while data := link.recv(65536):
                    self._arrived(client, transport, data)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                pass
            link.close()  # the worker has hung up
            del self._links[client, transport]

    def _arrived(self, client: str, transport: str, data: bytes) -> None:
        if transport == "tcp":
            data = self._octets[client, transport] + data
            while len(data) >= 2 and len(data) >= (end := 2 + int.from_bytes(data[:2], "big")):
                self.inbox.append((client, transport, self.reactor.now, data[2:end]))
                data = data[end:]
            self._octets[client, transport] = data
        else:
            self.inbox.append((client, transport, self.reactor.now, data))

    def pass_time(self, seconds: float) -> None:
        """Time goes on; answers are collected as they come."""
        self.reactor.pass_time(seconds, self.busy, self.collect)

    def busy(self) -> bool:
        """Whether something is under way to or from an upstream."""
        return bool(self.upstreams.under_way or len(self.worker.upstreams))

    def close(self) -> None:
        """End the worker and give everything back."""
        for link in self._links.values():
            link.close()
        try:
            if self.worker is not None:
                self.worker.stop()
                self.reactor.settle()
        finally:
            self.upstreams.close()
            self.reactor.end()
            self._undo.close()


@cache
def _settings(changes: bytes) -> Settings:
    """config.yaml with the changes of a scenario, checked as any other; once, for that takes longer than playing."""
    data = _default()
    for each in (BASE, msgspec.json.decode(changes)):
        data = _merged(data, each)
    return config.parse(msgspec.json.encode(data).decode(), REPO / "config.yaml")


@cache
def _default() -> dict:
    return yamlio.read((REPO / "config.yaml").read_text(encoding="utf-8")).data


def _merged(old, new):
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {key: _merged(old.get(key), value) for key, value in new.items()}


def _listed(listing: Listing) -> Listed:
    target = names.to_wire(listing.alias) if listing.alias else b""
    rule = Rule(LABELS, listing.action, target, tuple(Data(*one) for one in listing.data))
    if listing.trigger == "name":
        key = names.search_key(names.to_wire(listing.target))
    else:
        key = network_key(ipaddress.ip_network(listing.target), listing.trigger)
    return Listed(key, listing.line.number, rule, listing.itself, listing.below)

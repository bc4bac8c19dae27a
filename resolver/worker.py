"""One resolver worker put together: sockets, engine, upstreams, hits, policy, control. The only wiring in resolver/.

Each part's own work stands in its own file.
"""

from __future__ import annotations

import gc
import logging
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater

from contracts.clients import ClientFolder
from contracts.control import RunFolder
from contracts.counter import CounterFile, counter_path
from contracts.decisions import DecisionsFile
from contracts.hit import Hello
from contracts.names import BadName, to_wire
from contracts.networks import UpstreamAddress, address_text
from contracts.policy import PolicyFolder
from contracts.pool import Pool as SinkholePool
from contracts.settings import Settings, system_upstreams
from resolver.client_table import ClientKeeper
from resolver.cookies import CookieJar
from resolver.decided import DecisionKeeper
from resolver.engine import Engine
from resolver.explanation import explain
from resolver.hits.sender import HitSender
from resolver.net.sockets import bind
from resolver.policy.clients import Access
from resolver.policy.ladder import make_policy
from resolver.reload import PolicyKeeper
from resolver.server.dispatch import Dispatcher, Waiting
from resolver.server.tcp import TcpFactory
from resolver.server.udp import UdpServer
from resolver.upstream.pool import Pool
from resolver.wire.constants import TYPE_NUMBERS
from runtime.control import Call, ControlFactory, Handler, Refused, listen

log = logging.getLogger(__name__)
DRAIN_SECONDS = 5.0
LOUDEST = 10  # clients over a limit that `status` names
_UPSTREAM = frozenset(
    ("forward", "cached", "stale", "failed")
)  # outcomes of `explain` whose answers come from upstreams


class Worker:
    """`start` raises OSError when an address cannot be bound."""

    def __init__(self, reactor: Any, settings: Settings, number: int) -> None:
        dns = settings.dns
        self.reactor = reactor
        self.settings = settings
        self.number = number
        self.boot = secrets.token_hex(8)
        self.started = time.time()
        run = RunFolder(settings.state)
        self._control_path = run.control("resolver", number)
        pool = SinkholePool(settings.sinkhole)
        access = Access(dns.allowed_clients, dns.proxies)
        self.engine = Engine(dns, access, make_policy(None, {}, pool, settings.sinkhole.ttl))
        self.jar = CookieJar(settings.state) if dns.cookies else None
        self.engine.options.jar = self.jar
        counts = CounterFile(counter_path(run.folder, number, self.boot))
        hello = Hello(settings.node, number, self.boot)
        self.hits = HitSender(reactor, run.hits, hello, counts)
        self.dispatcher = Dispatcher(self.engine, self.hits)
        self.upstreams: Pool[Waiting] = Pool(
            reactor,
            _servers(settings),
            dns,
            self.engine.counters,
            self.dispatcher.deliver,
            self._flush_late,
            self.dispatcher.guard,
            late=self.dispatcher.late,
            shed=self.dispatcher.shed,
            ca_file=_ca_file(settings),
        )
        self.dispatcher.upstream = self.upstreams
        self.keeper = PolicyKeeper(
            reactor, PolicyFolder(settings.state / "policy"), pool, settings.sinkhole.ttl, self.engine.swap
        )
        self.decisions = DecisionKeeper(reactor, DecisionsFile(settings.state), self.keeper.decide)
        self.clients = ClientKeeper(reactor, ClientFolder(settings.state), access)
        self._access = access
        self._udp: list[UdpServer] = []
        self._tcp_factory = TcpFactory(
            reactor, access, self.dispatcher, dns.tcp_idle_seconds, dns.tcp_connections, dns.tcp_per_client
        )
        self._ports: list[IListeningPort] = []

    def start(self) -> None:
        """Load policy and client table, then open the doors."""
        self.decisions.look()
        self.keeper.load_now()
        self.clients.load_now()
        self.hits.start()
        links = [
            (bind(endpoint, socket.SOCK_DGRAM), bind(endpoint, socket.SOCK_STREAM))
            for endpoint in self.settings.dns.listen
        ]
        for datagrams, streams in links:
            streams.listen(1024)
            self._ports.append(self.reactor.adoptStreamPort(streams.fileno(), streams.family, self._tcp_factory))
            streams.close()
            self._udp.append(UdpServer(self.reactor, datagrams, self._access, self.dispatcher))
        for server in self._udp:
            server.start()
        self.upstreams.start()
        self.keeper.start()
        self.decisions.start()
        self.clients.start()
        if self.jar is not None:
            self.jar.start(self.reactor)
        operations: dict[str, Handler] = {"status": self.status, "reload": self._reload, "explain": self._explain}
        self._ports.append(listen(self.reactor, self._control_path, ControlFactory(operations)))
        gc.collect()
        gc.freeze()  # what lives for ever is not looked at again by every collection
        gc.set_threshold(2_000, 10, 1_000)  # hardly any cycles: little at once (20,000: 9 ms), the old seldom
        log.info("worker %d answers on %s", self.number, ", ".join(self.settings.dns.listen))

    def _flush_late(self) -> None:
        for server in self._udp:
            server.flush_late()

    def stop(self) -> Deferred[Any]:
        """Take no more questions, finish those under way, hand over the last hits."""
        for server in self._udp:
            server.stop()
        self.keeper.stop()
        self.decisions.stop()
        self.clients.stop()
        if self.jar is not None:
            self.jar.stop()
        closing = [port.stopListening() for port in self._ports]
        ended: Deferred[Any] = DeferredList([one for one in closing if one is not None])
        ended.addCallback(lambda _ignored: self._drain(time.monotonic() + DRAIN_SECONDS))
        return ended

    def _drain(self, deadline: float) -> Any:
        self.hits.flush()
        if (self.hits.idle and not len(self.upstreams)) or time.monotonic() > deadline:
            self._tcp_factory.close_all()
            self.upstreams.stop()
            self.hits.stop()
            for server in self._udp:
                server.close()
            return None
        return deferLater(self.reactor, 0.05, self._drain, deadline)

    def status(self, _call: Call) -> dict[str, Any]:
        """Everything `sinkhole status` shows of a worker."""
        problems = [self.keeper.problem] if self.keeper.problem else []
        problems += self.decisions.problems()
        problems += [self.clients.problem] if self.clients.problem else []
        problems += self.upstreams.problems()
        if not self.hits.connected:
            problems.append("the recorder does not take hits; they are kept in memory")
        if self.jar is not None and self.jar.problem:
            problems.append(self.jar.problem)
        loudest = self.dispatcher.limits.loudest
        return {
            "worker": self.number,
            "pid": os.getpid(),
            "boot": self.boot,
            "started": self.started,
            "serial": self.keeper.serial,
            "policy_since": self.keeper.since,
            "decisions": {"serial": self.decisions.live.serial, "bypassed": self.decisions.bypassed},
            "clients": self.clients.status(),
            "counters": self.engine.counters.as_dict(),
            "over_limit": [[address_text(who), times] for who, times in loudest.first(LOUDEST)],
            "over_limit_last": loudest.last,
            "tcp": self._tcp_factory.status(),
            "hits": self.hits.status(),
            "cache": {"answers": len(self.engine.cache), "under_way": len(self.upstreams)},
            "upstreams": self.upstreams.status(),
            "problems": problems,
        }

    def reload(self) -> Deferred[Any]:
        """SIGHUP: look now at what is published."""
        return DeferredList([self.keeper.reload(), self.clients.reload()])

    def _reload(self, _call: Call) -> Deferred[dict[str, Any]]:
        self.decisions.look()
        done: Deferred[Any] = self.reload()
        done.addCallback(
            lambda _both: {
                "serial": self.keeper.serial, "problem": self.keeper.problem,
                "decisions": self.decisions.live.serial, "decisions_problem": self.decisions.problem,
                "clients": self.clients.serial, "clients_problem": self.clients.problem,
            }
        )  # fmt: skip
        return done

    def _explain(self, call: Call) -> dict[str, Any]:
        try:
            name = to_wire(str(call.args["name"]))
            client = _packed(str(call.args.get("client") or "127.0.0.1"))
        except BadName as error:
            raise Refused(f"no domain name: {error}") from error
        except (KeyError, OSError, ValueError) as error:  # ValueError: a NUL in the address
            raise Refused("needs a name, and an IP address as client where one is given") from error
        asked = str(call.args.get("type") or "A").upper()
        number = TYPE_NUMBERS.get(asked) or _type_number(asked)
        told = explain(self.engine, name, number, client, self.dispatcher.clock())
        asked_of = self.upstreams.asked_of(name) if told["outcome"] in _UPSTREAM else None
        return told | {"asker": self.clients.about(client), "asked_of": asked_of}


def _servers(settings: Settings) -> list[UpstreamAddress]:
    found = list[UpstreamAddress]()
    for server in settings.dns.upstreams.servers:
        found += [server] if isinstance(server, UpstreamAddress) else system_upstreams(settings.dns.listen)
    return [server for server in found if server.endpoint not in settings.dns.listen]


def _ca_file(settings: Settings) -> Path | None:
    file = settings.dns.upstreams.tls_ca_file
    return settings.beside(file) if file else None


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _type_number(text: str) -> int:
    digits = text.removeprefix("TYPE")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6) or not 0 < int(digits) < 65536:
        raise Refused(f"unknown record type {text}")
    return int(digits)

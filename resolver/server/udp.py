"""The UDP server: reads datagrams in batches, answers what the table of finished packets knows, hands on the rest.

The hot loop. No parsing here; whatever is not found by its raw bytes is server.dispatch's.
"""

from __future__ import annotations

import logging
import socket
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from resolver.identity import Asker
from resolver.net.mmsg import NAME, SIZE, SLOTS, make_batch
from resolver.net.outbox import Outbox
from resolver.net.sockets import leave_group
from resolver.outcome import Finished, Reply
from resolver.policy.clients import PROXIES, STRANGERS, Access, Group
from resolver.server.aside import Aside
from resolver.server.dispatch import Dispatcher, Send
from resolver.server.limits import LARGE, Share
from resolver.server.proxy import BadHeader, read_header

log = logging.getLogger(__name__)
_ROUNDS = 4  # batches read before the reactor may look at other sockets
_LAST_ROUNDS = 1000  # the most that a full receive buffer can hold, and more
_KNOWN_CLIENTS = 100_000
# Socket address, packet, client, its group and since when it stands so, who asks, whether that is more than its share.
_Asked = tuple[bytes, bytes, bytes, Group, int, Asker | None, bool]


@implementer(IReadDescriptor)
class UdpServer:
    """One listening UDP socket on the reactor."""

    def __init__(self, reactor: Any, link: socket.socket, access: Access, dispatcher: Dispatcher) -> None:
        self._reactor = reactor
        self._link = link
        self._fd = link.fileno()
        self._access = access
        self._dispatcher = dispatcher
        self._wide = link.family == socket.AF_INET6
        self._batch = make_batch(wide=self._wide)
        self._late = Outbox(link, before=self._hand_over)
        self._aside: Aside[_Asked] = Aside(reactor, self._set_aside, self._end_set_aside)
        self._clients: dict[bytes, Group] = {}
        self._behind: dict[tuple[bytes, bytes], Group] = {}  # (proxy, client)
        self._generation = access.generation

    def fileno(self) -> int:
        """For the reactor."""
        return self._fd

    def logPrefix(self) -> str:
        """For the reactor."""
        return "udp"

    def start(self) -> None:
        """Begin to read."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Answer what is here already and read no more; answers under way can still be sent until `close`."""
        try:
            leave_group(self._link)
        except OSError as error:
            log.warning("cannot leave the other workers to it: %s", error)
        for _ in range(_LAST_ROUNDS):
            if self._read() < SLOTS:
                break
        self._aside.finish()
        self._reactor.removeReader(self)

    def close(self) -> None:
        """Give the socket back."""
        self._link.close()

    def connectionLost(self, reason: object) -> None:
        """For the reactor: a datagram socket has no connection to lose."""

    def doRead(self) -> None:
        """For the reactor: there is something to read."""
        for _ in range(_ROUNDS):
            if self._read() < SLOTS:
                return

    def _read(self) -> int:
        """Read one batch and answer it; how many packets it held."""
        try:
            count = self._batch.receive(self._fd)
        except OSError as error:  # an ICMP error of an earlier answer: theirs, not ours
            log.debug("receive: %s", error)
            return 0
        if count:
            self._dispatcher.guard(self._answer, count)
            self._batch.reset(count)
        return count

    def _answer(self, count: int) -> None:
        """Answer `count` datagrams in place. Measured by `make bench` (listed, cached): keep it free of calls."""
        batch = self._batch
        data, sizes = batch.data, batch.sizes
        names = batch.names[: count * NAME].tobytes()
        if self._generation != self._access.generation:
            self._clients, self._behind, self._generation = {}, {}, self._access.generation
        clients = self._clients
        dispatcher = self._dispatcher
        engine = dispatcher.engine
        now = dispatcher.clock()
        first, last = (8, 24) if self._wide else (4, 8)
        group = STRANGERS
        hot: dict[bytes, Finished] = {}
        hits: dict[tuple[bytes, bytes, bytes], int] = {}
        silent = list[int]()
        slow, large = 0, LARGE
        at = -SIZE
        name_at = -NAME
        for i, length in enumerate(batch.received(count)):
            at += SIZE
            name_at += NAME
            client = names[name_at + first : name_at + last]
            found = clients.get(client) or self._classify(client)
            if found is not group:
                group = found
                hot = engine.tables(group).raw.young
            finished = hot.get(data[at + 2 : at + length].tobytes())
            if finished is None or now >= finished[1]:
                slow += 1
                body = self._slow(i, data[at : at + length].tobytes(), client, group, now)
                if body is None:
                    silent.append(i)
                    continue
            else:
                body = finished[0]
                hit = finished[2]
                if hit is not None:
                    key = (client, b"", hit)
                    hits[key] = hits.get(key, 0) + 1
            size = len(body)
            if size > large and group is not PROXIES:  # what goes to a proxy's clients is `_proxied`'s
                given = dispatcher.within_limits(body, data[at : at + length].tobytes(), client, group, now)
                if given is None:
                    silent.append(i)
                    continue
                body, size = given, len(given)
            size += 2
            data[at + 2 : at + size] = body
            sizes[2 * i + 1] = size
        engine.counters.udp_queries += count
        engine.counters.hot += count - slow
        sink = dispatcher.hits
        if hits:
            sink.add_all(hits)
        sink.flush()  # before the answers: an answer that was sent has its hit on the way
        self._send(count, silent)
        if slow:
            dispatcher.flush_questions()

    def _classify(self, client: bytes) -> Group:
        """The group of a client not seen before; remembered, strangers too."""
        if len(self._clients) >= _KNOWN_CLIENTS:
            self._clients.clear()
        group = self._clients[client] = self._access.group(client)
        return group

    def _slow(self, i: int, packet: bytes, client: bytes, group: Group, now: float,
              asker: Asker | None = None) -> bytes | None:  # fmt: skip
        if group is PROXIES:
            return self._proxied(i, packet, client, now)
        dispatcher = self._dispatcher
        by_tcp = asker is not None and asker.transport == "tcp"  # to the proxy; what is in the table is for UDP
        if not by_tcp:
            aged = dispatcher.engine.tables(group).raw.get(packet[2:])  # promoted where it was in the old generation
            if aged is not None and now < aged[1]:
                if aged[2] is not None:
                    dispatcher.hits.add(client, aged[2], 1, asker.claim if asker is not None else b"")
                return aged[0]
        name = self._batch.names[i * NAME : (i + 1) * NAME].tobytes()
        share = dispatcher.limits.share(client, forwarder=group.forwarder, now=now)
        if share is not Share.AHEAD:
            over = share is Share.OVER
            self._aside.put((name, packet, client, group, self._generation, asker, over), last=over)
            return None
        send = self._way_back(name, packet, client, group, asker)
        outcome = dispatcher.packet(packet, client, group, "udp", send, now, asker)
        return outcome.body if isinstance(outcome, Reply) else None

    def _way_back(self, name: bytes, packet: bytes, client: bytes, group: Group, asker: Asker | None) -> Send:
        """For an answer that does not leave with its batch."""
        dispatcher, late = self._dispatcher, self._late
        by_tcp = asker is not None and asker.transport == "tcp"

        def send(message: bytes) -> None:
            if len(message) > LARGE and not by_tcp:
                given = dispatcher.within_limits(message[2:], packet, client, group, dispatcher.clock())
                message = message[:2] + given if given is not None else b""
            if message:
                late.put(name, message)

        return send

    def _set_aside(self, asked: _Asked) -> None:
        """One question of a machine that asks much, now that the others have been looked after."""
        name, packet, client, group, generation, asker, over = asked
        dispatcher, now = self._dispatcher, self._dispatcher.clock()
        if generation != self._access.generation:  # as it stood when it asked, policy has no word for it any more
            group = self._access.behind(asker.proxy, client) if asker is not None else self._access.group(client)
            if asker is not None:
                asker.group = group
        if over:
            outcome = dispatcher.throttled(packet, client, group, now, asker)
            if isinstance(outcome, Reply):  # never a large one
                self._late.put(name, packet[:2] + outcome.body)
            return
        send = self._way_back(name, packet, client, group, asker)
        outcome = dispatcher.packet(packet, client, group, "udp", send, now, asker)
        if isinstance(outcome, Reply):
            dispatcher.guard(send, packet[:2] + outcome.body)

    def _end_set_aside(self) -> None:
        self._hand_over()
        self._dispatcher.guard(self.flush_late)
        self._dispatcher.flush_questions()

    def _hand_over(self) -> None:
        """Hits before the answers, as in `_answer`."""
        self._dispatcher.guard(self._dispatcher.hits.flush)

    def _proxied(self, i: int, packet: bytes, proxy: bytes, now: float) -> bytes | None:
        """What a listed proxy sent begins with a header, which names the client; the answer goes to the proxy."""
        try:
            header = read_header(packet)
        except BadHeader:
            header = None
        if header is None:
            self._dispatcher.engine.counters.proxy_refused += 1
            return None
        client = header.client or proxy
        group = self._behind.get((proxy, client))
        if group is None:
            if len(self._behind) >= _KNOWN_CLIENTS:
                self._behind.clear()
            group = self._behind[proxy, client] = self._access.behind(proxy, client)
        asker = Asker(client, group, proxy, transport=header.transport)
        packet = packet[header.size :]
        body = self._slow(i, packet, client, group, now, asker)
        if body is not None and len(body) > LARGE and asker.transport != "tcp":  # its address is not forged
            body = self._dispatcher.within_limits(body, packet, client, group, now)
        if body is not None:
            self._batch.data[i * SIZE : i * SIZE + 2] = packet[:2]  # the ID, in front of which the header stood
        return body

    def _send(self, count: int, silent: list[int]) -> None:
        lost = 0
        start = 0
        for end in (*silent, count):
            if end > start:
                lost += self._batch.send(self._fd, start, end)
            start = end + 1
        if lost:
            self._dispatcher.engine.counters.send_dropped += lost

    def flush_late(self) -> None:
        """Send the answers that upstreams have brought since the last call."""
        self._dispatcher.engine.counters.send_dropped += self._late.flush()

"""Fixtures that make upstreams and pools and close them.

What they are stands in servers.py.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from twisted.protocols.tls import TLSMemoryBIOFactory

from tests.resolver.upstream.servers import Asking, StreamUpstream, Upstream


@pytest.fixture
def upstream():
    """Makes upstreams of datagrams."""
    with ExitStack() as closing:

        def make(host="127.0.0.1", port=0):
            made = Upstream(host, port)
            closing.callback(made.link.close)
            return made

        yield make


@pytest.fixture
def asking():
    """Makes pools."""
    with ExitStack() as closing:

        def make(*addresses, **how):
            made = Asking(*addresses, **how)
            closing.callback(made.pool.stop)
            return made

        yield make


@pytest.fixture
def streaming(reactor, spin):
    """Makes upstreams of TCP, or of TLS where `serving` is given; returns (its factory, its port)."""
    made = []

    def make(say=None, serving=None, port=0):
        factory = StreamUpstream(say)
        outer = TLSMemoryBIOFactory(serving, False, factory, clock=reactor) if serving else factory
        listening = reactor.listenTCP(port, outer, interface="127.0.0.1")
        made.append((factory, listening))
        return factory, listening.getHost().port

    yield make
    for factory, listening in made:
        listening.stopListening()
        for conversation in list(factory.open):
            conversation.transport.abortConnection()
    spin(lambda: not any(factory.open for factory, _listening in made), "all connections closed")

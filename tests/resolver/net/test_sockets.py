"""The sockets of the packet path: shared listeners, random source ports, and who they take packets from."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from contracts.networks import Endpoint
from resolver.net.sockets import bind, connected
from tests.resolver.server.datagrams import free


def endpoint(link):
    host, port = link.getsockname()[:2]
    return Endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.10.0.7", "::1"])
def test_workers_share_an_address(kind, host):
    where = free(host)
    with closing(bind(where, kind)) as one, closing(bind(where, kind)) as other:
        assert endpoint(one) == endpoint(other) == where
        assert not one.getblocking()


def test_an_address_that_is_not_ours_is_an_error_and_leaves_no_socket():
    with pytest.raises(OSError):
        bind(Endpoint("192.0.2.1:53"), socket.SOCK_DGRAM)


def test_an_upstream_without_a_route_leaves_no_socket():
    with pytest.raises(OSError):
        connected(Endpoint("255.255.255.255:53"))


def test_somebody_elses_port_is_an_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        theirs.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            bind(endpoint(theirs), socket.SOCK_DGRAM)


def test_source_ports_are_spread():
    with closing(bind(free(), socket.SOCK_DGRAM)) as server:
        links = [connected(endpoint(server)) for _ in range(40)]
        ports = {link.getsockname()[1] for link in links}
        for link in links:
            link.close()
    assert len(ports) == 40
    assert min(ports) >= 1024
    assert max(ports) - min(ports) > 10_000


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_only_the_upstreams_own_packets_are_taken(host):
    with closing(bind(free(host), socket.SOCK_DGRAM)) as server:
        link = connected(endpoint(server))
        here = endpoint(link)
        with closing(link), socket.socket(link.family, socket.SOCK_DGRAM) as other:
            other.bind((host, 0))
            other.sendto(b"forged", (host, here.port))
            server.sendto(b"real", (host, here.port))
            link.settimeout(5)
            assert link.recv(100) == b"real"

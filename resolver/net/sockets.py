"""Makes the sockets of the packet path: shared listeners, and connected sockets on random ports.

Nothing is read or written here.
"""

from __future__ import annotations

import secrets
import socket

from contracts.networks import Endpoint

_BUFFER = 8 << 20  # octets asked for as receive and send buffer; the kernel gives what it allows
_TRIES = 20  # random ports tried before the kernel may choose


def bind(endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
    """A socket that several workers may share (SO_REUSEPORT), bound to one address. Raises OSError."""
    family = socket.AF_INET6 if endpoint.address.version == 6 else socket.AF_INET
    link = socket.socket(family, kind)
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            enlarge_buffers(link)
        link.setblocking(False)
        link.bind((str(endpoint.address), endpoint.port))
    except OSError:
        link.close()
        raise
    return link


def leave_group(link: socket.socket) -> None:
    """Take a bound UDP socket out of its SO_REUSEPORT group: what comes from now on goes to the other workers.

    A connected socket takes packets of its peer only, and Linux (since 5.4) passes it over when it shares packets out.
    The peer is the socket itself, so there is none. What stands in it can be read and answered; closing it would throw
    that away.
    """
    link.connect(link.getsockname())


def enlarge_buffers(link: socket.socket) -> None:
    """Ask for buffers that hold a burst, beyond the system's limit where we may (CAP_NET_ADMIN)."""
    for force, plain in ((33, socket.SO_RCVBUF), (32, socket.SO_SNDBUF)):  # SO_RCVBUFFORCE, SO_SNDBUFFORCE
        try:
            link.setsockopt(socket.SOL_SOCKET, force, _BUFFER)
        except OSError:
            link.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)


def connected(address: Endpoint) -> socket.socket:
    """A UDP socket on a random port (RFC 5452 section 9.2) that takes packets of this address and port only.

    Raises OSError when there is no way to that address.
    """
    family = socket.AF_INET6 if address.address.version == 6 else socket.AF_INET
    link = socket.socket(family, socket.SOCK_DGRAM)
    enlarge_buffers(link)
    link.setblocking(False)
    for _ in range(_TRIES):
        try:
            link.bind(("", 1024 + secrets.randbelow(65536 - 1024)))
        except OSError:
            continue
        break
    try:
        link.connect((str(address.address), address.port))
    except OSError:
        link.close()
        raise
    return link

"""Ports for servers that tests and measurements start: free ones that the kernel gives to nobody else meanwhile.

No server here.
"""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _outside_of_clients() -> list[int]:
    """A port that was looked for and given back can go to any client's socket, unless no client gets such ports."""
    first, last = map(int, _RANGE.read_text().split()) if _RANGE.exists() else (32_768, 65_535)
    ports = [port for port in range(_LOWEST, 65_536) if not first <= port <= last]
    random.shuffle(ports)  # runs beside each other look elsewhere
    return ports


_candidates = itertools.cycle(_outside_of_clients())


def free_port(host: str = LOOPBACK) -> int:
    """A port of a local address that is free for UDP and TCP, and was not given to anyone by this process lately."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in _candidates:
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams, socket.socket(family) as streams:
            try:
                datagrams.bind((host, port))
                streams.bind((host, port))
            except OSError:
                continue
        return port
    raise AssertionError  # an endless cycle

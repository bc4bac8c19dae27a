"""Datagrams on their way out of one socket, sent together.

Sending only; what arrives is read into a batch of its own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from resolver.net.mmsg import NAME, SIZE, SLOTS, make_batch


class Outbox:
    """Up to SLOTS messages. `connected` sockets need no address; `before` is called before anything is sent."""

    def __init__(
        self, link: socket.socket, *, connected: bool = False, before: Callable[[], None] | None = None
    ) -> None:
        self._before = before
        self._fd = link.fileno()
        self._batch = make_batch(connected=connected, wide=link.family == socket.AF_INET6)
        self._count = 0
        self._lost = 0

    def put(self, name: bytes, message: bytes) -> None:
        """Queue one message; a full box is sent at once."""
        if self._count == SLOTS:
            self._send()
        i = self._count
        size = len(message)
        self._batch.data[i * SIZE : i * SIZE + size] = message
        self._batch.sizes[2 * i + 1] = size
        if name:
            self._batch.names[i * NAME : (i + 1) * NAME] = name
        self._count += 1

    def _send(self) -> None:
        if self._count:
            if self._before is not None:
                self._before()
            self._lost += self._batch.send(self._fd, 0, self._count)
            self._count = 0

    def unreachable(self) -> int:
        """The error by which the kernel has said since the last call that there is no way there; 0: it has not."""
        said, self._batch.unreachable = self._batch.unreachable, 0
        return said

    def flush(self) -> int:
        """Send what is queued; how many the kernel did not take since the last call."""
        self._send()
        lost, self._lost = self._lost, 0
        return lost

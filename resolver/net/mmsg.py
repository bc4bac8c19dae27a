"""Many datagrams a system call: recvmmsg and sendmmsg through ctypes into buffers made once, or a plain fallback.

Bytes in, bytes out; no DNS here. recvmmsg(2), sendmmsg(2), cmsg-free; layouts as on 64-bit Linux.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import sys
from typing import Any

SLOTS = 64
SIZE = 4096  # octets of a slot: the longest query we read and more than the longest UDP answer we send
NAME = 32  # octets of an address slot: holds sockaddr_in (16) and sockaddr_in6 (28)

_MSG_DONTWAIT = 0x40
_CROWDED = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM))  # this machine has no room for it just now
_WAIT_MS = 20  # how long a full send buffer is waited for before answers are dropped and counted


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("length", ctypes.c_uint32))


def _functions() -> tuple[Any, Any] | None:
    if not sys.platform.startswith("linux") or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    receive, send = libc.recvmmsg, libc.sendmmsg
    receive.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    return receive, send


_LIBC = _functions()
HEADER_WORDS = ctypes.sizeof(_Mmsghdr) // 4  # a mmsghdr in 32-bit words
LENGTH_WORD = _Mmsghdr.length.offset // 4


class Batch:
    """SLOTS datagrams with their addresses. Receive fills it; answers are written in place and sent from it.

    `data` holds slot i from i * SIZE on, `names` its socket address from i * NAME on; `received(n)` gives the octets of
    the first n; `sizes[2 * i + 1]` is how many octets slot i sends. `connected` sockets need no address. `unreachable`
    is the error of a send that failed for another reason than a crowd on this machine, else 0.
    """

    def __init__(self, *, connected: bool = False, wide: bool = False) -> None:
        self._data = ctypes.create_string_buffer(SLOTS * SIZE)
        self._names = ctypes.create_string_buffer(SLOTS * NAME)
        self._iovecs = (_Iovec * SLOTS)()
        self._headers = (_Mmsghdr * SLOTS)()
        data_at, names_at = ctypes.addressof(self._data), ctypes.addressof(self._names)
        iovecs_at = ctypes.addressof(self._iovecs)
        for i in range(SLOTS):
            self._iovecs[i].base = data_at + i * SIZE
            self._iovecs[i].length = SIZE
            header = self._headers[i].header
            header.iov = iovecs_at + i * ctypes.sizeof(_Iovec)
            header.iovlen = 1
            if not connected:
                header.name = names_at + i * NAME
                header.namelen = 28 if wide else 16
        self.data = memoryview(self._data).cast("B")
        self.names = memoryview(self._names).cast("B")
        self._lengths = memoryview(self._headers).cast("B").cast("I")
        self.sizes = memoryview(self._iovecs).cast("B").cast("Q")
        self._full = bytes(self._iovecs)
        self._restore = memoryview(self._iovecs).cast("B")
        step = ctypes.sizeof(_Mmsghdr)
        self._at = [ctypes.addressof(self._headers) + i * step for i in range(SLOTS)]
        self.unreachable = 0

    def receive(self, fd: int) -> int:
        """Fill from slot 0 without waiting; the number of datagrams, 0 when there are none. Raises OSError."""
        assert _LIBC is not None
        count: int = _LIBC[0](fd, self._at[0], SLOTS, _MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            if code in {errno.EAGAIN, errno.EINTR}:
                return 0
            raise OSError(code, os.strerror(code))
        return count

    def received(self, count: int) -> list[int]:
        """Octets of each of the first `count` datagrams."""
        return self._lengths[LENGTH_WORD : count * HEADER_WORDS : HEADER_WORDS].tolist()

    def send(self, fd: int, first: int, end: int) -> int:
        """Send slots first..end-1; the number that the kernel did not take."""
        assert _LIBC is not None
        lost = 0
        while first < end:
            sent: int = _LIBC[1](fd, self._at[first], end - first, _MSG_DONTWAIT)
            if sent > 0:
                first += sent
                continue
            code = ctypes.get_errno()
            if code == errno.EAGAIN and _writable(fd):
                continue
            first += 1  # this one cannot be sent (its client is unreachable, say); the rest can
            lost += 1
            if code not in _CROWDED:
                self.unreachable = code
        return lost

    def reset(self, count: int) -> None:
        """Make the first `count` slots ready to receive full-size datagrams again."""
        end = count * 16
        self._restore[:end] = self._full[:end]


class PlainBatch(Batch):
    """The same with one system call a datagram, for systems without recvmmsg."""

    def __init__(self, *, connected: bool = False, wide: bool = False) -> None:
        super().__init__(connected=connected, wide=wide)
        self._connected = connected
        self._wide = wide

    def receive(self, fd: int) -> int:
        """As Batch.receive."""
        with _borrowed(fd, wide=self._wide) as link:
            for i in range(SLOTS):
                try:
                    size, name = link.recvfrom_into(self.data[i * SIZE : (i + 1) * SIZE], SIZE, socket.MSG_DONTWAIT)
                except (BlockingIOError, InterruptedError):
                    return i
                except OSError:
                    if not i:
                        raise
                    return i  # what came before the error is not lost with it; whom the error is about stays silent
                if not self._connected:
                    packed = pack_name(*name)
                    self.names[i * NAME : i * NAME + len(packed)] = packed
                self._lengths[i * HEADER_WORDS + LENGTH_WORD] = size
        return SLOTS

    def send(self, fd: int, first: int, end: int) -> int:
        """As Batch.send."""
        lost = 0
        with _borrowed(fd, wide=self._wide) as link:
            for i in range(first, end):
                octets = self.data[i * SIZE : i * SIZE + self.sizes[2 * i + 1]]
                try:
                    if self._connected:
                        link.send(octets)
                    else:
                        link.sendto(octets, unpack_name(bytes(self.names[i * NAME : (i + 1) * NAME])))
                except OSError as error:
                    lost += 1
                    if error.errno not in _CROWDED:
                        self.unreachable = error.errno or errno.EIO
        return lost


class _borrowed:  # noqa: N801  used like a function
    """A socket object on somebody else's file descriptor."""

    def __init__(self, fd: int, *, wide: bool) -> None:
        self._link = socket.socket(socket.AF_INET6 if wide else socket.AF_INET, socket.SOCK_DGRAM, fileno=fd)

    def __enter__(self) -> socket.socket:
        return self._link

    def __exit__(self, *_exc: object) -> None:
        self._link.detach()


def _writable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(_WAIT_MS))


def pack_name(address: str, port: int, flow: int = 0, scope: int = 0) -> bytes:
    """A socket address, as Python gives it, as the kernel lays it out. A link-local one comes as `fe80::1%eth0`."""
    if ":" in address:
        head = socket.AF_INET6.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + flow.to_bytes(4, "big")
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
        return head + packed + scope.to_bytes(4, sys.byteorder)
    head = socket.AF_INET.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big")
    return head + socket.inet_aton(address) + b"\0" * 8


def unpack_name(name: bytes) -> tuple[str, int] | tuple[str, int, int, int]:
    """A kernel socket address as Python takes it."""
    port = int.from_bytes(name[2:4], "big")
    if int.from_bytes(name[:2], sys.byteorder) == socket.AF_INET6:
        flow, scope = int.from_bytes(name[4:8], "big"), int.from_bytes(name[24:28], sys.byteorder)
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port, flow, scope
    return socket.inet_ntoa(name[4:8]), port


def make_batch(*, connected: bool = False, wide: bool = False) -> Batch:
    """The fastest kind that this system has. `wide` is IPv6."""
    kind = PlainBatch if _LIBC is None else Batch
    return kind(connected=connected, wide=wide)

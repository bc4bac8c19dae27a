"""Formats that need the whole file at once, read by a process of its own that may not use much memory or time.

No format's rules here. Run as a module, this is that process: the file on its input, rows on its output.

Why a process: a workbook's styles, a document's tree, a JSON list may cost fifty times the file, in libraries that
have no limit to set. A limit of the kernel on a process that does nothing else holds whatever they do; that the
process of the lists lives and its policy stays live is then no question of which trick a file knows.
"""

from __future__ import annotations

import importlib
import logging
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from typing import IO, BinaryIO

import msgspec

from blocklists.indicator import BadLine, Indicator, Item, Remark, Unreadable

log = logging.getLogger(__name__)

MEMORY = 1 << 30  # octets of address space
SECONDS = 120  # of processor time
_BATCH = 500  # items in a frame
_MAX_FRAME = 1 << 27
_MAX_ITEMS = 5_000_000
_READERS = {
    "docx": "blocklists.formats.worddoc",
    "misp": "blocklists.formats.misp",
    "stix": "blocklists.formats.stix",
    "xlsx": "blocklists.formats.xlsx",
}
_COMMAND = [sys.executable, "-P", "-m", "blocklists.formats.confined"]
FORMATS = frozenset(_READERS)
_TOO_MUCH = "reading it takes more memory or time than any list needs; save its rows as CSV, or split it"


class _Whole(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The last frame of a file that was read to its end."""


class _Failed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The last frame of one that was not; with a traceback where the fault is ours."""

    reason: str
    trace: str = ""


_Frame = list[Indicator | BadLine | Remark | _Whole | _Failed]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode


def reader(format_name: str) -> Callable[[BinaryIO], Iterator[Item]]:
    """The parser of a format. Its module, and the libraries behind it, are loaded only where it is used."""
    parse: Callable[[BinaryIO], Iterator[Item]] = importlib.import_module(_READERS[format_name]).parse
    return parse


def items(format_name: str, file: BinaryIO) -> Iterator[Item]:
    """What a file lists, read by a confined process. Raises Unreadable, perhaps after some items: take none then."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with (
        _descriptor(file) as source,
        subprocess.Popen(
            [*_COMMAND, format_name],
            stdin=source,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": path, "LC_ALL": "C.UTF-8"},
        ) as child,
    ):
        assert child.stdout is not None
        try:
            for number, item in enumerate(_received(child.stdout)):
                if isinstance(item, _Whole):
                    return
                if isinstance(item, _Failed):
                    if item.trace:
                        log.error("reading a %s file failed\n%s", format_name, item.trace)
                    raise Unreadable(item.reason)
                if number >= _MAX_ITEMS:
                    raise Unreadable(f"more than {_MAX_ITEMS} entries; split it")
                yield item
            # No last frame: it was ended by a signal (time), or could not even say that its memory is full.
            log.warning("the process that read a %s file ended with code %s", format_name, child.wait())
            raise Unreadable(_TOO_MUCH)
        finally:
            child.kill()


def _received(stream: IO[bytes]) -> Iterator[Indicator | BadLine | Remark | _Whole | _Failed]:
    while len(head := stream.read(4)) == 4:
        (length,) = struct.unpack(">I", head)
        if length > _MAX_FRAME:
            raise Unreadable(_TOO_MUCH)
        if len(frame := stream.read(length)) < length:
            return
        yield from _decode(frame)


def _descriptor(file: BinaryIO) -> IO[bytes]:
    """A file that another process can read: this one, or a copy of what is only in memory."""
    try:
        return os.fdopen(os.dup(file.fileno()), "rb")
    except OSError:
        copy = tempfile.TemporaryFile()  # noqa: SIM115  closed by who asked
        file.seek(0)
        while piece := file.read(1 << 20):
            copy.write(piece)
        copy.flush()
        return copy


def _send(found: _Frame) -> None:
    frame = _encode(found)
    sys.stdout.buffer.write(struct.pack(">I", len(frame)) + frame)
    sys.stdout.buffer.flush()


def _run(parse: Callable[[BinaryIO], Iterator[Item]]) -> None:
    with open(0, "rb") as file:
        file.seek(0)
        batch: _Frame = []
        for item in parse(file):
            batch.append(item)
            if len(batch) == _BATCH:
                _send(batch)
                batch = []
        _send([*batch, _Whole()])


def main(format_name: str) -> None:
    """Confine this process, then read its input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    parse = reader(format_name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes no file
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _run(parse)
    except Unreadable as error:
        _send([_Failed(str(error))])
    except MemoryError:
        _send([_Failed(_TOO_MUCH)])
    except BrokenPipeError:
        os._exit(1)  # whoever asked has gone; leave no news about it
    except Exception:  # noqa: BLE001  the loop of this process: our own fault is told to who logs
        trace = ascii(traceback.format_exc())[1:-1].replace("\\n", "\n")
        _send([_Failed("it cannot be read here, by our own fault; the log has the details", trace[-8000:])])


if __name__ == "__main__":
    main(sys.argv[1])

"""The least that can stand in for the recorder: takes hit frames, acknowledges them, stores nothing.

Only to tell the cost of sending hits from the cost of storing them. Run as a script with PYTHONPATH at a source tree,
so that it speaks that tree's frames: HITS_SOCKET.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from contracts.hit import Ack, Batch, FrameReader, Hello, frame


def serve(path: Path) -> None:
    """Serve worker after worker until the process is ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, int] = {}  # boot -> last batch taken
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        while True:
            link, _ = listener.accept()
            with link:
                _take(link, known)


def _take(link: socket.socket, known: dict[str, int]) -> None:
    reader = FrameReader()
    boot = ""
    while data := link.recv(1 << 18):
        for message in reader.feed(data):
            if isinstance(message, Hello):
                boot = message.boot
            elif isinstance(message, Batch):
                known[boot] = message.number
        link.sendall(frame(Ack(known.get(boot, 0))))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

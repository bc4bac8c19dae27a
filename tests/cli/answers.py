"""A control socket that gives prepared answers: the other end of `sinkhole` commands in these tests.

Lines are contracts.control's; the real server is tested in tests/runtime.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.control import Reply, Request, decode_request, encode

Answer = Callable[[Request], Any]


@contextmanager
def answering(path: Path, answers: dict[str, Any]) -> Iterator[list[Request]]:
    """Answer operations with values, or with an error where the value is one. Yields the requests as they come."""
    asked = list[Request]()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                request = decode_request(line)
                asked.append(request)
                result = answers.get(request.op, ValueError(f"unknown operation {request.op!r}"))
                failed = isinstance(result, Exception)
                self.wfile.write(encode(Reply(True, error=str(result)) if failed else Reply(True, result)))

    path.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
            path.unlink()

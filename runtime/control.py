"""The control channel on a Unix socket: a Twisted server for the processes, a blocking client for commands and pages.

The shape of the lines is contracts.control's. What an operation does belongs to the process that offers it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorUNIX
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from contracts.control import MAX_LINE, Reply, Request, decode_reply, decode_request, encode
from runtime.actor import Peer, actor_of, actor_of_account, listener_of, peer_of, sudo_user

log = logging.getLogger(__name__)
MAX_BODY = 1 << 31


class Refused(Exception):
    """An operation says no; the message is for the person who asked."""


class Misused(Refused):
    """What was asked for can never be meant so: commands end with exit code 2 rather than 1."""


class Unreachable(Exception):
    """Nobody listens on that control socket, or the answer did not come in time."""


class Call:
    """One request as its handler sees it. `user` is the caller's user id, as the kernel knows it.

    `speaks_for_accounts` says whether the caller is the process that people are logged in to; it may wait.
    """

    def __init__(
        self,
        request: Request,
        user: int,
        body: Path | None,
        progress: Callable[[Any], None],
        speaks_for_accounts: Callable[[], bool] = lambda: False,
    ) -> None:
        self.op = request.op
        self.args = request.args
        self.user = user
        self._sudo = request.sudo
        self._account = request.account
        self._speaks_for_accounts = speaks_for_accounts
        self.body = body  # the file that came along, removed when the handler is done
        self.progress = progress  # send a progress line; reactor thread only

    @property
    def actor(self) -> str:
        """Who asks, for the audit; not for the reactor thread (runtime.actor). Refused where the account is forged."""
        if not self._account:
            return actor_of(self.user, self._sudo)
        if not self._speaks_for_accounts():
            raise Refused("only the process of the staff pages may act for an account")
        return actor_of_account(self._account)


# Returns the result (anything JSON can say) or a Deferred of it; raises Refused to say no.
Handler = Callable[[Call], Any]


class ControlProtocol(LineReceiver):
    """One caller: a request line, perhaps a body, then our reply lines; then the next request."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE
    factory: ControlFactory
    transport: Any

    def __init__(self) -> None:
        self._caller = Peer(0, -1)
        self._request: Request | None = None
        self._left = 0
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def connectionMade(self) -> None:
        """Twisted calls this."""
        self._caller = peer_of(self.transport.socket)

    def lineReceived(self, line: bytes) -> None:
        """Twisted calls this."""
        try:
            request = decode_request(line)
        except ValueError as error:
            self._reply(Reply(True, error=f"no request: {error}"))
            self.transport.loseConnection()
            return
        if request.size:
            self._expect_body(request)
        else:
            self._handle(request, None)

    def _expect_body(self, request: Request) -> None:
        spool = self.factory.spool
        if spool is None or not 0 < request.size <= MAX_BODY:
            self._reply(Reply(True, error=f"{request.op} takes no file of {request.size} octets"))
            self.transport.loseConnection()
            return
        spool.mkdir(parents=True, exist_ok=True)
        self._request, self._left = request, request.size
        self._path = spool / f"{os.getpid()}-{id(self)}"
        self._file = self._path.open("wb")
        self.setRawMode()

    def rawDataReceived(self, data: bytes) -> None:
        """Twisted calls this with the body's octets."""
        assert self._file is not None
        mine, rest = data[: self._left], data[self._left :]
        self._file.write(mine)
        self._left -= len(mine)
        if not self._left and self._request is not None:
            self._file.close()
            self._file = None
            request, self._request = self._request, None
            self._handle(request, self._path)
            self.setLineMode(rest)

    def _handle(self, request: Request, body: Path | None) -> None:
        handler = self.factory.operations.get(request.op)
        if handler is None:
            known = ", ".join(sorted(self.factory.operations))
            self._reply(Reply(True, error=f"unknown operation {request.op!r}; known: {known}"))
            self._forget(None, body)
            return
        call = Call(
            request, self._caller.user, body, lambda value: self._reply(Reply(False, value)), self._speaks_for_accounts
        )
        done: Deferred[Any] = maybeDeferred(handler, call)
        done.addCallbacks(lambda result: self._reply(Reply(True, result)), self._failed)
        done.addBoth(self._forget, body)

    def _speaks_for_accounts(self) -> bool:
        pages = self.factory.pages
        return pages is not None and listener_of(pages) == self._caller

    def _failed(self, failure: Failure) -> None:
        if failure.check(Refused):
            self._reply(Reply(True, error=failure.getErrorMessage(), misuse=failure.check(Misused) is not None))
            return
        log.error("control operation failed\n%s", failure.getTraceback())
        self._reply(Reply(True, error=f"our own fault: {type(failure.value).__name__}: {failure.getErrorMessage()}"))

    def _reply(self, reply: Reply) -> None:
        if self.connected:
            self.transport.write(encode(reply))

    def _forget(self, _result: object, body: Path | None) -> None:
        if body is not None:
            body.unlink(missing_ok=True)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: ARG002, B008  Twisted's signature
        """A body that will never be whole is removed."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


class ControlFactory(ServerFactory):
    """Operations by name; bodies are spooled into `spool`, None when no operation takes any.

    `pages` is the control socket of the process that may act for accounts: who listens there, and nobody else.
    """

    protocol = ControlProtocol  # type: ignore[assignment]  # Twisted types the class too narrowly
    noisy = False

    def __init__(self, operations: dict[str, Handler], spool: Path | None = None, pages: Path | None = None) -> None:
        self.operations = {"ping": lambda _call: "pong", **operations}  # for who only wants to know that we turn
        self.spool = spool
        self.pages = pages


def listen(reactor: IReactorUNIX, path: Path, factory: ServerFactory) -> IListeningPort:
    """Listen on a Unix socket for our own user and group only; a left-over socket of a dead process is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and _dead(path):
        path.unlink()
    return reactor.listenUNIX(str(path), factory, mode=0o660)


def _dead(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def ask(
    path: Path,
    op: str,
    args: dict[str, Any] | None = None,
    *,
    body: Path | None = None,
    timeout: float = 10.0,
    progress: Callable[[Any], None] | None = None,
    account: str = "",
) -> Any:
    """Ask one operation of the process behind `path` and wait. Raises Unreachable or Refused.

    `timeout` in seconds bounds each silence, not the whole call. `account`: whom the staff pages act for.
    """
    size = body.stat().st_size if body else 0
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout)
        try:
            link.connect(str(path))
            with suppress(BrokenPipeError, ConnectionResetError):  # it may say no and close before it has heard all
                link.sendall(encode(Request(op, args or {}, sudo_user(), size, account)))
                if body:
                    with body.open("rb") as file:
                        link.sendfile(file)
            with link.makefile("rb") as lines:
                for line in lines:
                    reply = decode_reply(line)
                    if reply.done:
                        break
                    if progress:
                        progress(reply.result)
                else:
                    raise Unreachable(f"{path.stem} closed the connection")
        except OSError as error:
            raise Unreachable(f"{path.stem} does not answer ({error.strerror or error})") from error
    if reply.error:
        raise (Misused if reply.misuse else Refused)(reply.error)
    return reply.result

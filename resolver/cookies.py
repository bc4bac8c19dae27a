"""The cookie jar: the node's secret, one file for all its workers, and the cookies made and known with it.

What a cookie is made of stands in resolver.wire.cookie. To roll the secret, rename `cookie.key` to
`cookie.previous.key`: a new one is made within seconds, and cookies of the old one are good until its file is removed.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from resolver.wire import cookie

log = logging.getLogger(__name__)
_OCTETS = 32  # as many as keyed BLAKE2s takes
_LOOK_SECONDS = 10.0


class CookieJar:
    """`clock` gives Unix seconds. A secret that cannot be kept in a file is this worker's alone, and said so."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._current = folder / "cookie.key"
        self._previous = folder / "cookie.previous.key"
        self._clock = clock
        self._own = secrets.token_bytes(_OCTETS)
        self._looking = LoopingCall(self.look)
        self.problem = ""
        self._secrets: list[bytes] = []
        self.look()

    def start(self, reactor: IReactorTime) -> None:
        """See within seconds that the secret was rolled."""
        self._looking.clock = reactor
        self._looking.start(_LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def look(self) -> None:
        """Read the secrets, make one where there is none. Never raises: cookies are no reason to be down."""
        problem = ""
        try:
            current = _made(self._current)
        except (OSError, ValueError) as error:
            problem = f"cookies are good for one worker only: {error}"
            current = self._own
        try:
            self._secrets = [current, _read(self._previous)]
        except FileNotFoundError:
            self._secrets = [current]
        except (OSError, ValueError) as error:
            self._secrets = [current]
            problem = problem or f"cookies of the previous secret are not known: {error}"
        if problem and problem != self.problem:
            log.error("%s", problem)
        self.problem = problem

    def renew(self, given: bytes, client: bytes) -> tuple[bytes, bool]:
        """The full cookie to give back, and whether the one that came was ours, for this client, in time."""
        second = int(self._clock())
        for secret in self._secrets:
            age = cookie.age(secret, given, client, second)
            if age is not None:
                young = age <= cookie.RENEW_AGE and secret is self._secrets[0]
                return (given if young else cookie.make(self._secrets[0], given, client, second)), True
        return cookie.make(self._secrets[0], given, client, second), False


def _made(path: Path) -> bytes:
    """The secret of this file, made by whoever comes first: whole or not at all, never over another worker's."""
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(_OCTETS).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    """Raise ValueError where the file holds no secret."""
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        secret = b""
    if len(secret) != _OCTETS:
        raise ValueError(f"{path} does not hold {2 * _OCTETS} hexadecimal digits; remove it to have a new one made")
    return secret

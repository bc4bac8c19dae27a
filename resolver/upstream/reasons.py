"""Why a server cannot be reached, in one line for a person: from what the kernel, Twisted or OpenSSL says.

No decisions: what follows from an error is resolver.upstream.exchange's.
"""

from __future__ import annotations

import os

from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost, UserError

from contracts import certificates

UNCONNECTED = "it accepts no connection in time"
MUTE = "it accepts connections but does not answer"
CLOSING = "it closes connections without an answer"
BREAKING = "it breaks connections off without an answer"


def words(error: BaseException) -> str:
    """The reason behind `error`, said once."""
    if isinstance(error, UserError):  # Twisted's own time-out
        return UNCONNECTED
    if isinstance(error, ConnectionDone):
        return CLOSING
    if isinstance(error, ConnectionLost):
        return BREAKING
    number = None
    if isinstance(error, ConnectError):
        number = error.osError
    elif isinstance(error, OSError) and error.filename is None:
        number = error.errno
    if isinstance(number, int):
        text = os.strerror(number)
        return text[:1].lower() + text[1:]
    return certificates.reason(error)


def silence(questions: int) -> str:
    """For a server that says nothing at all."""
    return f"no answer to the last {questions} questions"

"""Writes the OPT record of our answers and questions (RFC 6891), with an extended error where there is one (RFC 8914).

Reading a client's OPT record is part of resolver.wire.query.
"""

from __future__ import annotations

import functools
import struct

from resolver.wire.constants import DO, EDNS_EDE, TYPE_OPT

_OPT = struct.Struct("!BHHBBHH")
_OPTION = struct.Struct("!HHH")


@functools.lru_cache(maxsize=1024)
def opt(payload: int, do: bool, high_rcode: int = 0, ede: int | None = None, text: str = "") -> bytes:
    """An OPT record. `payload` is what we can take by UDP, `high_rcode` the upper eight bits of a 12-bit rcode."""
    options = b""
    if ede is not None:
        extra = text.encode()[:100].decode(errors="ignore").encode()  # cut between letters: RFC 8914 wants UTF-8
        options = _OPTION.pack(EDNS_EDE, 2 + len(extra), ede) + extra
    return _OPT.pack(0, TYPE_OPT, payload, high_rcode, 0, DO if do else 0, len(options)) + options

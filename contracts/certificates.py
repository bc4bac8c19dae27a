"""The certificates of a PEM file: a worker trusts servers by them, `sinkhole check-config` says before whether it can.

One reading for both, so that a file called fine can be used. Loads OpenSSL: import it where certificates are wanted.
"""

from __future__ import annotations

import re
from pathlib import Path

from OpenSSL import crypto

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(_BEGIN + rb".*?-----END CERTIFICATE-----", re.DOTALL)


def read(file: Path) -> list[crypto.X509]:
    """Every certificate of the file. Raises OSError that names the file, and the line where one is damaged."""
    text = file.read_bytes()
    found, end = list[crypto.X509](), 0
    for block in _BLOCK.finditer(text):
        end = block.end()
        try:
            found.append(crypto.load_certificate(crypto.FILETYPE_PEM, block[0]))
        except (crypto.Error, ValueError) as error:
            raise OSError(f"{file}: {_place(text, block.start())} is damaged ({reason(error)})") from error
    cut = text.find(_BEGIN, end)
    if cut >= 0:
        raise OSError(f"{file}: {_place(text, cut)} is damaged (it has no end)")
    if not found:
        raise OSError(f"{file}: no certificate in it")
    return found


def _place(text: bytes, position: int) -> str:
    line = text.count(b"\n", 0, position) + 1
    return f"the certificate in line {line}"


def reason(error: BaseException) -> str:
    """What OpenSSL, or whoever else, says was wrong: one line."""
    first = error.args[0] if error.args else None
    if isinstance(first, list):  # OpenSSL: [(library, function, reason), ...]
        return ", ".join(str(part[-1]) for part in first) or type(error).__name__
    return str(error) or type(error).__name__

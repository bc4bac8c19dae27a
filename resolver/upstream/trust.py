"""The certificates that DNS-over-TLS servers are trusted by (RFC 8310: strict). The one door of OpenSSL.

No connections here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Trust:
    """Certificates of a PEM file, or the system's. Read when first needed: who uses no TLS loads no OpenSSL."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._options: dict[str, Any] = {}

    def wrapped(self, factory: Any, name: str, reactor: Any) -> Any:
        """A client factory behind TLS: the peer's certificate must be valid for `name`. Raises OSError."""
        from twisted.internet import ssl
        from twisted.protocols.tls import TLSMemoryBIOFactory

        options = self._options.get(name)
        if options is None:
            options = self._options[name] = ssl.optionsForClientTLS(name, trustRoot=self._root())
        return TLSMemoryBIOFactory(options, True, factory, clock=reactor)

    def _root(self) -> Any:
        from OpenSSL.crypto import Error
        from twisted.internet import ssl

        if self._ca_file is None:
            return ssl.platformTrust()
        try:
            found = [ssl.Certificate.loadPEM(pem) for pem in _PEM.findall(self._ca_file.read_bytes())]
        except (Error, ValueError) as error:
            raise OSError(f"{self._ca_file}: a certificate that cannot be read") from error
        if not found:
            raise OSError(f"{self._ca_file}: no certificate in it")
        return ssl.trustRootFromCertificates(found)

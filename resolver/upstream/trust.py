"""The certificates that DNS-over-TLS servers are trusted by (RFC 8310: strict).

No connections here. What a file of certificates holds is contracts.certificates'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet import ssl
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from contracts import certificates


class Trust:
    """Certificates of a PEM file, or the system's. Read when first needed, and again until they are good."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._options: dict[str, Any] = {}

    def wrapped(self, factory: Any, name: str, reactor: Any) -> Any:
        """A client factory behind TLS: the peer's certificate must be valid for `name`.

        Raises OSError, whatever stands in the way: a server that cannot be asked, so that another is.
        """
        options = self._options.get(name)
        if options is None:
            options = self._options[name] = self._prepared(name, reactor)
        return TLSMemoryBIOFactory(options, True, factory, clock=reactor)

    def _prepared(self, name: str, reactor: Any) -> Any:
        try:
            options = ssl.optionsForClientTLS(name, trustRoot=self._root())
            # Twisted loads the certificates and looks at the name once more when a connection stands, where an error
            # reaches nobody who waits for an answer. So one is prepared now, and thrown away.
            outer = TLSMemoryBIOFactory(options, True, Factory(), clock=reactor)
            options.clientConnectionForTLS(TLSMemoryBIOProtocol(outer, Protocol()))
        except (ValueError, SSL.Error, crypto.Error) as error:  # ValueError: idna's and service_identity's
            raise OSError(f"TLS to {name} is impossible: {certificates.reason(error)}") from error
        return options

    def _root(self) -> Any:
        if self._ca_file is None:
            return ssl.platformTrust()
        return ssl.trustRootFromCertificates([ssl.Certificate(one) for one in certificates.read(self._ca_file)])

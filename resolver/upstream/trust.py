"""The certificates that DNS-over-TLS servers are trusted by (RFC 8310: strict).

No connections here. What a file of certificates holds is contracts.certificates'.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from service_identity import VerificationError
from service_identity.cryptography import (
    extract_patterns,
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet import ssl
from twisted.internet.abstract import isIPAddress
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from contracts import certificates

MAX_NAMES = 4  # of a certificate that are told
MAX_TOLD = 100  # letters of each


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
            options = _Checking(ssl.optionsForClientTLS(name, trustRoot=self._root()), name)
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


@implementer(IOpenSSLClientConnectionCreator)
class _Checking:
    """Connections as Twisted prepares them, but for the check of the name: what cannot be checked is refused.

    Twisted 26.10 lets a certificate pass that has no name in it, or a broken one: there service_identity raises
    CertificateError, which Twisted logs, going on with what OpenSSL said of the signatures.
    """

    def __init__(self, options: Any, name: str) -> None:
        self._options = options
        self._verify = verify_certificate_ip_address if isIPAddress(name) else verify_certificate_hostname
        self._name = name

    def clientConnectionForTLS(self, protocol: Any) -> Any:
        """Twisted calls this for each connection."""
        connection = self._options.clientConnectionForTLS(protocol)
        refuse = weakref.WeakMethod(protocol.failVerification)  # a protocol holds its connection

        def judge(_connection: object, certificate: crypto.X509, _error: int, depth: int, signed: int) -> bool:
            wrong = self._wrong(certificate) if signed and depth == 0 else None
            if wrong is not None and (tell := refuse()) is not None:
                tell(Failure(wrong))
            return bool(signed) and wrong is None

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, judge)
        return connection

    def _wrong(self, certificate: crypto.X509) -> OSError | None:
        try:
            shown = certificate.to_cryptography()
            self._verify(shown, self._name)
        except VerificationError:
            return OSError(f"its certificate is not for {self._name} but for {_names(shown)}")
        except Exception as error:  # noqa: BLE001  called by OpenSSL: what is not shown to be good must not pass
            return OSError(f"its certificate proves no name: {certificates.reason(error)}")
        return None


def _names(certificate: Any) -> str:
    """The host names and addresses that it is for; they come from the network."""
    found = [getattr(one, "pattern", None) for one in extract_patterns(certificate)]
    texts = [one.decode("ascii", "replace") if isinstance(one, bytes) else str(one) for one in found if one is not None]
    told = ", ".join(ascii(text)[1:-1][:MAX_TOLD] for text in texts[:MAX_NAMES]) or "no host"
    return f"{told} and {len(texts) - MAX_NAMES} more" if len(texts) > MAX_NAMES else told

"""Who a request is from when a proxy stands in front: its word counts only where the settings trust it.

No limits and no audit here: they see the address that is found here as the request's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from contracts.networks import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TrustedProxies:
    """A WSGI application around ours: X-Forwarded-For and X-Forwarded-Proto of trusted addresses, of nobody else."""

    def __init__(self, application: WSGIApplication, trusted: tuple[Network, ...]) -> None:
        self._application = application
        self._trusted = trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI calls this."""
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
            if scheme in {"http", "https"}:
                environ["wsgi.url_scheme"] = scheme
            environ["REMOTE_ADDR"] = self._client(environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR", ""))
        return self._application(environ, start_response)

    def _client(self, peer: str, forwarded: str) -> str:
        """Each proxy writes down on the right whom it heard: the rightmost that is no proxy of ours.

        What stands left of that one, the client may have written itself. Where a proxy wrote no address, it stands for
        its client.
        """
        for text in reversed(forwarded.split(",")):
            address = _address(text)
            if address is None:
                break
            peer = str(address)
            if not self._trusts(peer):
                break
        return peer

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._trusted)


def _address(text: str) -> Any:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _last(text: str) -> str:
    return text.rpartition(",")[2].strip()

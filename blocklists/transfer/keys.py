"""Keys of the settings as dnspython wants them, and what may be said where a signature does not fit.

Secrets are read from their files each time, and neither kept nor shown: a dns.tsig.Key prints its own, so none is ever
logged.
"""

from __future__ import annotations

from collections.abc import Iterable

import dns.exception
import dns.message
import dns.name
import dns.tsig

from contracts.settings import Settings, TsigKey
from contracts.transfers import BadKey, canonical, secret_of

# What dnspython raises for a message whose signature is missing, unknown or wrong.
NOT_OURS = (dns.message.UnknownTSIGKey, dns.tsig.BadTime, dns.tsig.BadSignature, dns.tsig.BadKey, dns.tsig.BadAlgorithm,
            dns.tsig.PeerError)  # fmt: skip


def key_of(settings: Settings, name: str) -> dns.tsig.Key:
    """The key of this name. Raises BadKey, which names the key."""
    for one in settings.tsig_keys:
        if canonical(one.name) == canonical(name):
            return _made(settings, one)
    raise BadKey(f"no key of the settings is called {name!r}")


def keyring(settings: Settings, names: Iterable[str]) -> dict[dns.name.Name, dns.tsig.Key]:
    """Keys by name. Raises BadKey."""
    made = [key_of(settings, name) for name in names]
    return {one.name: one for one in made}


def _made(settings: Settings, one: TsigKey) -> dns.tsig.Key:
    try:
        secret = secret_of(settings.beside(one.secret_file))
    except BadKey as error:
        raise BadKey(f"the file of the key {one.name} {error}") from error
    return dns.tsig.Key(f"{canonical(one.name)}.", secret, one.algorithm)

"""Keys and zones of zone transfer: what config.yaml may say of them, and the secret that a key's file holds.

Nothing is transferred here (blocklists.transfer). Secrets are read where they are used and kept nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.names import BadName, to_wire

_SHORTEST = 16  # octets; RFC 8945 section 8 wants the length of the digest, what tools make has 32
_MOST = 1000
Place = tuple[str | int, ...]


class BadKey(ValueError):
    """A secret that cannot be used; the message says why and holds nothing of it."""


def secret_of(file: Path) -> bytes:
    """The secret in a key's file. Raises BadKey."""
    try:
        if stat.S_IMODE(file.stat().st_mode) & stat.S_IRWXO:
            raise BadKey("is open to everybody: chmod 640 it")
        text = file.read_bytes()[:_MOST]
    except OSError as error:
        raise BadKey(f"cannot be read ({error.strerror})") from error
    try:
        secret = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise BadKey("holds no base64 alone, as `openssl rand -base64 32` writes it") from error
    if len(secret) < _SHORTEST:
        raise BadKey(f"holds a secret of {len(secret)} octets, {_SHORTEST} are the least")
    return secret


def problems(good: Mapping[Place, Any], base: Path) -> Iterator[tuple[Place, str]]:
    """(place, sentence) of what cannot be meant so; `good` holds the values that are good by themselves."""
    known = list[str]()
    for index in range(len(good.get(("tsig_keys",), ()))):
        place: Place = ("tsig_keys", index)
        if (name := good.get((*place, "name"))) is not None:
            if reason := _name_problem(name):
                yield (*place, "name"), f"{reason}, saw '{name}'"
            elif canonical(name) in known:
                yield (*place, "name"), f"given twice, saw '{name}'"
            else:
                known.append(canonical(name))
        if (file := good.get((*place, "secret_file"))) is not None:
            try:
                secret_of(base / file)
            except BadKey as error:
                yield (*place, "secret_file"), f"{error}, saw '{file}'"
    for place, name in _named(good):
        if name and (_name_problem(name) or canonical(name) not in known):
            yield place, f"no key of `tsig_keys` has this name, saw '{name}'"
    yield from _zone_problems(good)


def canonical(name: str) -> str:
    """The name of a key as names are compared."""
    return name.lower().removesuffix(".")


def _name_problem(name: str) -> str:
    try:
        return "no name of a key (the root)" if to_wire(name) == b"\0" else ""
    except BadName as error:
        return f"no name of a key ({error})"


def _named(good: Mapping[Place, Any]) -> Iterator[tuple[Place, str]]:
    """Where keys are used."""
    for place, value in good.items():
        if place[-1:] == ("tsig_key",) and place[0] in {"lists", "transfer"}:
            yield place, value
        if place == ("transfer", "tsig_keys"):
            yield from (((*place, index), name) for index, name in enumerate(value) if name is not None)


def _zone_problems(good: Mapping[Place, Any]) -> Iterator[tuple[Place, str]]:
    zone = good.get(("transfer", "zone"))
    if zone is not None:
        try:
            wire = to_wire(zone)
            if not 1 < len(wire) <= 100:
                yield ("transfer", "zone"), f"listed names stand before it: expected 1 to 98 letters, saw '{zone}'"
        except BadName as error:
            yield ("transfer", "zone"), f"no domain name ({error}), saw '{zone}'"
    theirs = set(good.get(("dns", "listen"), ()))
    for index, endpoint in enumerate(good.get(("transfer", "listen"), ())):
        if endpoint is None:
            continue
        place = ("transfer", "listen", index)
        if endpoint.address.is_unspecified:
            yield place, f"name each address: replies must leave from the one that was asked, saw {endpoint}"
        if endpoint in theirs:
            yield place, f"is the resolver's own (dns.listen), saw {endpoint}"
    if good.get(("transfer", "listen")) == () and good.get(("transfer", "secondaries")):
        yield ("transfer", "secondaries"), "told of a zone that is given to nobody: `transfer.listen` is empty"

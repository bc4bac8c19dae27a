"""What people decide about clients: how a network stands and for how long, which forwarders are believed; each audited.

No SQL (casework.store.clients). Workers learn of it by casework.client_table.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import get_args

from casework.refusals import WrongInput
from casework.store import audit, units
from casework.store import clients as rows
from casework.store.audit import Origin
from casework.store.clients import ForwarderRow, StandingRow
from casework.store.engine import IntegrityError, Store
from contracts.clients import Standing, Trust, is_narrow, sorted_trusts
from contracts.networks import Network

TRUSTS: tuple[Trust, ...] = get_args(Trust)
MAX_REASON = 500
_WIDEST = {4: 8, 6: 7}  # prefix lengths, as of dns.allowed_clients
_FEW_BITS = 4  # of a forwarder's network, which is normally one address: a /28, an IPv6 /124


class ClientsError(Exception):
    """It cannot be decided so; the message is for the person who asked."""


class WrongClients(ClientsError, WrongInput):
    """It can never be decided so."""


def set_standing(store: Store, text: str, standing: Standing, seconds: int, reason: str, origin: Origin) -> StandingRow:
    """Put a network into monitor mode, or exempt it, for so many seconds (0: for ever)."""
    network = _network(text)
    if network.prefixlen < _WIDEST[network.version]:
        raise WrongClients(f"{network} is too wide: name the networks that are meant")
    until = origin.time + seconds if seconds else 0
    row = StandingRow(str(network), standing, _reason(reason), origin.actor, origin.time, until)
    with store.transaction() as run:
        rows.remove_over(run, origin.time)
        rows.set_standing(run, row)
        audit.record(run, origin, f"clients.{standing}", row.network, {"reason": row.reason, "ends": until or None})
    return row


def end_standing(store: Store, text: str, seconds: int, reason: str, origin: Origin) -> StandingRow | None:
    """Treat a network as all others again. Inside a wider one that stands otherwise that is a standing of its own."""
    network, reason = _network(text), _reason(reason)
    with store.transaction() as run:
        rows.remove_over(run, origin.time)
        standing = rows.standings(run, origin.time)
        around = _around(network, standing)
        if around is None and all(one.network != str(network) for one in standing):
            raise ClientsError(f"{network} is treated as all others already")
        rows.remove_standing(run, str(network))
        row = None
        if around is not None:
            until = origin.time + seconds if seconds else 0
            row = StandingRow(str(network), "normal", reason, origin.actor, origin.time, until)
            rows.set_standing(run, row)
        ends = row.until if row is not None else 0
        audit.record(run, origin, "clients.normal", str(network), {"reason": reason, "ends": ends or None})
    return row


def add_forwarder(
    store: Store, text: str, unit: str, trusts: Sequence[Trust], reason: str, origin: Origin, *, wide: bool = False
) -> ForwarderRow:
    """Believe a forwarder or proxy in these things. A network of many addresses only where `wide` confirms it."""
    network = _network(text)
    if not is_narrow(network):
        raise WrongClients(f"{network} is too wide: whoever sits in it could speak for others")
    if not wide and network.max_prefixlen - network.prefixlen > _FEW_BITS:
        raise WrongClients(
            f"{network} has {network.num_addresses} addresses, and each of them could speak for others; a forwarder is "
            "normally one address: name that, or confirm with --yes"
        )
    row = ForwarderRow(str(network), unit, sorted_trusts(trusts), _reason(reason), origin.actor, origin.time)
    if not row.trusts or not set(row.trusts) <= set(TRUSTS):
        raise WrongClients(f"say in what it is trusted: some of {', '.join(TRUSTS)}")
    try:
        with store.transaction() as run:
            if unit and not units.exists(run, unit):
                raise WrongClients(f"no unit {unit}")
            rows.add_forwarder(run, row)
            detail = {"unit": unit, "trusts": list(row.trusts), "reason": row.reason}
            audit.record(run, origin, "forwarders.add", row.network, detail)
    except IntegrityError as error:
        raise ClientsError(f"{network} is registered already; remove it first") from error
    return row


def remove_forwarder(store: Store, text: str, reason: str, origin: Origin) -> None:
    """Believe it no more."""
    network = _network(text)
    with store.transaction() as run:
        if not rows.remove_forwarder(run, str(network)):
            raise ClientsError(f"no forwarder {network} is registered")
        audit.record(run, origin, "forwarders.remove", str(network), {"reason": _reason(reason)})


def standings(store: Store, now: float) -> list[StandingRow]:
    """Networks that are not treated as all others now."""
    return rows.standings(store.connection, now)


def forwarders(store: Store) -> list[ForwarderRow]:
    """Registered forwarders and proxies."""
    return rows.forwarders(store.connection)


def _around(network: Network, standing: Sequence[StandingRow]) -> StandingRow | None:
    """The standing of the narrowest wider network that is not normal by itself."""
    wider = [
        (other.prefixlen, one)
        for one in standing
        if (other := ipaddress.ip_network(one.network)).version == network.version
        and other.prefixlen < network.prefixlen
        and network.network_address in other
    ]
    found = max(wider, key=lambda each: each[0], default=None)
    return None if found is None or found[1].standing == "normal" else found[1]


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise WrongClients(f"{text!r} is no address or network ({error})") from error


def _reason(text: str) -> str:
    cleaned = " ".join(text.split())
    if not cleaned or len(cleaned) > MAX_REASON or not cleaned.isprintable():
        raise WrongClients(f"a reason is needed, in at most {MAX_REASON} characters")
    return cleaned

"""The live policy as lines and tables: names for other resolvers, addresses for firewalls, everything for people.

Text only; which rows there are is blocklists.live's, and tables become files where it is known who opens them. What a
form has no word for is left out: a list of names cannot say "let through" or "only below".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from blocklists.live import Effect
from contracts.names import to_text
from contracts.networks import Network, network_text
from contracts.segment import is_network, network_of

HEADING = (
    *("indicator", "covers", "action", "list", "version", "line", "campaign", "kind", "family", "letter", "source"),
)
_COVERS = {"name": "name", "below": "below", "answer": "address", "client": "client"}


def names(effects: Iterable[Effect]) -> Iterator[str]:
    """Blocked names with what is below them, one a line, in order."""
    yield from (f"{name}\n" for name in sorted(_whole_names(effects)))


def unbound(effects: Iterable[Effect]) -> Iterator[str]:
    """The same as local zones of Unbound: `include:` it in the server clause."""
    yield "server:\n"
    yield from (f'local-zone: "{name}." always_nxdomain\n' for name in sorted(_whole_names(effects)))


def _whole_names(effects: Iterable[Effect]) -> set[str]:
    """Names that are blocked with all below them."""
    alone, below = set[str](), set[str]()
    for one in effects:
        if one.where in {"name", "below"} and one.action != "passthru":
            (alone if one.where == "name" else below).add(to_text(one.indicator))
    return alone & below


def addresses(effects: Iterable[Effect]) -> Iterator[tuple[str, ...]]:
    """Rows (see HEADING) of the addresses and networks that answers must not lead to, in order."""
    found = (one for one in effects if one.where == "answer" and one.action != "passthru")
    yield from rows(sorted(found, key=lambda one: _order(network_of(one.indicator))))


def nftables(effects: Iterable[Effect], serial: int) -> Iterator[str]:
    """Two sets for nftables, IPv4 and IPv6; loading it again replaces their elements whole, at once."""
    found: dict[int, list[Network]] = {4: [], 6: []}
    for one in effects:
        if one.where == "answer" and one.action != "passthru":
            network = network_of(one.indicator)
            found[network.version].append(network)
    yield f"# policy {serial}; load with: nft -f FILE; then match: ip daddr @listed4, ip6 daddr @listed6\n"
    yield "table inet sinkhole {\n"
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        yield f"  set listed{version} {{\n    type {kind}\n    flags interval\n    auto-merge\n  }}\n"
    yield "}\n"
    for version, networks in found.items():
        yield f"flush set inet sinkhole listed{version}\n"
        shown = [network_text(one) for one in sorted(networks, key=_order)]
        if shown:
            yield f"add element inet sinkhole listed{version} {{\n" + ",\n".join(f"  {one}" for one in shown) + "\n}\n"


def rows(effects: Iterable[Effect]) -> Iterator[tuple[str, ...]]:
    """Everything that is in force, with where it comes from, in columns as HEADING names them."""
    return map(_row, effects)


def _row(one: Effect) -> tuple[str, ...]:
    covers = _COVERS[one.where]
    if one.entry is None or one.match is None:
        return (to_text(one.indicator), covers, one.action, "allowed by a person", *[""] * 7)
    kind, family, letter, source = one.match.labels
    shown = network_text(network_of(one.indicator)) if is_network(one.indicator) else to_text(one.indicator)
    facts = (one.entry.list, str(one.entry.version), str(one.match.line), one.entry.campaign)
    return (shown, covers, one.action or "sinkhole", *facts, kind, family, letter, source)


def _order(network: Network) -> tuple[int, int, int]:
    assert isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network)
    return network.version, int(network.network_address), network.prefixlen

"""The live policy as lines and tables: names for other resolvers, addresses for firewalls, everything as CSV.

Text only; which rows there are is blocklists.live's. What a form has no word for is left out: a list of names cannot
say "let through" or "only below".
"""

from __future__ import annotations

import csv
import io
import ipaddress
from collections.abc import Iterable, Iterator

from blocklists.live import Effect
from contracts.names import to_text
from contracts.networks import Network
from contracts.segment import is_network, network_of

CSV_HEADING = (
    *("indicator", "covers", "action", "list", "version", "line", "campaign", "kind", "family", "letter", "source"),
)
_COVERS = {"name": "name", "below": "below", "answer": "address", "client": "client"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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


def addresses(effects: Iterable[Effect]) -> Iterator[str]:
    """Listed addresses and networks that answers must not lead to, as CSV, in order."""
    rows = (one for one in effects if one.where == "answer" and one.action != "passthru")
    yield from table(sorted(rows, key=lambda one: _order(network_of(one.indicator))))


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
        shown = [str(one.network_address if one.prefixlen == one.max_prefixlen else one)
                 for one in sorted(networks, key=_order)]  # fmt: skip
        if shown:
            yield f"add element inet sinkhole listed{version} {{\n" + ",\n".join(f"  {one}" for one in shown) + "\n}\n"


def table(effects: Iterable[Effect]) -> Iterator[str]:
    """Everything that is in force, with where it comes from, as CSV that spreadsheets can open."""
    yield _line(CSV_HEADING)
    for one in effects:
        yield _line([_cell(value) for value in _row(one)])


def _row(one: Effect) -> tuple[str, ...]:
    covers = _COVERS[one.where]
    if one.entry is None or one.match is None:
        return (to_text(one.indicator), covers, one.action, "allowed by a person", *[""] * 7)
    kind, family, letter, source = one.match.labels
    shown = _network_text(one.indicator) if is_network(one.indicator) else to_text(one.indicator)
    facts = (one.entry.list, str(one.entry.version), str(one.match.line), one.entry.campaign)
    return (shown, covers, one.action or "sinkhole", *facts, kind, family, letter, source)


def _network_text(key: bytes) -> str:
    network = network_of(key)
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _cell(value: str) -> str:
    """A spreadsheet would calculate what begins like a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


def _order(network: Network) -> tuple[int, int, int]:
    assert isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network)
    return network.version, int(network.network_address), network.prefixlen

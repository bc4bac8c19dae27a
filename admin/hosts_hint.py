"""The command with which a newcomer makes the first machine appear: a listed name, asked as a machine of a unit.

Only composed here; nothing is asked.
"""

from __future__ import annotations

from admin.supervise.ready import listed_name
from contracts.settings import Settings


def first_hit_command(settings: Settings) -> str:
    """`dig -b …`; '' while no list is in force."""
    name = listed_name(settings)
    if name is None:
        return ""
    server = settings.dns.listen[0]
    words = ["dig", f"@{server.address}", name, "A"]
    if server.port != 53:
        words[2:2] = ["-p", str(server.port)]
    source = _source(settings)
    if source and server.address.is_loopback:
        words[1:1] = ["-b", source]
    return " ".join(words)


def _source(settings: Settings) -> str | None:
    """A loopback address inside a unit, which this machine may ask from."""
    for unit in settings.units:
        for network in unit.networks:
            if network.version == 4 and network.is_loopback:
                return str(network[min(7, network.num_addresses - 1)])
    return None

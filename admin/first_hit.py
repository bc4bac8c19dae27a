"""The command with which a newcomer makes the first machine appear: a listed name, asked as a machine of a unit.

Only composed here; nothing is asked.
"""

from __future__ import annotations

from itertools import islice

from contracts import names
from contracts.policy import PolicyFolder
from contracts.segment import BadPolicy
from contracts.settings import Settings

_LOOKED_AT = 1000  # names of a list: a zone of a million may ask for another answer than the sinkhole in each


def first_hit_command(settings: Settings, name: str) -> str:
    """`dig …` for `name`, from a unit's network where this machine can ask from there: on Linux all of 127/8."""
    server = settings.dns.listen[0]
    loopback = server.address.is_loopback and server.address.version == 4
    source = _client_of_a_unit(settings) if loopback else None
    words = ["dig", *(["-p", str(server.port)] if server.port != 53 else []), *(["-b", source] if source else [])]
    return " ".join([*words, f"@{server.address}", name])


def _client_of_a_unit(settings: Settings) -> str | None:
    for unit in settings.units:
        for network in unit.networks:
            if network.version == 4 and network.is_loopback:
                return str(network[min(5, network.num_addresses - 1)])
    return None


def listed_name(settings: Settings) -> str | None:
    """A name that the live policy answers with the sinkhole; None while no list is in force."""
    folder = PolicyFolder(settings.state / "policy")
    try:
        manifest = folder.read()
        if manifest is None:
            return None
        segments = folder.open(manifest)
    except (BadPolicy, OSError):
        return None
    for entry in manifest.entries:
        segment = segments[entry.digest]
        if entry.mode != "enforce":
            continue
        for wire in islice(segment, _LOOKED_AT):
            match = segment.find(wire, names.search_key(wire))
            if match and not match.rule.action and match.labels.kind != "kill-switch":
                return names.to_text(wire)
    return None

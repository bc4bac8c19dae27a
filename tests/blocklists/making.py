"""Settings and small helpers for the tests of lists.

No fixtures here: those stand in conftest.
"""

from __future__ import annotations

import ipaddress

from contracts.names import search_key, to_wire
from contracts.policy import ManifestEntry, PolicyFolder
from contracts.segment import Match, Trigger, address_key
from contracts.settings import Settings

CONFIG = """\
state_dir: ./var
dns:
  listen: ["127.0.0.1:1053"]
sinkhole:
  ipv4_pool: 192.0.2.0/25
  ipv6_pool: 2001:db8:5::/64
admin:
  listen: 127.0.0.1:8053
guard:
  protected_domains: [gov.vn, so-mau.example]
lists: []
campaigns:
  - {id: demo, title: Chiến dịch thử}
"""


def policy_of(settings: Settings) -> PolicyFolder:
    """The folder that the workers read."""
    return PolicyFolder(settings.state / "policy")


def address_match(settings: Settings, address: str, trigger: Trigger = "answer") -> tuple[ManifestEntry, Match] | None:
    """(entry, match) of the first live segment that covers an address, found as a worker does."""
    folder = policy_of(settings)
    manifest = folder.read()
    assert manifest is not None
    segments = folder.open(manifest)
    key = address_key(ipaddress.ip_address(address).packed, trigger)
    for entry in manifest.entries:
        match = segments[entry.digest].find_network(key)
        if match is not None:
            return entry, match
    return None


def live_match(settings: Settings, name: str) -> tuple[str, Match] | None:
    """(list, match) of the first live segment that covers a name, found as a worker does."""
    folder = policy_of(settings)
    manifest = folder.read()
    assert manifest is not None
    segments = folder.open(manifest)
    wire = to_wire(name)
    for entry in manifest.entries:
        match = segments[entry.digest].find(wire, search_key(wire))
        if match is not None:
            return entry.list, match
    return None

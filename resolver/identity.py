"""Who asks, in whose words: by the socket, by a PROXY header, by what registered forwarders write into EDNS options.

No bytes are read here (resolver.wire.claims, resolver.server.proxy); who is registered is resolver.policy.clients'.
"""

from __future__ import annotations

from functools import lru_cache

from contracts.hit import Claim, How, Transport, pack_claim
from resolver.counters import Counters
from resolver.policy.clients import Access, Group
from resolver.wire.claims import client_of, cpe_id_of, mac_of
from resolver.wire.constants import EDNS_CPE_ID, EDNS_ECS, EDNS_MAC, EDNS_MAC_TEXT
from resolver.wire.query import Query

_TRUST_OF = {EDNS_ECS: "ecs", EDNS_MAC: "mac", EDNS_MAC_TEXT: "mac", EDNS_CPE_ID: "cpe-id"}


class Asker:
    """Who a packet is from, as far as it is known: `client` with its `group`, and the packed `claim` of who said so.

    `proxy` is the address of a listed proxy that named the client, else empty. `transport`: by what the client speaks
    to that proxy; None where nobody stands between, so that it is by what the packet came.
    """

    __slots__ = ("claim", "client", "group", "proven", "proxy", "transport")

    def __init__(self, client: bytes, group: Group, proxy: bytes = b"", *, transport: Transport | None = None) -> None:
        self.client = client
        self.group = group
        self.proxy = proxy
        self.transport = transport
        self.proven = False  # whoever sent it has shown by a cookie that it reads what is sent to its address
        self.claim = _packed(proxy, "proxy") if proxy and proxy != client else b""


def identify(query: Query, asker: Asker, access: Access, counters: Counters) -> Group:
    """Take in what the question's own options say of who asks, as far as that is believed; the group to judge by."""
    query.transport = asker.transport
    query.direct = asker.transport != "udp"
    asker.proven = query.cookie_verified
    claims = query.claims
    if not claims:
        return asker.group
    trusts = asker.group.trusts
    mac = mac_of(claims) if "mac" in trusts else b""
    cpe_id = cpe_id_of(claims) if "cpe-id" in trusts else ""
    client = client_of(claims) if "ecs" in trusts else None
    told = {"ecs": client, "mac": mac, "cpe-id": cpe_id}
    if not all(told[_TRUST_OF[code]] for code in claims):  # nobody who is believed said it, or nothing of use
        counters.claims_ignored += 1
    if client is not None and client != asker.client:
        asker.claim = _packed(asker.client, "ecs", mac, cpe_id)
        asker.client, asker.group = client, access.named(client)
        query.direct = query.cookie_verified = False  # that was the forwarder
    elif mac or cpe_id:
        named = bool(asker.proxy) and asker.proxy != asker.client
        asker.claim = _packed(asker.proxy if named else asker.client, "proxy" if named else "", mac, cpe_id)
    return asker.group


@lru_cache(maxsize=10_000)
def _packed(via: bytes, how: How, mac: bytes = b"", cpe_id: str = "") -> bytes:
    return pack_claim(Claim(via, how, mac, cpe_id))

"""The settings of config.yaml as frozen Structs: each with its type, default and meaning.

Process settings only (units and campaigns here seed an empty database once). contracts.config reads and checks.

The docstring under a field is its reference text; docs/reference/config.md is generated from here.
"""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.networks import Endpoint, Network, UpstreamAddress
from contracts.policy import Mode
from contracts.segment import Kind

Port = Annotated[int, Meta(ge=1, le=65535)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="a-z, 0-9, '.', '_', '-'")]
Every = Annotated[str, Meta(pattern=r"^([1-9][0-9]{0,5}[mhd])?$", description="a time as 30m, 6h or 1d")]
Text = Annotated[str, Meta(max_length=500)]
Upstream = UpstreamAddress | Literal["system"]

PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)


class Upstreams(Struct, frozen=True, forbid_unknown_fields=True):
    """How questions that no policy answers are forwarded."""

    servers: tuple[Upstream, ...] = ("system",)
    """Resolvers asked, best first: `address`, `address:port`, `tcp://address`, `tls://address#name` (DNS over TLS; the
    certificate must be valid for the name), or `system` for those of /etc/resolv.conf."""
    timeout_ms: Annotated[int, Meta(ge=50, le=10_000)] = 800
    """Milliseconds to wait for one upstream before the next is tried; one that is asked again is given twice and three
    times as long: a single silent server takes 0.8 + 1.6 + 2.4 s at the defaults. Twice that by TCP and TLS."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 4
    """Tries in all before the client gets SERVFAIL; each server is tried at least once and at most three times."""
    sockets: Annotated[int, Meta(ge=1, le=256)] = 16
    """UDP sockets (random source ports) per upstream and worker."""
    max_outstanding: Annotated[int, Meta(ge=100, le=60_000)] = 10_000
    """Questions under way per worker; beyond it those fail that have waited longest, then new ones."""
    mixed_case: bool = True
    """Ask in random upper and lower case, which forgers must guess too. Servers that do not keep it are found out."""
    tls_ca_file: str = ""
    """PEM file with the certificates that `tls://` servers are trusted by, beside this file; empty: the system's."""


class Cache(Struct, frozen=True, forbid_unknown_fields=True):
    """The cache of upstream answers, per worker: what one worker has asked the others do not know."""

    entries: Annotated[int, Meta(ge=1000, le=10_000_000)] = 200_000
    """Answers kept in each of two generations; those over 512 octets count as several."""
    finished: Annotated[int, Meta(ge=1000, le=10_000_000)] = 100_000
    """Finished packets kept in each of two generations: what is asked again is answered from here at once."""
    max_ttl: Annotated[int, Meta(ge=1, le=604_800)] = 86_400
    """Seconds; longer TTLs are cut to this."""
    max_negative_ttl: Annotated[int, Meta(ge=1, le=86_400)] = 3600
    """Seconds an NXDOMAIN or an empty answer may be kept (RFC 2308 section 5)."""
    stale_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 86_400
    """Seconds after its end that an answer is still given while no upstream answers (RFC 8767), by workers that know
    it; 0: never."""
    prefetch: bool = True
    """Ask again for an answer that is used in the last tenth of its life, so that who asks next need not wait."""


class SpecialNames(Struct, frozen=True, forbid_unknown_fields=True):
    """Names that browsers and phones ask for to see whether they may send their questions elsewhere."""

    firefox_canary: bool = True
    """Answer `use-application-dns.net` with NXDOMAIN, so that Firefox does not switch to DNS over HTTPS by itself."""
    private_relay: bool = True
    """Answer `mask.icloud.com` and `mask-h2.icloud.com` with NXDOMAIN, so that Apple devices relay nothing."""


class ForwardZone(Struct, frozen=True, forbid_unknown_fields=True):
    """Names that are asked of servers of their own, and of no others: an agency's own domain or reverse zone."""

    zone: str
    """The domain; it and everything below it. The longest one that fits a name counts."""
    servers: tuple[UpstreamAddress, ...]
    """Its servers, best first, written as those of `upstreams`."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What one client network (IPv4 /24, IPv6 /56) or one registered forwarder may take, for each worker; 0: no limit.

    What is over a limit is truncated by UDP (who is no forger comes by TCP) and a failure by TCP, but for `questions`:
    there TCP is read more slowly. Hits are recorded all the same. By default a forwarder of 500 machines may ask ten
    questions a second for each of them.
    """

    questions: Annotated[int, Meta(ge=0, le=1_000_000)] = 2000
    """Questions a second of one machine (an IPv4 address, an IPv6 /64) that repeat none just answered; of its network
    twice as many. As much as comes in a tenth of a second may come at once. So many more are told to come by TCP; what
    is beyond that gets no answer."""
    forwarder_questions: Annotated[int, Meta(ge=0, le=1_000_000)] = 5000
    """The same, of one registered forwarder."""
    misses: Annotated[int, Meta(ge=0, le=1_000_000)] = 1000
    """Questions a second that need an upstream, of one network."""
    forwarder_misses: Annotated[int, Meta(ge=0, le=1_000_000)] = 5000
    """The same, of one registered forwarder."""
    octets: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 2_000_000
    """Octets a second of answers over 512 octets by UDP, to one network."""
    forwarder_octets: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 10_000_000
    """The same, to one registered forwarder."""
    burst_seconds: Annotated[int, Meta(ge=1, le=600)] = 10
    """As much as comes in so many seconds may come at once."""


class Dns(Struct, frozen=True, forbid_unknown_fields=True):
    """The resolver workers."""

    listen: tuple[Endpoint, ...]
    """Addresses and ports, UDP and TCP. Name each address; 0.0.0.0 would answer from the wrong one."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    """Worker processes; one per core is best."""
    allowed_clients: tuple[Network, ...] = PRIVATE
    """Networks that may ask; everyone else gets REFUSED. Never the world."""
    proxies: tuple[Network, ...] = ()
    """Addresses of DNS proxies in front (dnsdist, say) that name their clients by PROXY protocol version 2. What comes
    from there without its header is dropped; a header from elsewhere is never believed. Proxies that
    `sinkhole forwarders add` registers count beside these."""
    upstreams: Upstreams = Upstreams()
    forward_zones: tuple[ForwardZone, ...] = ()
    cache: Cache = Cache()
    udp_payload: Annotated[int, Meta(ge=512, le=4096)] = 1232
    """Largest UDP answer in octets; longer ones are truncated and come by TCP (RFC 9715)."""
    tcp_idle_seconds: Annotated[int, Meta(ge=1, le=600)] = 20
    """A TCP connection on which nothing was asked or answered for so long is closed (RFC 7766 section 6.2.3); less
    while more than half of `tcp_connections` are taken. Answers under way are waited for."""
    tcp_connections: Annotated[int, Meta(ge=10, le=100_000)] = 1000
    """TCP connections per worker; the longest idle one makes place for a new one."""
    tcp_per_client: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """TCP connections of one client address per worker, `tcp_connections` at most; its longest idle one makes place for
    its next."""
    cookies: bool = True
    """Give DNS cookies (RFC 7873) to clients that ask with one: it tells them and us from forgers of addresses."""
    local_records: tuple[str, ...] = ()
    """Records answered here, as lines of a zone file (docs/operator.md): `intranet.example.vn. 300 IN A 10.1.1.1`."""
    special_names: SpecialNames = SpecialNames()
    limits: Limits = Limits()


class Sinkhole(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer that listed names get."""

    ipv4_pool: ipaddress.IPv4Network
    """Network whose addresses are given out, one per indicator by a stable hash. A /32 is one single address."""
    ipv6_pool: ipaddress.IPv6Network | None = None
    """The same for AAAA; without it AAAA gets an empty answer (NODATA)."""
    ttl: Annotated[int, Meta(ge=0, le=3600)] = 30
    """Seconds; short, so that repeats are seen and a wrong entry is soon forgotten."""


class Admin(Struct, frozen=True, forbid_unknown_fields=True):
    """The staff pages."""

    listen: Endpoint
    """Address and port on the management network."""
    secure_cookies: bool = False
    """Cookies over HTTPS only: set it as soon as a TLS proxy stands in front. Needed where `listen` is not loopback."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses of TLS proxies in front. Only these are believed when they say whom they speak for (X-Forwarded-For and
    -Proto); the limit of login attempts and the audit then see that address."""
    session_hours: Annotated[int, Meta(ge=1, le=24)] = 8
    """Hours until a login ends."""
    language: Literal["vi", "en"] = "vi"
    """Language of pages for people who have not chosen one."""
    login_limit: Annotated[str, Meta(pattern=r"^[1-9][0-9]* per (minute|hour)$")] = "10 per minute"
    """Wrong passwords per client address; beyond it the address waits."""


class Guard(Struct, frozen=True, forbid_unknown_fields=True):
    """What no list may block by itself: its rows wait for a person."""

    protected_domains: tuple[str, ...] = ("gov.vn",)
    """Own domains: rows with them, their parents and everything below them wait for a person."""
    internal_networks: tuple[Network, ...] = PRIVATE
    """Address indicators that touch these networks wait for a person, as do those in the sinkhole pool; where listed
    addresses are enforced they are never let through."""
    shrink: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """A version with less than this share of the names and addresses that are live, of 100 or more, waits for a person;
    0: none does."""
    grow: Annotated[float, Meta(ge=1, le=1_000_000)] = 10.0
    """A version with more than so many times the names and addresses that are live, of 100 or more, waits likewise."""
    two_person: bool = False
    """Who imported a version may neither activate it nor approve rows of it that are held: another person must. Rolling
    back, withdrawing and refusing rows stay one person's."""


FormatName = Literal[
    "auto", "domains", "hosts", "csv", "rpz", "adblock", "dnsmasq", "unbound", "maltrail", "text",
    "xlsx", "docx", "misp", "stix",
]  # fmt: skip


class Feeds(Struct, frozen=True, forbid_unknown_fields=True):
    """How lists are fetched that have a `url`."""

    proxy: Annotated[str, Meta(max_length=500)] = ""
    """The HTTP proxy, `http://10.1.1.1:3128`; empty: none. It looks up names of servers, and passes https through."""
    ca_file: str = ""
    """PEM file with the certificates that https servers are trusted by, beside this file; empty: the system's."""
    timeout_seconds: Annotated[int, Meta(ge=1, le=3600)] = 60
    """Seconds that a list may take from the first packet to the last octet, redirects and all."""


class TsigKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A secret that two servers share, by which each knows what the other sends (TSIG, RFC 8945)."""

    name: str
    """Name of the key, the same on both sides."""
    secret_file: str
    """File that holds the secret alone, in base64, beside this file; not readable for all."""
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """As on the other side."""


class Secondary(Struct, frozen=True, forbid_unknown_fields=True):
    """A server that is told at once of each new version of the zone (NOTIFY, RFC 1996)."""

    address: Endpoint
    """Its address and port."""
    tsig_key: str = ""
    """Name of the key that what it is told is signed with; empty: unsigned."""


class Transfer(Struct, frozen=True, forbid_unknown_fields=True):
    """Zone transfer: the live policy as a response policy zone for others, and word from primaries of lists."""

    listen: tuple[Endpoint, ...] = ()
    """Addresses and ports, UDP and TCP, of the lists process: not those of `dns.listen`. None: it does not listen."""
    zone: str = "rpz.sinkhole"
    """Name of the zone that is given to others."""
    allow: tuple[Network, ...] = ()
    """Networks that may take the zone; none: nobody may."""
    tsig_keys: tuple[str, ...] = ()
    """Names of keys: who takes the zone must sign with one of them, too. None: its address is enough."""
    secondaries: tuple[Secondary, ...] = ()
    at_once: Annotated[int, Meta(ge=1, le=100)] = 4
    """Transfers at a time; one more is refused, and its server asks again."""


class ListSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A list, from a file or an address, that is imported when its content is new."""

    name: Slug
    """Name of the list; versions are counted under it."""
    path: str = ""
    """File, relative to this configuration file. A list has either this or a `url`."""
    format: FormatName = "auto"
    """Format of the file; `auto` looks at the content."""
    zone: str = ""
    """Name of the zone of an RPZ file that does not say it by itself (no SOA record, no `$ORIGIN`)."""
    campaign: str = ""
    """Campaign the list belongs to, by its `id`: one that exists (`sinkhole campaigns ls`), or is seeded from here."""
    kind: Kind = "c2"
    """Kind of its indicators where the file does not say."""
    mode: Mode = "enforce"
    """`enforce` answers with the sinkhole, `monitor` only records, `passthru` records and stands above later lists."""
    addresses: Literal["monitor", "enforce"] = "monitor"
    """What answers with a listed address lead to: `monitor` only records, `enforce` does as `mode` says. An address may
    be shared with names that nobody wants to block."""
    url: Annotated[str, Meta(max_length=2000)] = ""
    """Address that the list is fetched from, https (or http, which anybody on the way can change). It may hold
    `user:password@`, which is never shown. `axfr://10.1.1.5/zone.name` takes a zone (RPZ) by transfer."""
    tsig_key: str = ""
    """Name of the key that a zone from its primary is asked for with, and must be signed with."""
    every: Every = ""
    """How often it is fetched, or the file looked at again: 30m, 6h, 1d; 5m at least, 30d at most. Empty: 6h for a
    `url`; a file only at start and at reload."""
    sha256_url: Annotated[str, Meta(max_length=2000)] = ""
    """Address of a file with the SHA-256 of what `url` gives, as `sha256sum` writes it; another content is refused."""
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{64})?$", description="64 hexadecimal digits")] = ""
    """The one SHA-256 that what `url` gives may have."""
    max_size: Annotated[int, Meta(ge=1000, le=2_000_000_000)] = 64_000_000
    """Octets that `url` may give; more is refused."""


class Campaign(Struct, frozen=True, forbid_unknown_fields=True):
    """A dated official operation."""

    id: Slug
    """Short name that lists and commands use."""
    title: Text
    """Title as on the letter."""
    letter: Text = ""
    """Number of the letter that started it, as free text."""
    issuer: Text = ""
    """Who issued it."""
    start: datetime.date | None = None
    """First day."""
    end: datetime.date | None = None
    """Last day."""


class Unit(Struct, frozen=True, forbid_unknown_fields=True):
    """An agency on the WAN."""

    code: Slug
    """Short name that commands use."""
    name: Text
    """Full name as on papers."""
    networks: tuple[Network, ...]
    """Its client networks. They may lie inside another unit's only where that unit is a `parent`."""
    parent: str = ""
    """Code of the unit above it."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All of config.yaml."""

    dns: Dns
    sinkhole: Sinkhole
    admin: Admin
    state_dir: str = "./var"
    """Where databases, policy and sockets live, relative to this configuration file."""
    node: Slug = "node1"
    """Name of this machine in the ledger."""
    time_zone: str = "Asia/Ho_Chi_Minh"
    """Time zone of pages, days and papers. The ledger is UTC."""
    guard: Guard = Guard()
    feeds: Feeds = Feeds()
    tsig_keys: tuple[TsigKey, ...] = ()
    transfer: Transfer = Transfer()
    lists: tuple[ListSource, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    units: tuple[Unit, ...] = ()
    base: str = ""  # folder of the file, filled in by `read`; not a setting

    @property
    def state(self) -> Path:
        """Absolute state folder."""
        return (Path(self.base) / self.state_dir).resolve()

    def beside(self, path: str) -> Path:
        """A path written in config.yaml, absolute."""
        return (Path(self.base) / path).resolve()


def system_upstreams(
    listen: tuple[Endpoint, ...], resolv_conf: Path = Path("/etc/resolv.conf")
) -> list[UpstreamAddress]:
    """The resolvers of /etc/resolv.conf, in its order, without ourselves. Empty when there are none."""
    try:
        lines = resolv_conf.read_text(errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver" or "%" in words[1]:
            continue
        try:
            server = UpstreamAddress(f"[{words[1]}]" if ":" in words[1] else words[1])
        except ValueError:
            continue
        if server not in listen:
            found.append(server)
    return found

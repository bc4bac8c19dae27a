"""Numbers of the DNS wire format, each with its source. A pure table.

Only what this resolver uses; names follow the IANA registries.
"""

from contracts import record_types

HEADER = 12  # octets, RFC 1035 section 4.1.1
EMPTY_OPT = 11  # octets of an OPT record without options, RFC 6891 section 6.1.2

# Bits of the second header word.
QR = 0x8000
OPCODE = 0x7800
AA = 0x0400
TC = 0x0200
RD = 0x0100
RA = 0x0080
AD = 0x0020  # RFC 4035 section 3.2.3; in queries RFC 6840 section 5.7
CD = 0x0010
RCODE = 0x000F

NOERROR = 0
FORMERR = 1
SERVFAIL = 2
NXDOMAIN = 3
NOTIMP = 4
REFUSED = 5
NOTAUTH = 9  # RFC 2136; for zone transfers RFC 5936 section 2.2.1
BADVERS = 16  # RFC 6891 section 9
BADCOOKIE = 23  # RFC 7873 section 8

TYPE_A = 1
TYPE_NS = 2
TYPE_CNAME = 5
TYPE_SOA = 6
TYPE_HINFO = 13
TYPE_TXT = 16
TYPE_AAAA = 28
TYPE_DNAME = 39
TYPE_OPT = 41
TYPE_RRSIG = 46
TYPE_SVCB = 64
TYPE_HTTPS = 65
TYPE_NXNAME = 128  # RFC 9824
TYPE_TKEY = 249
TYPE_TSIG = 250
TYPE_IXFR = 251
TYPE_AXFR = 252
TYPE_ANY = 255

CLASS_IN = 1
CLASS_ANY = 255

DO = 0x8000  # in the OPT TTL's low half, RFC 3225

EDNS_ECS = 8  # RFC 7871
EDNS_COOKIE = 10  # RFC 7873
EDNS_KEEPALIVE = 11  # RFC 7828
EDNS_PADDING = 12  # RFC 7830
EDNS_EDE = 15  # RFC 8914
EDNS_MAC = 65001  # dnsmasq --add-mac, Pi-hole: octets
EDNS_MAC_TEXT = 65073  # dnsmasq --add-mac=text, =base64 (Nominum)
EDNS_CPE_ID = 65074  # dnsmasq --add-cpe-id (Nominum)
EDE_OTHER = 0
EDE_STALE = 3
EDE_FORGED = 4
EDE_CACHED_ERROR = 13
EDE_BLOCKED = 15
EDE_PROHIBITED = 18
EDE_STALE_NXDOMAIN = 19
EDE_NOT_AUTHORITATIVE = 20
EDE_NOT_SUPPORTED = 21
EDE_NO_REACHABLE = 22
EDE_NETWORK_ERROR = 23
EDE_INVALID_TYPE = 30  # RFC 9824 section 3.5

MIN_UDP = 512  # what a client without EDNS can take, RFC 1035 section 4.2.1
MAX_TCP = 65535

TYPE_NAMES, TYPE_NUMBERS = record_types.NAMES, record_types.NUMBERS

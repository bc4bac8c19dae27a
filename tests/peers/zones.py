"""The zones of the tests, as zone files: one plain, one signed with NSEC, one signed with NSEC3.

Every kind of record and name that a resolver may meet; who asks for them is tests.peers.questions.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.peers.programs import program

PLAIN, SIGNED, SIGNED3 = "plain.example", "signed.example", "signed3.example"
TTL = 3600
CHAIN = 16

_LONG = ".".join(["a" * 63, "b" * 63, "c" * 63])  # with .plain.example and 47 octets more: 255 on the wire
LONGEST = f"{'d' * 47}.{_LONG}.{PLAIN}"

# What each zone holds.
RECORDS = r"""
@            SOA    ns hostmaster 2026010101 3600 600 86400 300
@            NS     ns
@            MX     10 mail
ns           A      127.0.0.1
mail         A      192.0.2.25
mail         AAAA   2001:db8::25
host         A      192.0.2.1
host         AAAA   2001:db8::1
host         TXT    "one string" "and another"
host         HINFO  "PDP-11" "UNIX"
bad          A      192.0.2.66
deep.bad     A      192.0.2.67
www.bad      A      192.0.2.68
many         A      192.0.2.101
many         A      192.0.2.102
many         A      192.0.2.103
many         A      192.0.2.104
many         AAAA   2001:db8::101
many         AAAA   2001:db8::102
v4only       A      192.0.2.4
v6only       AAAA   2001:db8::6
mx           MX     10 mail
mx           MX     20 mail.elsewhere.example.
srv          SRV    0 5 5060 host
_sip._udp    SRV    0 5 5060 host
naptr        NAPTR  100 10 "u" "sip+E2U" "!^.*$!sip:info@example.com!" .
caa          CAA    0 issue "ca.example.net"
caa          CAA    128 tbs "Unknown"
_443._tcp    TLSA   3 1 1 0d6fce3f1f5a9f0f2ad7f5b4b5d1f2b3c4d5e6f708192a3b4c5d6e7f80910203
sshfp        SSHFP  4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
loc          LOC    21 2 0.000 N 105 51 0.000 E 10m 1m 100m 10m
rp           RP     admin host
afsdb        AFSDB  1 host
ptr          PTR    host
uri          URI    10 1 "https://www.example/"
dhcid        DHCID  AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=
eui          EUI48  00-00-5e-00-53-2a
eui          EUI64  00-00-5e-ef-10-00-00-2a
spf          SPF    "v=spf1 -all"
cert         CERT   PGP 0 0 AAECAwQFBgcICQ==
unknown      TYPE65280 \# 4 deadbeef
unknown      TYPE731 \# 6 c00cc00c0001
empty        TYPE65281 \# 0
low          30 A 192.0.2.30
zero         0 A 192.0.2.31
day          172800 A 192.0.2.32
escaped\.dot A      192.0.2.40
sp\032ace    A      192.0.2.41
bin\000\001\255\200 A 192.0.2.42
quo\"te\\back A     192.0.2.43
\*literal    A      192.0.2.44
under_score  A      192.0.2.45
MiXeD.CaSe   A      192.0.2.46
*.wild       A      192.0.2.50
*.wild       TXT    "wild"
exact.wild   A      192.0.2.51
*.wildalias  CNAME  host
alias        CNAME  host
dangling     CNAME  nowhere
nodatalias   CNAME  v4only
selfish      CNAME  selfish
ping         CNAME  pong
pong         CNAME  ping
a.b.ent      A      192.0.2.60
tree         DNAME  grove
host.grove   A      192.0.2.61
grove        TXT    "below the grove"
xn--xu-r5s   A      192.0.2.70
svc          SVCB   0 host
svc2         SVCB   1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1
https        HTTPS  1 . alpn="h2" ipv4hint=192.0.2.1 key65280="raw"
aliashttps   HTTPS  0 host
"""


def _made(zone: str) -> str:
    """Records that are easier made than written."""
    lines = [f"chain{i} CNAME chain{i + 1}" for i in range(CHAIN)]
    lines.append(f"chain{CHAIN} A 192.0.2.80")
    lines += [f'big TXT "{i} {"x" * 200}"' for i in range(20)]
    lines.append("huge TXT " + " ".join('"' + "y" * 250 + '"' for _ in range(40)))
    lines += [f'huge2 TXT "{i:04} {"z" * 240}"' for i in range(200)]
    lines += [f'middle TXT "{i} {"m" * 200}"' for i in range(4)]  # fits 1232 octets, not 512
    lines.append(f'tight TXT "{"t" * 255}" "{"u" * 193}"')  # fits 512 octets, not with authority and additional
    lines += [f"pool A 10.53.{i}.{j}" for i in range(4) for j in range(40)]
    if zone == PLAIN:
        lines.append(f"{LONGEST}. A 192.0.2.90")
        lines += [f"across CNAME host.{SIGNED}.", f"h.{'.'.join('1234567890')} A 192.0.2.91"]
    return "\n".join(lines)


def write(folder: Path) -> dict[str, Path]:
    """Zone name -> file; the signed ones are signed."""
    found = {}
    for zone in (PLAIN, SIGNED, SIGNED3):
        path = folder / f"{zone}.zone"
        path.write_text(f"$ORIGIN {zone}.\n$TTL {TTL}\n{RECORDS}\n{_made(zone)}\n")
        found[zone] = path
    for zone in (SIGNED, SIGNED3):
        found[zone] = _sign(folder, zone, found[zone])
    return found


def _sign(folder: Path, zone: str, path: Path) -> Path:
    keygen = [program("dnssec-keygen", "bind9-utils"), "-q", "-K", str(folder), "-a", "ECDSAP256SHA256"]
    for flags in ([], ["-f", "KSK"]):
        subprocess.run([*keygen, *flags, zone], check=True, timeout=60, capture_output=True)
    signed = folder / f"{zone}.signed"
    more = ["-3", "aabbccdd", "-H", "0"] if zone == SIGNED3 else []
    subprocess.run(
        [program("dnssec-signzone", "bind9-utils"), "-S", "-K", str(folder), "-d", str(folder), "-o", zone,
         "-f", str(signed), *more, str(path)],
        check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    return signed


def trust_anchor(folder: Path, zone: str) -> str:
    """`FLAGS 3 ALGORITHM KEY` of the zone's key-signing key."""
    for path in folder.glob(f"K{zone}.+*.key"):
        found = re.search(r"DNSKEY\s+257 3 (\d+) (.+)$", path.read_text(), re.MULTILINE)
        if found:
            return f"257 3 {found[1]} {found[2].replace(' ', '')}"
    raise AssertionError(f"no key-signing key of {zone} in {folder}")

"""Response policy zones."""

from __future__ import annotations

import io
import ipaddress
import time

import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.formats import rpz
from blocklists.formats.lines import raw_lines
from blocklists.indicator import BadLine, Indicator
from contracts.segment import Data
from tests.blocklists.formats.test_rpz_triggers import networks, owner_of

SOA = "$TTL 30\nrpz.example. IN SOA localhost. root.localhost. 1 300 1800 604800 30\n"
A1, A2 = Data(1, 30, b"\xc0\0\2\1"), Data(1, 30, b"\xc0\0\2\2")


def read(content: str | bytes, zone: str = "") -> list[Indicator | BadLine]:
    raw = content.encode() if isinstance(content, str) else content
    return list(rpz.parse(raw_lines(io.BytesIO(raw)), zone))


def good(content: str | bytes, zone: str = "") -> list[Indicator]:
    return [one for one in read(content, zone) if isinstance(one, Indicator)]


def bad(content: str | bytes, zone: str = "") -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in read(content, zone) if isinstance(one, BadLine)]


def names(content: str | bytes, zone: str = "") -> list[str]:
    return [one.address or ("" if one.itself else "*.") + one.name for one in good(content, zone)]


def exact(line: int, name: str, action: str, **more) -> Indicator:
    return Indicator(line, name, subdomains=False, action=action, **more)


URLHAUS = """\
$TTL 30
@ SOA rpz.urlhaus.abuse.ch. hostmaster.urlhaus.abuse.ch. 2604241410 300 1800 604800 30
 NS localhost.
;
; abuse.ch URLhaus Response Policy Zones (RPZ)
; Last updated: 2026-04-24 14:10:10 (UTC)
;
testentry.rpz.urlhaus.abuse.ch CNAME . ; Test entry for testing URLhaus RPZ
evil.example CNAME . ; Malware download (2026-04-24), see https://urlhaus.abuse.ch/host/evil.example/
"""

# As a resolver writes a zone that it was sent: $ORIGIN changes, owners are left out, the SOA comes twice.
DUMP = """\
$ORIGIN .
$TTL 7200\t; 2 hours
rpz.example\t\tIN SOA\tlocalhost. root.localhost. (
\t\t\t\t2026042401 ; serial
\t\t\t\t3600       ; refresh (1 hour)
\t\t\t\t600        ; retry (10 minutes)
\t\t\t\t86400      ; expire (1 day)
\t\t\t\t3600       ; minimum (1 hour)
\t\t\t\t)
\t\t\tNS\tlocalhost.
\t\t\tTXT\t"v=1"
$ORIGIN rpz.example.
evil.example\tCNAME\t.
$ORIGIN evil.example.rpz.example.
*\t\t\tCNAME\t.
www\t\t\tA\t192.0.2.1
\t\t\tTXT\t"look (here; now)"
$TTL 60
\t\t\tA\t192.0.2.2
$ORIGIN rpz-ip.rpz.example.
24.0.113.0.203\t\tCNAME\trpz-drop.
rpz.example.\tIN SOA localhost. root.localhost. 2026042401 3600 600 86400 3600
"""


def test_a_zone_as_feeds_publish_it():
    assert read(URLHAUS) == [
        exact(8, "testentry.rpz.urlhaus.abuse.ch", "nxdomain"), exact(9, "evil.example", "nxdomain"),
    ]  # fmt: skip


def test_a_zone_as_servers_write_it():
    found = read(DUMP.replace("\n", "\r\n"))
    # RFC 2181 section 5.2: the lower TTL for both addresses
    data = (Data(1, 60, b"\xc0\0\2\1"), Data(16, 7200, b"\x10look (here; now)"), Data(1, 60, b"\xc0\0\2\2"))
    assert found == [
        exact(13, "evil.example", "nxdomain"),
        Indicator(15, "evil.example", itself=False, action="nxdomain"),
        Indicator(21, "", "203.0.113.0/24", action="drop"),
        exact(16, "www.evil.example", "local", data=data),
    ]


ACTIONS = [
    (".", "nxdomain", ""),
    ("*.", "nodata", ""),
    ("rpz-passthru.", "passthru", ""),
    ("RPZ-Drop.", "drop", ""),
    ("rpz-tcp-only.", "tcp-only", ""),
    ("garden.example.vn.", "alias", "garden.example.vn"),
    ("*.garden.example.vn.", "alias", "*.garden.example.vn"),
    ("garden", "alias", "garden.rpz.example"),
    ("evil.example.", "passthru", ""),
]


@pytest.mark.parametrize(("target", "action", "alias"), ACTIONS)
@pytest.mark.parametrize(
    "owner", ["evil.example", "evil.example.rpz.example.", "EVIL.example 300 IN", "evil.example IN 1h"]
)
def test_actions(owner, target, action, alias):
    text = f"{SOA}{owner} CNAME {target}\n" * 2  # the second time by what was remembered
    assert good(text) == [
        exact(3, "evil.example", action, target=alias),
        exact(6, "evil.example", action, target=alias),
    ]


@pytest.mark.parametrize("text", [URLHAUS, DUMP])
def test_dnspython_finds_the_same_owners(text):
    origin = "rpz.example." if "$ORIGIN" in text else "rpz.urlhaus.abuse.ch."
    zone = dns.zone.from_text(text, origin=origin)
    owners = {str(name) for name in zone.nodes} - {"@"}
    ours = {owner_of(ipaddress.ip_network(one)) + ".rpz-ip" if "/" in one else one for one in names(text)}
    assert ours == owners


def test_an_address_that_points_to_itself_is_let_through():
    text = f"{SOA}32.1.113.0.203.rpz-ip CNAME 32.1.113.0.203.\n*.ok.example CNAME *.ok.example.\n"
    assert [one.action for one in good(text)] == ["passthru", "passthru"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.example CNAME rpz-foo.", "an unknown action: rpz-foo"),
        ("a.example CNAME x.rpz-drop.", "an unknown action: x.rpz-drop"),
        ("a.example CNAME rpz-drop", "rpz-drop without its final dot"),
        ("a.example CNAME *", "* without its final dot"),
        ("a.example CNAME . .", "one name"),
        ("a.example CNAME", "expected a type and data"),
        ("a.example.", "expected a type and data"),
        ("a.example.other. CNAME .", "outside of the zone rpz.example"),
        ("a.notrpz.example. CNAME .", "outside of the zone rpz.example"),
        ("other.example. SOA a. b. 1 2 3 4 5", "outside of the zone"),
        ("other SOA a. b. 1 2 3 4 5", "a second SOA record"),
        ("@ CNAME .", "the zone's own name"),
        ("* CNAME .", "`*` alone"),
        ("a..example CNAME .", "an empty label"),
        (f"{'a' * 64}.example CNAME .", "a label longer than 63"),
        (f"{'a.' * 125}example CNAME .", "longer than 255"),
        ("xấu.example CNAME .", "outside ASCII"),
        ("a.example CH CNAME .", "class CH"),
        ("a.example A 192.0.2", "no address"),
        ("a.example NOTYPE x", "an unknown type"),
        ("a.example NS ns.example.", "no local data"),
        ("a.example DNAME b.example.", "DNAME"),
        ("a.example AXFR \\# 0", "no record of a name"),
        ("24.1.2.0.192.rpz-ip CNAME .", "bits set behind its prefix"),
        ("$INCLUDE other.zone", "other files are not read"),
        ("$GENERATE 1-9 a$ CNAME .", "not read here"),
        ("$TTL never", "no TTL"),
        ("$TTL", "expected $TTL"),
    ],
)
def test_a_bad_line_is_told_and_costs_itself_only(line, reason):
    found = read(f"{SOA}before.example CNAME .\n{line}\nafter.example CNAME .\n")
    assert [type(one) for one in found] == [Indicator, BadLine, Indicator]
    assert found[1].line == 4
    assert reason in found[1].reason
    assert not found[1].unsupported


def test_behind_an_origin_that_cannot_be_read_only_whole_names_are():
    text = f"{SOA}$ORIGIN a..b\nlost CNAME .\nkept.example.rpz.example. CNAME .\n$ORIGIN rpz.example.\nalso CNAME .\n"
    assert names(text) == ["kept.example", "also"]
    assert [line for line, _ in bad(text)] == [3, 4]


def test_behind_an_owner_that_cannot_be_read_its_other_records_are_not_those_of_another():
    text = f'{SOA}good.example A 192.0.2.1\nb..d A 192.0.2.9\n A 192.0.2.2\n"x A 192.0.2.9\n A 192.0.2.2\n'
    assert good(text) == [exact(3, "good.example", "local", data=(A1,))]
    assert [line for line, _ in bad(text)] == [4, 5, 6, 7]


def test_records_of_one_owner_are_one_indicator_wherever_they_stand():
    text = f"{SOA}a.example A 192.0.2.1\nb.example CNAME .\na.example A 192.0.2.2\na.example A 192.0.2.1\n"
    assert good(text) == [exact(4, "b.example", "nxdomain"), exact(3, "a.example", "local", data=(A1, A2))]


def test_too_many_records_of_one_owner_are_told_one_by_one():
    text = SOA + "".join(f"a.example A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(100_000))
    started = time.monotonic()
    found = read(text + "b.example CNAME .\n")
    assert time.monotonic() - started < 20
    assert len(found[-1].data) == rpz.MAX_RECORDS
    reasons = {one.reason for one in found if isinstance(one, BadLine)}
    assert reasons == {f"more than {rpz.MAX_RECORDS} records of one name"}
    assert len(found) == 2 + 100_000 - rpz.MAX_RECORDS
    long = SOA + "".join(f"a.example TXT {n:03d}{'x' * 200} {'y' * 250}\n" for n in range(60))
    assert sum(len(one.rdata) for one in good(long)[0].data) <= rpz.MAX_OCTETS
    assert len(bad(long)) == 60 - len(good(long)[0].data)


def test_what_is_of_the_zone_itself_or_of_its_signatures_is_passed_over():
    text = f"""{SOA}@ NS localhost.
@ TXT "about"
a.example CNAME .
a.example RRSIG CNAME 8 2 30 20300101000000 20200101000000 1 rpz.example. AAAA
a.example NSEC b.example CNAME RRSIG NSEC
@ DNSKEY 256 3 8 (
   AAAA
   BBBB )
rpz.example. SOA localhost. root.localhost. 1 300 1800 604800 30
"""
    assert read(text) == [exact(5, "a.example", "nxdomain")]


def test_unsupported_triggers_are_told_as_such():
    text = f"{SOA}ns.evil.rpz-nsdname CNAME .\n32.1.113.0.203.rpz-nsip A 192.0.2.1\na.example CNAME .\n"
    found = read(text)
    assert [(one.line, one.unsupported) for one in found if isinstance(one, BadLine)] == [(3, True), (4, True)]
    assert names(text) == ["a.example"]


def test_names_are_not_made_to_be_host_names():
    text = f"{SOA}_x.1 CNAME .\n-a-.2 CNAME .\na\\.b.c CNAME .\na\\032b.c CNAME .\n\\065.x CNAME .\n*.\\*x.d CNAME .\n"
    assert names(text) == ["_x.1", "-a-.2", "a\\.b.c", "a\\032b.c", "a.x", "*.*x.d"]
    assert bad(text) == []


def test_a_dot_inside_a_label_makes_no_zone():
    text = f"{SOA}evil\\.rpz.example. CNAME .\nevil.example CNAME .\n"
    assert [line for line, _ in bad(text)] == [3]


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("evil.example CNAME .\n", "", ["evil.example"]),
        ("evil.example. CNAME .\n", "", ["evil.example"]),
        ("evil.example.rpz.example. CNAME .\n", "", ["evil.example.rpz.example"]),
        ("evil.example.rpz.example. CNAME .\nother CNAME .\n", "rpz.example", ["evil.example", "other"]),
        ("$ORIGIN rpz.example.\nevil.example CNAME .\n", "", ["evil.example"]),
        ("$ORIGIN rpz.example.\n$ORIGIN evil\n* CNAME .\n", "", ["*.evil"]),
        ("$ORIGIN evil.rpz.example.\n* CNAME .\n", "rpz.example", ["*.evil"]),
        ("$ORIGIN rpz.example.\nevil CNAME .\n", "other.example", ["evil"]),
        ("@ SOA a. b. 1 2 3 4 5\nevil.x.rpz.example. CNAME .\nevil CNAME .\n", "rpz.example", ["evil.x", "evil"]),
        ("x. SOA a. b. 1 2 3 4 5\nevil.x. CNAME .\nevil CNAME .\n", "rpz.example", ["evil", "evil"]),
        ("x SOA a. b. 1 2 3 4 5\nevil.x. CNAME .\nevil CNAME .\n", "", ["evil", "evil"]),
    ],
)
def test_the_name_of_the_zone(text, zone, expected):
    assert names(text, zone) == expected
    assert bad(text, zone) == []


def test_an_absolute_address_in_a_zone_nobody_named_is_told():
    assert "nothing says what the zone itself is called" in bad("32.1.113.0.203.rpz-ip.rpz.example. CNAME .\n")[0][1]


# Round trips

_label = st.text("abcxyz019-_", min_size=1, max_size=8).filter(lambda text: not text.startswith("rpz-"))
_odd = st.sampled_from(["a\\.b", "\\000", "\\255x", "\\;", "a\\032b", "\\@", 'x\\"y'])
_name = st.lists(_label | _odd, min_size=1, max_size=4).map(".".join)
_target = st.lists(_label, min_size=2, max_size=4).map(".".join).filter(lambda text: "rpz-" not in text)
_records = st.lists(
    st.builds(Data, st.just(1), st.just(60), st.binary(min_size=4, max_size=4))
    | st.builds(Data, st.sampled_from([65280, 65281]), st.just(60), st.binary(max_size=20)),
    min_size=1, max_size=4, unique=True,
).map(tuple)  # fmt: skip
_asked = st.one_of(
    st.sampled_from(["nxdomain", "nodata", "drop", "tcp-only", "passthru"]).map(lambda action: {"action": action}),
    _target.map(lambda target: {"action": "alias", "target": target}),
    _target.map(lambda target: {"action": "alias", "target": f"*.{target}"}),
    _records.map(lambda data: {"action": "local", "data": data}),
)
_where = st.one_of(
    _name.map(lambda name: {"name": name, "subdomains": False}),
    _name.map(lambda name: {"name": name, "itself": False}),
    st.builds(lambda network, trigger: {"network": network, "trigger": trigger}, networks,
              st.sampled_from(["answer", "client"])),
)  # fmt: skip
_WORDS = {
    "nxdomain": ".",
    "nodata": "*.",
    "drop": "rpz-drop.",
    "tcp-only": "rpz-tcp-only.",
    "passthru": "rpz-passthru.",
}


def written(one: dict) -> tuple[str, list[str]]:
    """The owner and the data of an indicator's records."""
    if "network" in one:
        mark = "rpz-ip" if one["trigger"] == "answer" else "rpz-client-ip"
        owner = f"{owner_of(one['network'])}.{mark}"
    else:
        owner = ("" if one.get("itself", True) else "*.") + one["name"]
    if one["action"] == "local":
        return owner, [f"60 TYPE{r.qtype} \\# {len(r.rdata)} {r.rdata.hex()}" for r in one["data"]]
    return owner, [f"CNAME {_WORDS.get(one['action']) or one['target'] + '.'}"]


def meant(one: dict) -> Indicator:
    """The indicator that should come of it."""
    facts = {key: value for key, value in one.items() if key != "network"}
    if "network" in one:
        net = one["network"]
        facts["address"] = str(net.network_address if net.prefixlen == net.max_prefixlen else net)
    return Indicator(0, **facts)


def names_itself(one: dict) -> bool:
    """A CNAME that is written so is let through."""
    return bool(one.get("target")) and one["target"].removeprefix("*.") == one.get("name")


_one = st.builds(lambda where, asked: where | asked, _where, _asked).filter(lambda one: not names_itself(one))


@given(
    st.lists(_one, max_size=20, unique_by=lambda one: written(one)[0]),
    st.sampled_from(["", "rpz.example", "a\\.b.rpz"]),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_indicators_written_as_a_zone_come_back(listed, zone, absolute, apart):
    """Whatever the zone is called, with relative or whole owners, the owner said once or at each record."""
    lines = [f"{zone}. SOA a. b. 1 2 3 4 5"] if zone else []
    for one in listed:
        owner, data = written(one)
        whole = f"{owner}.{zone}." if zone else f"{owner}."
        first, *rest = data
        lines.append(f"{whole if absolute else owner} {first}")
        lines += [f"{owner if apart else ''} {more}" for more in rest]
    found = read("\n".join(lines))
    assert [one for one in found if isinstance(one, BadLine)] == []
    expected = [meant(one) for one in listed]

    def facts(one: Indicator) -> tuple:
        return (one.name, one.address, one.itself, one.subdomains, one.trigger, one.action, one.target, one.data)

    assert sorted(map(facts, found)) == sorted(map(facts, expected))


_PARTS = [
    *("a", "evil.example", "*.", " ", "\t", "CNAME", ".", "rpz-drop.", "$ORIGIN", "SOA", "(", ")", '"', ";", "\\"),
    *("\n", "\r\n", "\0", "IN", "300", "A", "192.0.2.1", "32.1.2.0.192.rpz-ip", "TXT", "@", "*", "rpz-nsip"),
    *("é", "\x85", "\u2028"),
]


@given(st.lists(st.sampled_from(_PARTS) | st.text(max_size=3)))
def test_any_text_gives_indicators_or_bad_lines_that_are_text(parts):
    content = "".join(parts).encode("utf-8", "replace")
    for one in read(content):
        assert 1 <= one.line <= content.count(b"\n") + 1
        if isinstance(one, Indicator):
            assert bool(one.name) != bool(one.address)
            assert one.action
            assert one.name.isascii()

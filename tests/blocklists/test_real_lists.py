"""Real lists of every format that is read, from the file to a worker's look-up."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocklists.lookup import search
from blocklists.service import ImportOptions
from contracts.names import search_key, to_wire
from contracts.segment import Segment
from tests.blocklists.making import live_match, policy_of

pytestmark = pytest.mark.data

# path, format, lines, names at least (those that wait included), addresses at least, bad at most, waiting or refused
LISTS = [
    ("plain/shadowwhisperer-malware.txt", "domains", 43_736, 43_700, 0, 0, 41),
    ("hosts/hostsVN-hosts.txt", "hosts", 20_066, 18_200, 0, 0, 492),
    ("vn/hostsVN-threat-VN-hosts.txt", "hosts", 4_458, 4_440, 0, 0, 0),
    ("vn/chongluadao-domains.txt", "domains", 34_370, 34_300, 0, 0, 4),
    ("family/blackbook.csv", "csv", 18_152, 18_100, 0, 2, 0),
    ("ip/threatfox-ioc-ips.txt", "domains", 19_863, 0, 19_800, 0, 7),
    ("vn-letters/cong-van-mau-danh-sach-ma-doc.csv", "csv", 23, 7, 2, 9, 2),
    ("vn-letters/cong-van-mau-danh-sach-ma-doc.xlsx", "xlsx", 53, 16, 7, 14, 4),
    ("rpz/NordicFiltersRPZ.txt", "rpz", 879, 760, 0, 74, 6),
    ("vn/hostsVN-threat-VN-adblock.txt", "adblock", 4_384, 4_370, 0, 0, 0),
    ("adblock/durablenapkin-scam-adguard.txt", "adblock", 967, 945, 0, 0, 0),
    ("adblock/abpvn_adguard.txt", "adblock", 1_196, 58, 0, 0, 0),
]


@pytest.mark.parametrize(("path", "format_name", "lines", "names", "addresses", "bad", "held"), LISTS)
def test_a_real_list(shared_data, lists, settings, path, format_name, lines, names, addresses, bad, held):
    file = shared_data / path
    with file.open("rb") as opened:
        report = lists.import_file("os:tester", opened, ImportOptions("real", file=file.name))
    assert (report.state, report.format, report.lines) == ("live", format_name, lines)
    assert report.names + report.waiting_total >= names
    assert report.addresses >= addresses
    assert report.bad_total <= bad
    assert report.refused_total + report.waiting_total == held
    assert report.seconds < 30
    folder = policy_of(settings)
    (entry,) = folder.read().entries
    segment = Segment(folder.segments / entry.segment, entry.digest)
    rows = [row[0] for row in lists.library.names(lists.library.live("real").id)]
    assert len(rows) == report.names == entry.names
    assert len(segment) == len({name.removeprefix("*.") for name in rows})
    assert entry.addresses == report.addresses


@pytest.mark.parametrize("folder", ["adblock", "family/maltrail", "plain", "hosts", "vn", "rpz", "ip", "popular"])
def test_every_file_is_imported_in_the_format_that_is_found(shared_data, lists, folder):
    expected = {"adblock": "adblock", "family/maltrail": "maltrail", "hosts": "hosts", "rpz": "rpz"}
    expected |= {"hostsVN-threat-VN-hosts.txt": "hosts", "hostsVN-threat-VN-adblock.txt": "adblock"}
    for file in sorted((shared_data / folder).glob("*.txt")):
        with file.open("rb") as opened:
            report = lists.import_file("os:tester", opened, ImportOptions("real", file=file.name, hold=True))
            opened.seek(0)
            lines = sum(1 for _ in opened)
        assert report.state == "held", file.name
        assert report.format == expected.get(file.name, expected.get(folder, "domains")), file.name
        assert report.lines == lines, file.name


@pytest.mark.parametrize("path", ["vn/hostsVN-threat-VN-adblock.txt", "adblock/durablenapkin-scam-adguard.txt"])
def test_every_rule_for_a_name_is_taken(shared_data, lists, path):
    """Counted in another way: lines that are `||`, anything but marks, and `^`."""
    text = (shared_data / path).read_text(encoding="utf-8")
    rules = [line[2:-1] for line in text.splitlines() if line[:2] == "||" and line[-1] == "^" and "*" not in line]
    with (shared_data / path).open("rb") as opened:
        report = lists.import_file("os:tester", opened, ImportOptions("real"))
    assert report.names + report.duplicates + report.refused_total + report.waiting_total == len(rules)
    comments = sum(1 for line in text.splitlines() if not line or line[0] == "!")
    assert report.lines == comments + len(rules) + report.unsupported_total + report.bad_total


def test_every_line_of_maltrail_is_a_row_or_told(shared_data, lists):
    """Counted in another way: a line that is neither blank nor a comment is one row, and paths begin with a slash."""
    for file in sorted((shared_data / "family" / "maltrail").glob("*.txt")):
        said = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
        with file.open("rb") as opened:
            report = lists.import_file("os:tester", opened, ImportOptions(file.stem.replace("_", "-"), file=file.name))
        assert (report.state, report.format) == ("live", "maltrail"), file.name
        told = report.bad_total + report.refused_total + report.waiting_total + report.unsupported_total
        assert report.indicators + report.duplicates + told == len(said), file.name
        paths = sum(1 for line in said if line[0] == "/" or "|" in line)
        assert report.unsupported_total == paths, file.name
        urls = sum(1 for line in said if "/" in line[1:])
        assert report.bad_total <= urls + 1, (file.name, report.bad)


def test_every_name_of_a_list_is_found_by_its_segment(shared_data, lists, settings):
    file = shared_data / "vn" / "chongluadao-domains.txt"
    with file.open("rb") as opened:
        report = lists.import_file("os:tester", opened, ImportOptions("real"))
    folder = policy_of(settings)
    (entry,) = folder.read().entries
    segment = Segment(folder.segments / entry.segment, entry.digest)
    names = [line if line.isascii() else line.encode("idna").decode() for line in file.read_text().split()]
    wires = [to_wire(name) for name in names]
    missed = [wire for wire in wires if segment.find(wire, search_key(wire)) is None]
    assert len(missed) <= report.refused_total + report.waiting_total


def test_families_reach_search_and_worker(shared_data, lists, settings, library):
    with (shared_data / "family" / "blackbook.csv").open("rb") as opened:
        lists.import_file("os:tester", opened, ImportOptions("blackbook"))
    (found,) = search(library, "www.werdotx.shop")
    assert (found.family, found.source, found.listed) == ("lokibot", "ViriBack", "2024-08-28")
    _, match = live_match(settings, "werdotx.shop")
    assert (match.labels.family, match.labels.source) == ("lokibot", "ViriBack")


def test_a_family_file_with_kill_switch_names_cannot_block_them(shared_data: Path, lists, settings):
    lists.seed()
    with (shared_data / "family" / "maltrail" / "wannacry.txt").open("rb") as opened:
        report = lists.import_file("os:tester", opened, ImportOptions("wannacry"))
    assert report.refused_total == 6
    assert live_match(settings, "iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com")[0] == "kill-switch"

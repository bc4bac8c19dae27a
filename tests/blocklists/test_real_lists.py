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

# path, format, lines, names at least, addresses at least, bad at most, refused at most
LISTS = [
    ("plain/shadowwhisperer-malware.txt", "domains", 43_736, 43_700, 0, 0, 20),
    ("hosts/hostsVN-hosts.txt", "hosts", 20_066, 18_200, 0, 0, 10),
    ("vn/hostsVN-threat-VN-hosts.txt", "hosts", 4_458, 4_440, 0, 0, 5),
    ("vn/chongluadao-domains.txt", "domains", 34_370, 34_300, 0, 0, 10),
    ("family/blackbook.csv", "csv", 18_152, 18_100, 0, 2, 10),
    ("ip/threatfox-ioc-ips.txt", "domains", 19_863, 0, 19_800, 0, 20),
    ("vn-letters/cong-van-mau-danh-sach-ma-doc.csv", "csv", 23, 8, 2, 9, 1),
    ("vn-letters/cong-van-mau-danh-sach-ma-doc.xlsx", "xlsx", 53, 17, 7, 14, 3),
    ("rpz/NordicFiltersRPZ.txt", "rpz", 879, 760, 0, 74, 6),
]


@pytest.mark.parametrize(("path", "format_name", "lines", "names", "addresses", "bad", "refused"), LISTS)
def test_a_real_list(shared_data, lists, settings, path, format_name, lines, names, addresses, bad, refused):
    file = shared_data / path
    with file.open("rb") as opened:
        report = lists.import_file("os:tester", opened, ImportOptions("real", file=file.name))
    assert (report.state, report.format, report.lines) == ("live", format_name, lines)
    assert report.names >= names
    assert report.addresses >= addresses
    assert report.bad_total <= bad
    assert report.refused_total <= refused
    assert report.seconds < 30
    folder = policy_of(settings)
    (entry,) = folder.read().entries
    segment = Segment(folder.segments / entry.segment, entry.digest)
    rows = [row[0] for row in lists.library.names(lists.library.live("real").id)]
    assert len(rows) == report.names == entry.names
    assert len(segment) == len({name.removeprefix("*.") for name in rows})
    assert entry.addresses == report.addresses


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
    assert len(missed) <= report.refused_total


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

"""Which format a file is in."""

from __future__ import annotations

import io
import os

import pytest

from blocklists.formats.detect import LOOK, Unsupported, detect
from tests.blocklists.formats import making

CASES = [
    (b"a.example\nb.example\n", "domains", "one entry a line"),
    (b"\xef\xbb\xbf# comment\na.example\n", "domains", "one entry a line"),
    (b"203.0.113.1\n203.0.113.2\n", "domains", "one entry a line"),
    (b"127.0.0.1 localhost\n0.0.0.0 a.example\n", "hosts", "2 of the first 2 lines"),
    (b"Domain,Malware,Date added,Source\na.example,x,2024,y\n", "csv", "line 1 is a heading row: 'Domain'"),
    ("LIST\n\nSTT;Tên miền;Mã độc\n1;a.example;x\n".encode(), "csv", "line 3"),
    (b"domain\na.example\n", "csv", "line 1"),
    (b"a.example CNAME .\nb.example CNAME .\n", "rpz", "2 of the first 2 lines are CNAME records"),
    (b"; Domain, Malware\na.example CNAME *.\n", "rpz", "1 of the first 1"),
    (
        b"\xef\xbb\xbf$TTL 30\n@ soa a. b. 1 2 3 4 5\n NS a.\n1.example A 192.0.2.1\n2.example cname rpz-drop.\n",
        "rpz",
        "with SOA or $ORIGIN",
    ),
    (b"$ORIGIN rpz.example.\n32.1.2.0.192.rpz-ip A 192.0.2.1\na.example A 192.0.2.1\n", "rpz", "0 of the first 3"),
    (b"a.example\nsoa\ncname.example\n", "domains", "one entry a line"),
    (b"! title\n||evil.example^\n||other.example^\n", "adblock", "2 of the first 3 lines are rules"),
    (b"[Adblock Plus 2.0]\n! title\nexample.com##.ad\n", "adblock", "its head says so"),
    (b"! title\n/banner/*$script\nexample.com##.ad\n! x\n", "adblock", "have marks of filter rules"),
    # sentences that name columns, and the annex of a letter with its title
    (
        "Các máy chủ, thời gian 5 phút, nguồn mã độc là evil[.]com\nCác đơn vị rà soát, báo cáo.\n".encode(),
        "text",
        "2 of",
    ),
    ("Tên miền:\nmã độc kết nối đến evil[.]com\nvà đến worse[.]com\n".encode(), "text", "defanged"),
    ("Tên miền:\nevil[.]com\nworse[.]com\n".encode(), "csv", "line 1"),
    (b"address=/a.example/\nlocal=/b.example/\n", "dnsmasq", "2 of the first 2"),
    (b'server:\nlocal-zone: "a.example" static\nlocal-data: "b.example A 0.0.0.0"\n', "unbound", "2 of the first 3"),
    (b"# Copyright (c) 2014-2026 Maltrail developers\n\na.example\n", "maltrail", "its head"),
    (b"# only a comment\n", "domains", "no content"),
    (b"", "domains", "no content"),
    (b'{"response": [{"Event": {"id": "1"}}]}', "misp", "JSON with a MISP event"),
    (b'\xef\xbb\xbf[\n{"Event":{}}]', "misp", "JSON with a MISP event"),
    (b'{"response":{"Attribute":[]}}', "misp", "JSON with a MISP event"),
    (b'{"type": "bundle", "objects": []}', "stix", "JSON with objects of STIX"),
    (b'{"objects":[{"created":"x","id": "indicator--1"}],"type":"bundle"}', "stix", "JSON with objects of STIX"),
    (b"[::1]\n", "domains", "one entry"),
    (making.archive({"word/document.xml": ""}), "docx", "an archive with a Word document"),
    (making.sheets(S=[["Domain"]]), "xlsx", "sheets of an Excel workbook"),
]


@pytest.mark.parametrize(("content", "format_name", "reason"), CASES)
def test_formats(content, format_name, reason):
    found = detect(content)
    assert found.format == format_name
    assert reason in found.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04rest", "Office"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", r"old Office document \(\.xls, \.doc\)"),
        (making.archive({"xl/workbook.xml": "", "xl/vbaProject.bin": ""}), "macros"),
        (making.archive({"list.txt": ""}), "ZIP archive; unpack it first"),
        (b"\x1f\x8b\x08", "gzip"),
        (b'{"response": []}', "JSON, of no known kind"),
        (b'\xef\xbb\xbf [{"a": 1}]', "JSON, of no known kind"),
        (b'{"5a610659-d718-4a1f-b020-04d80a016219": {"Orgc": {"name": "x"}, "info": "y"}}', "manifest of a MISP feed"),
        (b"<html>", "HTML"),
        (b"$TTL 300\n@ SOA a. b. 1 2 3 4 5\nwww A 192.0.2.1\n", "a DNS zone without a policy"),
    ],
)
def test_what_is_not_read_is_named(content, reason):
    with pytest.raises(Unsupported, match=reason):
        detect(content)


def test_an_archive_is_judged_by_its_end():
    content = making.archive({"docProps/a": os.urandom(2 * LOOK), "xl/workbook.xml": ""})
    assert detect(content[: LOOK + 1], io.BytesIO(content)).format == "xlsx"
    with pytest.raises(Unsupported, match="damaged"):
        detect(content[: LOOK + 1])


def test_a_long_file_is_judged_by_its_start():
    content = b"0.0.0.0 name.example\n" * (LOOK // 10)
    assert detect(content[: LOOK + 1]).format == "hosts"


@pytest.mark.parametrize(
    ("path", "format_name"),
    [
        ("plain/shadowwhisperer-malware.txt", "domains"),
        ("hosts/hostsVN-hosts.txt", "hosts"),
        ("vn/hostsVN-threat-VN-hosts.txt", "hosts"),
        ("vn/chongluadao-domains.txt", "domains"),
        ("family/blackbook.csv", "csv"),
        ("ip/threatfox-ioc-ips.txt", "domains"),
        ("vn-letters/cong-van-mau-danh-sach-ma-doc.csv", "csv"),
        ("vn/hostsVN-threat-VN-adblock.txt", "adblock"),
        ("adblock/abpvn_adguard.txt", "adblock"),
        ("rpz/NordicFiltersRPZ.txt", "rpz"),
        ("vn-letters/cong-van-mau-danh-sach-ma-doc.xlsx", "xlsx"),
        ("misp/eset-oceanlotus.misp.event.json", "misp"),
        ("stix/oasis-poisonivy.json", "stix"),
        ("stix/oasis-indicator-for-malicious-url.json", "stix"),
        ("stix/unit42-bazarloader-network-recon.json", "stix"),
        ("stix/unit42-cybersquatting-new-TLDs.json", "stix"),
        ("misp/eset-oceanlotus-macOS.misp.event.json", "misp"),
    ],
)
def test_real_files(shared_data, path, format_name):
    content = (shared_data / path).read_bytes()[: LOOK + 1]
    try:
        assert detect(content).format == format_name
    except Unsupported as error:
        assert format_name in str(error)  # noqa: PT017  either is an answer

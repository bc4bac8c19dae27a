"""Running text from letters, documents and e-mails."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocklists.formats import freetext
from blocklists.formats.detect import detect
from blocklists.indicator import BadLine, Indicator

LETTER = """\
Qua giám sát, phát hiện mã độc kết nối máy chủ điều khiển evil-c2[.]com, update.evil-c2.net và 203[.]0[.]113[.]77:443.
Các đơn vị rà soát máy chủ.Các tệp setup.exe, report.docx; xử lý trước ngày 12.10.2026 theo 53/2022/NĐ-CP.
Liên hệ hotro@so-mau.vn, SĐT 024.62739717 (đ/c An).
"""


def rows(text: str) -> list[Indicator | BadLine]:
    return list(freetext.parse(f"{line}\n".encode() for line in text.splitlines()))


def taken(text: str) -> list[str]:
    """What is taken of a text, without what is doubted."""
    found = [one for one in rows(text) if isinstance(one, Indicator)]
    return [f"{one.name or one.address}{f':{one.port}' if one.port else ''}" for one in found]


def doubted(text: str) -> list[tuple[str, str]]:
    return [(one.text, one.reason) for one in rows(text) if isinstance(one, BadLine)]


def test_a_letter():
    assert [(one.line, one.name or one.address) for one in rows(LETTER) if isinstance(one, Indicator)] == [
        (1, "evil-c2.com"),
        (1, "update.evil-c2.net"),
        (1, "203.0.113.77"),
    ]
    assert doubted(LETTER) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tên miền evil.com.", ["evil.com"]),
        ("The host evil.com, the host (evil.net) and [evil.org]; evil.info: evil.biz!", None),
        (
            "evil (dot) example , evil [ . ] example ; evil{.}com|evil\\.org",
            ["evil.example"] * 2 + ["evil.com", "evil.org"],
        ),
        (
            "1. evil.com - C2; 2) *.bad.net; C2:worse.org:443, domain=xau.vn",
            ["evil.com", "bad.net", "worse.org", "xau.vn"],
        ),
        (
            'these: "quoted.info" <angle.biz> “tròn.example” ‘x[.]y[.]example’',
            ["quoted.info", "angle.biz", "x.y.example"],
        ),
        ("hxxp://evil[.]example/setup.exe và hxxps[:]//two[.]example.", ["evil.example", "two.example"]),
        ("(hxxp://one[.]example/a,hxxp://two[.]example/b)", ["one.example", "two.example"]),
        (
            "mạng 203.0.113.0/24, máy 203.0.113.5 và 203.0.113.6:8080,",
            ["203.0.113.0/24", "203.0.113.5", "203.0.113.6:8080"],
        ),
        ("IPv6 2001:db8::1, [2001:db8::2]:443 lúc 12:30:45", ["2001:db8::1", "2001:db8::2:443"]),
        ("http://plain.com/x.", ["plain.com"]),
        ("hxxp://203[.]0[.]113[.]9:81", ["203.0.113.9:81"]),
        ("VIỆTCOMBANK[.]example", ["xn--vitcombank-dv3e.example"]),
        ("ev\u200bil[.]example\u00a0và\u00a0two[.]example", ["evil.example", "two.example"]),
    ],
)
def test_names_and_addresses_anywhere(text, found):
    expected = ["evil.com", "evil.net", "evil.org", "evil.info", "evil.biz"] if found is None else found
    assert taken(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("someone@evil.com", "gửi someone[@]evil[.]com", "a [at] evil.com", "someone @ evil.com", "a(at)evil[.]com"),
        *("report.docx setup.exe evil.dll a.pdf b.xlsx", "12.10.2026", "1.2.3", "v10.0.19045.1", "53/2022/NĐ-CP"),
        *("máy chủ.Các đơn vị", "TP.HCM", "Node.js", "v.v.", "1.200.000.000 đồng", "Luật 116/2025/QH15", "12:30:45"),
        *(
            "e3b0c44298fc1c149afbf4c8996fb924",
            "Trojan.Win32.Agent",
            "C:\\Users\\evil.com",
            "std::string",
            "a::b",
            "...",
        ),
        *("evil.example", "192.168", "024.62739717", "hệ thống.", "https", "://", "[.]", "(.)", ". . .", "@evil.com"),
    ],
)
def test_words_that_name_nothing_are_passed_over(text):
    assert rows(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tệp update.zip", "name of a file"),
        ("chạy run.sh", "name of a file"),
        ("hệ thống.Do đó", "letters with marks"),
        ("The end.In fact", "end of one sentence"),
        ("TS.BS Nguyễn", "abbreviation"),
        ("viết bằng ASP.NET", "abbreviation"),
        ("mã độc W32.Sality.AE", "name of a malware"),
        ("phiên bản 1.2.3.4", "number of a version"),
        ("mục 3.9.2.2", "number of a section"),
        ("3.9.2.2 Lọc tên miền", "number of a section"),
        ("phạt 10.100.200.150 đồng", "amount of money"),
        ("bài đăng trên facebook.com", "a site of many"),
        ("chi tiết tại địa chỉ: khonggianmang.vn", "where to read"),
        ("Xem https://bao-cao.com.vn", "where to read"),
        ("tham khảo thêm bao-cao.vn", "where to read"),
        ("http://inside.example/", "no known top-level domain"),
        ("https://t.me/evil", "shared host"),
        ("http://203.0.113.9/x", "on an address"),
        ("hxxp://evil.-bad-/", "no top-level domain"),
        ("203.0.113.256", "no valid IP address"),
    ],
)
def test_what_is_doubtful_waits_for_a_person(text, reason):
    ((_, told),) = doubted(text)
    assert reason in told
    assert taken(text) == []


@pytest.mark.parametrize(
    "text", ["update[.]zip", "xem evil[.]com", "phiên bản 1[.]2[.]3[.]4", "facebook[.]com", "TS[.]BS"]
)
def test_what_is_defanged_is_meant(text):
    assert len(taken(text)) == 1


def test_a_url_keeps_its_path_as_a_note():
    (one,) = rows("tải từ hxxp://evil[.]example/setup.exe.")
    assert isinstance(one, Indicator)
    assert (one.note, one.reduced) == ("host of the URL hxxp://evil.example/setup.exe", True)


def test_text_is_known():
    found = detect(LETTER.encode())
    assert (found.format, found.reason) == (
        "text",
        "3 of the first 3 lines have several words, and there are defanged names",
    )
    assert detect(b"The malware asks evil.com\nfor orders every day\n").format == "text"


@pytest.mark.parametrize(
    "content",
    [
        b"10.1.2.3 intranet.com\n10.1.2.4 mail.com\n",  # a hosts file that blocks nothing
        b"www IN A 10.1.2.3\nmail.com. IN A 10.1.2.4\n",  # a zone
        b"evil.com # remark with words\nb.com\n",
        b"evil.com\ntwo words\n",
    ],
)
def test_what_is_no_text(content):
    assert detect(content).format == "domains"


def test_a_letter_goes_to_the_library(take):
    report = take(LETTER)
    assert (report.format, report.names, report.addresses, report.bad_total) == ("text", 2, 1, 0)


words = st.sampled_from(
    [
        "evil[.]com",
        "evil.com",
        "hxxp://",
        "[.]",
        "(dot)",
        "@",
        "203.0.113.5",
        "::",
        "\ue000",
        "/",
        ":",
        "[",
        "]",
        "xem ",
        " ",
    ]
)


@given(st.lists(words | st.text(max_size=4)).map("".join))
def test_anything_gives_rows_or_bad_lines(text):
    for one in freetext.parse([text.encode("utf-8", "surrogatepass")]):
        assert isinstance(one, Indicator | BadLine)
        assert one.line == 1


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a.com,",
            "a.com ",
            "[.]",
            "( ",
            "http://",
            "a.",
            "::",
            "x://a.com,",
            "1.2.3.4 ",
            "xem ",
            "=",
            "a:",
            "<",
            "\\.",
            "h",
        ),
        *("xem a.com,", "[.", "\u0300", "ạ.com ", "*", "phiên bản 1.2.3.4,"),
    ],
)
def test_time_grows_as_the_line_does(piece):
    """A line of 64 kB in well under a second for each kind of word that patterns look at."""
    line = (piece * 70_000).encode()[:65_000]
    started = time.monotonic()
    for _ in freetext.parse([line]):
        pass
    assert time.monotonic() - started < 10

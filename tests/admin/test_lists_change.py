"""Lists changed from the pages: upload and look, activate, roll back, withdraw; what is refused, and who did it."""

from __future__ import annotations

import html
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from admin import access, lists_change
from admin.lists_form import FORMATS, name_of
from blocklists.library import Library
from blocklists.report import Version
from contracts.control import RunFolder
from contracts.settings import Settings
from runtime.control import Refused, ask
from tests.admin.conftest import Browser, People
from tests.admin.desk import lists_process, pages_listen, send
from tests.cli.answers import answering

pytestmark = pytest.mark.e2e

LETTER = (
    "STT,Tên miền/IP độc hại,Mã độc\n1,hxxp://c2.evil[.]example,<b>Emotet</b>\n2,<script>alert(1)</script>,Lỗi\n"
    "3,gov.vn,Lỗi\n4,facebook.com,Lừa đảo\n"
).encode()
NAMED = "/lists/named/cv-12"


@pytest.fixture
def process(people: People, settings: Settings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with lists_process(settings, tmp_path) as running, pages_listen(settings):
        yield running


@pytest.fixture
def staff(people: People) -> Browser:
    return people["security"]


def upload(browser: Browser, content: bytes = LETTER, file: str = "cv-12.csv", **fields: object) -> str:
    answer = send(browser, "/lists/upload", "/lists/upload", file=(content, file), **fields)
    assert answer.status_code == 302, text_of(answer.get_data(as_text=True))
    return str(answer.location)


def text_of(page: str) -> str:
    return " ".join(html.unescape(page).split())


def seen(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return text_of(answer.get_data(as_text=True))


def versions(settings: Settings, name: str = "cv-12") -> list[Version]:
    with closing(Library.reader(settings.state)) as library:
        return library.versions(name)


def audited(settings: Settings) -> list[tuple[str, str, object]]:
    with closing(Library.reader(settings.state)) as library:
        return [(one.actor, one.action, one.detail.get("version")) for one in reversed(library.audit("cv-12"))]


def test_from_a_file_to_a_live_list_and_back(
    process: subprocess.Popen[bytes], staff: Browser, people: People, settings: Settings
) -> None:
    page = upload(staff, campaign="demo-2026", mode="enforce", addresses="enforce", kind="phishing")
    assert page == f"{NAMED}/1?compare=1"
    (held,) = versions(settings)
    assert (held.state, held.campaign, held.kind, held.address_mode) == ("held", "demo-2026", "phishing", "enforce")
    told = seen(staff, page)
    for word in (
        "Đã đọc tệp theo định dạng bảng CSV",
        "chưa chặn gì",
        "tên miền được bảo vệ gov.vn",
        "được truy cập nhiều nhất",
        "toàn bộ 1 tên miền và 0 địa chỉ IP sẽ là mới",
        "Áp dụng phiên bản 1",
        "Không áp dụng, để lại chờ",
    ):
        assert word in told, word
    raw = staff.get(page).get_data(as_text=True)
    assert "<script" not in raw
    assert "<b>Emotet" not in raw

    with answering(RunFolder(settings.state).control("resolver", 0), {"reload": {"serial": 10**6}}):
        done = send(staff, f"{NAMED}/1/activate", page, before="0")
        assert done.location == NAMED
        told = seen(staff, NAMED)
    assert "Đã áp dụng phiên bản 1 của danh sách cv-12. Có hiệu lực trên 1/1 tiến trình phân giải sau 0.0" in told

    administrator = people["administrator"]
    upload(administrator, b"moi.example\n", "x.txt", name="cv-12")
    told = seen(administrator, f"{NAMED}/2")
    assert "+ 1</span> thêm" in told
    assert "− 1</span> bỏ" in told
    assert send(administrator, f"{NAMED}/2/activate", before="1").status_code == 302
    told = seen(administrator, NAMED)
    assert "Đã áp dụng phiên bản 2 của danh sách cv-12. Không có tiến trình phân giải nào đang chạy" in told

    operator = people["operator"]
    told = seen(operator, f"{NAMED}/rollback")
    assert "Khôi phục phiên bản 1" in told
    assert "+ 1</span> thêm" in told
    assert send(operator, f"{NAMED}/rollback", before="2").status_code == 302
    assert "gồm 1 tên miền" in seen(operator, f"{NAMED}/withdraw")
    assert send(operator, f"{NAMED}/withdraw", before="1").status_code == 302
    assert "Đã gỡ bỏ danh sách cv-12" in seen(operator, NAMED)
    assert [one.state for one in versions(settings)] == ["old", "old"]

    assert audited(settings) == [
        ("account:security", "list-import", 1),
        ("account:security", "list-activate", 1),
        ("account:administrator", "list-import", 2),
        ("account:administrator", "list-activate", 2),
        ("account:operator", "list-rollback", 1),
        ("account:operator", "list-withdraw", 1),
    ]
    log = seen(people["auditor"], "/audit/")
    assert '<td>operator</td> <td title="list-withdraw">Gỡ bỏ danh sách chặn</td>' in log
    assert "account:" not in log


def test_who_reads_only_is_offered_nothing(process: subprocess.Popen[bytes], staff: Browser, people: People) -> None:
    upload(staff)
    for path in ("/lists/", NAMED, f"{NAMED}/1"):
        told = people["auditor"].get(path).get_data(as_text=True)
        main = told[told.index("<main") :]
        assert "<form" not in main.replace('<form class="search"', ""), path
        assert "upload" not in main, path


def test_what_stands_live_must_be_what_was_seen(
    process: subprocess.Popen[bytes], staff: Browser, settings: Settings
) -> None:
    upload(staff)
    answer = send(staff, f"{NAMED}/1/activate", before="7")
    assert answer.status_code == 409
    assert "Trong lúc đó phiên bản khác đã được áp dụng" in text_of(answer.get_data(as_text=True))
    assert send(staff, f"{NAMED}/1/activate").status_code == 409
    assert send(staff, f"{NAMED}/1/activate", before="x").status_code == 409
    assert versions(settings)[0].state == "held"


@pytest.mark.parametrize(
    ("content", "file", "fields", "said"),
    [
        (b"", "cv-12.csv", {}, "tệp rỗng"),
        (b"0.0.0.0\nnot a name\n", "cv-12.txt", {}, "tệp không có chỉ báo nào dùng được"),
        (b"PK\x03\x04" + bytes(100), "cv-12.xlsx", {}, "hệ thống không đọc được tệp này"),
        (b"a.example\n", "cv-12.txt", {"zone": "rpz.example"}, "không phải vùng chính sách"),
        (b"a.example\n", "cv-12.txt", {"name": "Danh sách"}, "Chỉ dùng a-z"),
        (b"a.example\n", "cv-12.txt", {"name": "kill-switch"}, "kill-switch đi kèm sản phẩm"),
        (b"a.example\n", "cv-12.txt", {"kind": "kill-switch", "mode": "enforce"}, "chỉ dùng chế độ cho qua"),
        (b"a.example\n", "cv-12.txt", {"campaign": "none"}, "không có trong các lựa chọn"),
        (b"a.example\n", "ĐĐ.txt", {}, ""),
        (b"a.example\n", "---.txt", {}, "không dùng làm tên danh sách được"),
    ],
)
def test_what_cannot_be_imported_is_said_and_the_form_kept(
    process: subprocess.Popen[bytes], staff: Browser, content: bytes, file: str, fields: dict[str, str], said: str
) -> None:
    answer = send(staff, "/lists/upload", file=(content, file), **fields)
    if not said:
        assert answer.location == "/lists/named/dd/1?compare=1"
        return
    assert answer.status_code == 422
    page = text_of(answer.get_data(as_text=True))
    assert said in page
    for name, value in fields.items():
        assert name == "campaign" or f'value="{value}"' in page, f"what was filled in is there still: {name}"


def test_lines_of_a_refused_file_are_explained(process: subprocess.Popen[bytes], staff: Browser) -> None:
    answer = send(staff, "/lists/upload", file=(b"0.0.0.0\n<script>alert(1)</script>\n", "cv-12.txt"), format="domains")
    page = answer.get_data(as_text=True)
    assert "<script" not in page
    assert "không phải địa chỉ của một máy" in text_of(page)
    assert "không có tên miền hay địa chỉ" in text_of(page)


def test_too_large_a_file_is_said(staff: Browser, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists_change, "LARGEST_UPLOAD", 1 << 17)
    answer = send(staff, "/lists/upload", file=(bytes(1 << 18), "cv-12.txt"))
    assert answer.status_code == 413
    assert "Tệp lớn hơn 64 MB" in text_of(answer.get_data(as_text=True))
    for role in ("auditor", "anonymous"):
        answer = send(people[role], "/lists/upload", "/login" if role == "anonymous" else "/password",
            file=(bytes(1 << 18), "cv-12.txt"))  # fmt: skip
        assert answer.status_code == 413
        assert "Tệp lớn hơn" not in answer.get_data(as_text=True), "no form for who may not send it"
    answer = send(staff, "/password", old="x" * (1 << 17))
    assert (answer.status_code, "Tệp lớn hơn" in answer.get_data(as_text=True)) == (413, False)


def test_without_the_lists_process_nothing_changes(people: People, staff: Browser, settings: Settings) -> None:
    answer = send(staff, "/lists/upload", file=(LETTER, "cv-12.csv"), campaign="demo-2026")
    page = text_of(answer.get_data(as_text=True))
    assert answer.status_code == 503
    assert "Tiến trình danh sách không trả lời nên chưa có gì thay đổi" in page
    assert '<option selected value="demo-2026">' in page
    assert not (settings.state / "library.db").exists()


def test_refusals_stand_on_the_page_of_the_change(process: subprocess.Popen[bytes], staff: Browser) -> None:
    upload(staff)
    for path, before, said in (
        (f"{NAMED}/rollback", "0", "danh sách cv-12 không có phiên bản nào đang áp dụng"),
        (f"{NAMED}/withdraw", "0", "danh sách cv-12 không có phiên bản nào đang áp dụng"),
        ("/lists/named/kill-switch/withdraw", "1", "không bao giờ gỡ bỏ danh sách kill-switch"),
    ):
        answer = send(staff, path, before=before)
        assert answer.status_code == 422, path
        assert said in text_of(answer.get_data(as_text=True)), path
    assert send(staff, "/lists/named/none/withdraw", before="0").status_code == 404


def test_nobody_else_names_an_account(process: subprocess.Popen[bytes], staff: Browser, settings: Settings) -> None:
    upload(staff)
    RunFolder(settings.state).control("admin").unlink()
    with pytest.raises(Refused, match="only the process of the staff pages"):
        ask(RunFolder(settings.state).control("lists"), "activate", {"name": "cv-12", "version": 1}, account="lan")
    answer = send(staff, f"{NAMED}/1/activate", before="0")
    assert "chỉ tiến trình của trang quản trị" in text_of(answer.get_data(as_text=True))
    assert versions(settings)[0].state == "held"
    with pages_listen(settings):
        pass
    RunFolder(settings.state).control("admin").touch()  # what the fixture removes


def test_threads_are_left_for_others(staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        assert access._TURNS.acquire(blocking=False)
    try:
        answer = send(staff, "/lists/upload", file=(LETTER, "cv-12.csv"))
    finally:
        access._TURNS.release(3)
    assert "Người khác đang thay đổi danh sách" in text_of(answer.get_data(as_text=True))


def test_nothing_is_taken_without_a_token(staff: Browser) -> None:
    for path in ("/lists/upload", f"{NAMED}/1/activate", f"{NAMED}/rollback", f"{NAMED}/withdraw"):
        assert staff.client.post(path, data={"before": "0"}).status_code == 400, path


def test_names_come_from_files_as_the_command_makes_them() -> None:
    assert [name_of(one) for one in ("Công văn 12 (phụ lục).csv", "a/b.tar.gz", "---.txt")] == [
        "cong-van-12-phu-luc", "b.tar", "",
    ]  # fmt: skip
    assert "auto" in FORMATS

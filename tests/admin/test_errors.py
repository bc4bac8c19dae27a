"""Error pages: in the reader's language, in the layout, without our insides; our own failures logged once."""

from __future__ import annotations

import logging

import pytest
from flask import Flask, abort

from admin import errors
from casework.store.engine import Stores
from tests.admin.conftest import Browser, People


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [("/nothing", 404, "Không tìm thấy nội dung"), ("/audit/", 403, "không được phép"), ("/hosts/9", 404, "Không tìm")],
)
def test_pages(people: People, path: str, status: int, says: str) -> None:
    answer = people["operator"].get(path)
    page = answer.get_data(as_text=True)
    assert answer.status_code == status
    assert says in page
    assert "WAN Sinkhole" in page
    assert "operator" in page, "still logged in"


def test_other_methods_and_languages(people: People) -> None:
    answer = people["operator"].client.get("/logout", headers={"Accept-Language": "en"})
    assert answer.status_code == 405
    assert "Yêu cầu không hợp lệ" in answer.get_data(as_text=True)
    people["operator"].submit("/language", "/password", language="en")
    assert "cannot be understood" in people["operator"].get("/logout").get_data(as_text=True)


def test_a_large_form_is_refused(people: People) -> None:
    answer = people["operator"].submit("/language", "/password", language="en", more="x" * (1 << 16))
    assert answer.status_code == 413
    assert "quá lớn" in answer.get_data(as_text=True)


def test_our_own_failure_is_logged_once_and_shows_nothing(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def broken(self: Stores) -> None:
        raise OSError("disk I/O error at /secret/place")

    staff = people["security"]
    monkeypatch.setattr(Stores, "casework", property(broken))
    with caplog.at_level(logging.ERROR):
        answer = staff.get("/hosts/")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "Hệ thống gặp lỗi" in page
    assert "secret" not in page
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("status", [*errors.PAGES, 406, 503])
def test_every_code_has_a_page(bare: Flask, status: int) -> None:
    bare.config["PROPAGATE_EXCEPTIONS"] = False
    bare.view_functions["auth.log_in"] = lambda: abort(status)
    answer = Browser(bare).get("/login")
    assert answer.status_code == status
    assert f"Lỗi {status}" in answer.get_data(as_text=True) or status == 500

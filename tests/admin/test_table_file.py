"""CSV files: Excel's mark, quoting, and cells that must not compute."""

from __future__ import annotations

import csv
import io

import pytest

from admin.table_file import cell, csv_text


@pytest.mark.parametrize("text", ["=1+1", "+84 24", "-1", "@SUM(A1)", "\tx", "\r=1", " =1", "＝1", "\n=2"])
def test_what_a_spreadsheet_would_compute_becomes_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["127.0.0.1", "Sở Y tế", "a=b", "", 5, -5])
def test_everything_else_stays(value: object) -> None:
    assert cell(value) == value


def test_rows_come_back_as_they_were() -> None:
    rows = [(1, 'a "quoted", comma', "dòng\nhai"), (2, "", "đ")]
    text = "".join(csv_text(["STT", "Đơn vị", "Ghi chú"], rows))
    assert text.startswith("\ufeffSTT,Đơn vị,Ghi chú\r\n")
    read = list(csv.reader(io.StringIO(text[1:], newline="")))
    assert read[1:] == [[str(value) for value in row] for row in rows]


def test_a_long_file_is_never_whole_in_memory() -> None:
    parts = csv_text(["n"], ((number,) for number in range(10**9)))
    assert [next(parts) for _ in range(3)] == ["\ufeff", "n\r\n", "0\r\n"]

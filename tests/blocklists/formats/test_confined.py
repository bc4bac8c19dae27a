"""The process that reads whole files: what it gives back, and how it ends when a file asks too much."""

from __future__ import annotations

import io
import resource
import sys
import time

import pytest

from blocklists.formats import confined
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable
from tests.blocklists.formats import making

# A process as the real one, with another reader; the line is the body of its `parse`.
SCRIPT = """
import sys, types
from blocklists.formats import confined
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable
confined.SECONDS = 1
def parse(file):
    {body}
    return
    yield
made = types.ModuleType("made")
made.parse = parse
sys.modules["made"] = made
confined._READERS["made"] = "made"
confined.main(sys.argv[1])
"""


@pytest.fixture
def reading(monkeypatch):
    def read(body: str, content: bytes = b"x") -> list:
        monkeypatch.setattr(confined, "_COMMAND", [sys.executable, "-P", "-c", SCRIPT.format(body=body)])
        return list(confined.items("made", io.BytesIO(content)))

    return read


def test_items_come_as_they_were_made(reading):
    body = """yield from [Indicator(3, "a.example", port=5, place="S!3"), BadLine(4, "x", "why", True), Remark("so")]
    yield from [Indicator(number, file.read(1).decode()) for number in range(1200)]"""
    found = reading(body, b"q" * 2000)
    assert found[:3] == [
        Indicator(3, "a.example", port=5, place="S!3"), BadLine(4, "x", "why", unsupported=True), Remark("so"),
    ]  # fmt: skip
    assert found[3:] == [Indicator(number, "q") for number in range(1200)]


def test_a_file_on_disk_is_read_from_its_start(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(making.sheets(S=[["Domain"], ["a.example"]]))
    with path.open("rb") as file:
        file.read(100)
        assert [one.name for one in confined.items("xlsx", file)] == ["a.example"]


def test_what_a_reader_refuses_is_handed_on(reading):
    with pytest.raises(Unreadable, match="wrong in every way"):
        reading('raise Unreadable("wrong in every way")')


@pytest.mark.parametrize(
    "body",
    ["hold = bytearray(1 << 31)", "while True: pass", "import os; os.abort()", "import os; os._exit(0)"],
    ids=["memory", "time", "a crash", "silence"],
)
def test_too_much_or_a_crash_ends_that_process_only(reading, body, caplog):
    started = time.monotonic()
    with pytest.raises(Unreadable, match="more memory or time"):
        reading(body)
    assert time.monotonic() - started < 30


def test_memory_is_a_limit_of_the_kernel(reading):
    with pytest.raises(Unreadable, match="more memory or time"):
        reading("hold = [bytes(1 << 20) + bytes([n % 256]) for n in range(1 << 20)]")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10 <= confined.MEMORY


def test_our_own_fault_is_logged_without_the_words_of_the_file(reading, caplog):
    with pytest.raises(Unreadable, match="our own fault"):
        reading(r'raise KeyError("\x1b[31m" + chr(0x1b))')
    assert "KeyError" in caplog.text
    assert "\x1b" not in caplog.text


def test_a_reader_writes_no_file(reading, tmp_path):
    with pytest.raises(Unreadable, match="our own fault"):
        reading(f"with open({str(tmp_path / 'x')!r}, 'w') as made: made.write('x')")
    assert not (tmp_path / "x").read_bytes()


def test_whoever_stops_listening_leaves_no_process(reading, monkeypatch):
    body = "yield from (Indicator(n, 'a.example') for n in range(10**9))"
    monkeypatch.setattr(confined, "_COMMAND", [sys.executable, "-P", "-c", SCRIPT.format(body=body)])
    items = confined.items("made", io.BytesIO(b"x"))
    assert next(items) == Indicator(0, "a.example")
    started = time.monotonic()
    items.close()
    assert time.monotonic() - started < 5


def test_entries_have_a_limit(reading, monkeypatch):
    monkeypatch.setattr(confined, "_MAX_ITEMS", 10)
    with pytest.raises(Unreadable, match="more than 10 entries"):
        reading("yield from (Indicator(n, 'a.example') for n in range(20))")

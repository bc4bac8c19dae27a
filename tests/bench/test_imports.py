"""The measurement of imports: real processes, real counts, a worker that really has the policy."""

from __future__ import annotations

import os
import re

import pytest

from bench import imports, one_import
from bench.meters import BenchError, parse_peak


@pytest.fixture
def folder(tmp_path):
    """Lists in folders of their own, one that is left out, and a document."""
    files = {
        "README.md": "no list\n",
        "plain/a.txt": "a.example.com\nb.example.com\nnot a name\nb.example.com\n",
        "hosts/b.txt": "0.0.0.0 c.example.com\n0.0.0.0 d.example.com\n",
        "misp/c.json": '{"Event": {"info": "x", "Attribute": []}}',
        "popular/d.txt": "e.example.com\n",
    }
    for name, text in files.items():
        path = tmp_path / "lists" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "lists"


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_file_of_a_folder(folder):
    paths = imports.files_of(folder, ["popular"])
    told = []
    table = cells(imports.each_file(folder, paths, told.append))
    counts = [row[:9] for row in table]
    assert counts == [
        ["hosts/b.txt", "hosts", "2", "2", "0", "0", "0", "0", "0"],
        ["misp/c.json", "misp", "0", "0", "0", "0", "0", "0", "0"],
        ["plain/a.txt", "domains", "4", "2", "0", "1", "1", "0", "0"],
    ]
    assert table[1][-1].startswith("no usable indicator")
    assert table[2][-1].startswith("1 ")
    assert all(float(row[9]) >= 0 and 10 < float(row[10]) < 500 for row in table)
    assert len(told) == 3


def test_a_made_up_list_and_the_worker_that_has_it():
    ((lines, _file, seconds, peak, _library, segment, octets, ready, pss),) = cells(
        imports.each_size([3000], lambda _line: None)
    )
    assert lines == "3,000"
    assert float(seconds) > 0
    assert 10 < float(peak) < 500
    assert 1 < float(octets) < 100
    assert float(segment) < 1
    assert float(ready) > 0
    assert float(pss) > 5


def test_a_reason_is_told_without_its_line():
    assert one_import.kind_of("Sheet 1!B3: no top-level domain (abc)", placed=True) == "no top-level domain"
    assert one_import.kind_of("an unknown trigger: rpz-x", placed=False) == "an unknown trigger"


def test_peak_memory_is_that_of_the_process_itself():
    with open(f"/proc/{os.getpid()}/status") as file:
        text = file.read()
    assert 10 < parse_peak(text) < 10_000
    with pytest.raises(BenchError):
        parse_peak(re.sub("VmHWM", "VmX", text))

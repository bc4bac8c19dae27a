"""The shape of control lines, and where the sockets of a state folder are."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.control import Reply, Request, RunFolder, decode_reply, decode_request, encode


@pytest.mark.parametrize(
    "request_line", [Request("status"), Request("explain", {"name": "Sở\n.example", "n": [1, None]}, "os:lan", 12)]
)
def test_a_request_is_one_line_and_comes_back(request_line):
    line = encode(request_line)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_request(line) == request_line


@pytest.mark.parametrize("reply", [Reply(True, {"a": 1}), Reply(False, "half"), Reply(True, error="no: \x1b")])
def test_a_reply_is_one_line_and_comes_back(reply):
    line = encode(reply)
    assert line.count(b"\n") == 1
    assert decode_reply(line) == reply


@pytest.mark.parametrize("line", [b"", b"{}", b"status", b'{"op": 1}', b'{"op": "x", "size": "1"}', b'\xff{"op":"x"}'])
def test_what_is_no_request(line):
    with pytest.raises(ValueError):
        decode_request(line)


def test_sockets_of_a_state_folder(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.control("recorder") == tmp_path / "run" / "recorder.sock"
    assert folder.control("resolver", 0) == tmp_path / "run" / "resolver-0.sock"
    assert folder.hits == tmp_path / "run" / "hits.sock"
    assert folder.workers() == []
    folder.folder.mkdir()
    for name in ("resolver-10.sock", "resolver-2.sock", "resolver-x.sock", "recorder.sock"):
        Path(folder.folder / name).touch()
    assert [path.name for path in folder.workers()] == ["resolver-2.sock", "resolver-10.sock"]

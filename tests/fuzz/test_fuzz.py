"""A short run of the fuzzer, what it found earlier, and that it does find what is wrong.

`make fuzz` is the long run.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.cache import entry
from resolver.server import proxy
from resolver.wire import answer as wire_answer
from resolver.wire import reply
from tests.fuzz import __main__ as command
from tests.fuzz import findings, inside, outside, seeds
from tests.fuzz.findings import Finding
from tests.fuzz.mutating import MAX, mutated

PACKETS = 5000
LONG = 120.0  # seconds: a bound only


@pytest.mark.parametrize("part", ["client", "answer", "proxy"])
def test_damaged_packets_in_this_process(part: str):
    tally, found = inside.run(part, random.Random(5), PACKETS, LONG)
    assert found == []
    assert tally.packets == PACKETS
    assert tally.lines > 100, "the guide sees nothing"


@pytest.mark.e2e
def test_damaged_questions_to_a_running_service():
    tally, found = command.clients(random.Random(6), PACKETS, LONG)
    assert found == []
    assert tally.packets >= PACKETS
    assert tally.answered > PACKETS / 2
    assert tally.ordinary > 20


@pytest.mark.e2e
def test_damaged_answers_to_a_running_service():
    tally, found = command.upstreams(random.Random(7), 1000, LONG)
    assert found == []
    assert tally.packets >= 1000
    assert tally.answered > 500


@pytest.mark.parametrize(
    ("part", "known"), [("client", seeds.questions), ("answer", seeds.answers), ("proxy", seeds.proxied)]
)
def test_what_was_found_earlier_and_the_seeds(part: str, known: Callable[[], list[bytes]], tmp_path: Path):
    check = inside.Inside(tmp_path).checks[part]
    for packet in [*findings.kept(part), *known()]:
        check(packet)


def test_the_same_seed_gives_the_same_packets():
    corpus = seeds.questions()
    assert len(corpus) > 150
    first, second = ([mutated(source, corpus) for _ in range(500)] for source in (random.Random(1), random.Random(1)))
    assert first == second
    assert len(set(first)) > 400
    assert all(0 < len(packet) <= MAX for packet in first)


_READ, _WRITE = wire_answer.read, reply.write
_HEADER = proxy.read_header


def _raises(*_given: object) -> None:
    raise IndexError("a fault put in by the test")


def _raise(error: Exception) -> None:
    raise error


FAULTS = {
    "raises IndexError": ("answer", wire_answer, "read", _raises),
    "when it is kept and given": ("answer", entry.CachedAnswer, "records", _raises),
    "an answer to another question is taken": (
        "answer", wire_answer, "read",
        lambda packet, asked, *rest: _READ(packet, packet[12 : 12 + len(asked)], *rest),
    ),
    "raises BufferError": ("proxy", inside, "read_header", lambda _octets: _raise(BufferError())),
    "change what was told": (
        "proxy", inside, "read_header", lambda octets: None if len(octets) > 400 else _HEADER(octets),
    ),
    "octets are more than was announced": (
        "client", reply, "write",
        lambda *given, **more: _WRITE(*given, **more) + bytes(1300),
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", FAULTS)
def test_a_fault_is_found(monkeypatch: pytest.MonkeyPatch, reason: str):
    part, place, name, fault = FAULTS[reason]
    monkeypatch.setattr(place, name, fault)
    _tally, found = inside.run(part, random.Random(8), 20_000, 20.0)
    assert any(reason in one.reason for one in found), found


def test_a_finding_is_a_file_that_is_replayed(tmp_path: Path):
    path = Finding("client", "raises IndexError('x\ny')", b"\0\1\2").write(tmp_path)
    assert path.read_text().count("\n") == 2
    assert findings.kept("client", tmp_path) == [b"\0\1\2"]
    assert findings.kept("answer", tmp_path) == []


def test_a_person_is_told_what_was_done_and_how_to_do_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    given = ["--packets", "300", "--parts", "engine,answer-reader", "--seed", "9", "--findings", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["fuzz", *given])
    assert command.main() == 0
    said = capsys.readouterr().out
    for words in (
        "No running service is touched",
        "engine: damaged questions of clients",
        "answer-reader: damaged answers of upstreams",
        "300 packets; an error of ours",
        "Nothing was found.",
        'make fuzz SECONDS=60 ARGS="--seed 9 --packets 300 --parts engine,answer-reader"',
    ):
        assert words in said
    monkeypatch.setattr("sys.argv", ["fuzz", *given, "--parts", "answer-reader"])
    monkeypatch.setattr(wire_answer, "read", _raises)
    assert command.main() == 1
    said = capsys.readouterr().out
    assert "FOUND: raises IndexError" in said
    assert f"kept in {tmp_path}" in said
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["clients", "upstreams"])
def test_questions_without_an_answer_are_told_as_expected(part: str):
    said = command.PARTS[part].words(outside.Tally(packets=1200, answered=1000, ordinary=8, grown=1036))
    assert said[0] == "1 200 questions, 1 000 answered"
    assert said[1].startswith("200 not answered, as expected: ")
    assert said[2] == "8 ordinary questions in between, all of them answered rightly"

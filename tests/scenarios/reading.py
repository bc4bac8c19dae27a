"""Reads a scenario file: text in, a Scenario or a BadScenario with file and line out. docs/scenarios.md is the format.

Nothing is played here, and no part of the product is used but its YAML door.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.rcode
import dns.rdatatype
import dns.rrset

from contracts import yamlio
from tests.scenarios.reading_policy import Policy, policy
from tests.scenarios.reading_words import BadScenario, Line, Words

SECTIONS = ("ANSWER", "AUTHORITY", "ADDITIONAL")
STEPS = ("QUERY", "CHECK_ANSWER", "CHECK_SILENCE", "TIME_PASSES", "CHECK_UPSTREAM", "CHECK_HIT", "RELOAD")
TRANSPORTS = ("udp", "tcp")


@dataclass
class Packet:
    """One packet that a fake upstream sends, or does not."""

    line: Line
    rcode: int = 0
    flags: set[str] = field(default_factory=set)
    sections: dict[str, list[dns.rrset.RRset]] = field(default_factory=lambda: {name: [] for name in SECTIONS})
    delay: float = 0.0
    says: set[str] = field(
        default_factory=set
    )  # NO_EDNS, NO_QUESTION, LOWER_CASE, WRONG_ID, GARBAGE, CUT, SILENT, CLOSE
    other: tuple[str, int] | None = None  # the question it echoes instead of ours
    ede: int | None = None


@dataclass
class Rule:
    """What a server does when it is asked something."""

    line: Line
    server: str
    name: str  # in lower case with its final dot; "*" is any, "*.zone." what is below it
    kind: int | None
    start: float = 0.0
    end: float = float("inf")
    times: int | None = None
    wants: set[str] = field(default_factory=set)
    packets: list[Packet] = field(default_factory=list)


@dataclass
class Step:
    """One step: its kind, its own words and the lines below it."""

    number: int
    kind: str
    line: Line
    body: list[Line]


@dataclass
class Scenario:
    """A whole file."""

    file: str
    title: str = ""
    clients: tuple[str, ...] = ("udp", "tcp")
    not_yet: str = ""
    config: dict = field(default_factory=dict)
    policy: Policy | None = None
    rules: list[Rule] = field(default_factory=list)
    dead: dict[str, str] = field(default_factory=dict)  # server -> UNREACHABLE or REFUSING
    steps: list[Step] = field(default_factory=list)


def read(path: Path, shown: str) -> Scenario:
    """The scenario of a file; `shown` is the file's name in messages."""
    return parse(path.read_text(encoding="utf-8"), shown)


def parse(text: str, shown: str) -> Scenario:
    """The scenario that `text` states."""
    scenario = Scenario(shown)
    for head, body in _blocks(text, shown):
        words = Words(head)
        word = words.take("a word")
        reader = BLOCKS.get(word)
        if reader is None:
            raise head.wrong(f"a block begins with one of {', '.join(BLOCKS)}, not {word}")
        reader(scenario, words, body)
    if not scenario.title or not scenario.steps:
        raise BadScenario(f"{shown}: needs a SCENARIO line and steps")
    return scenario


def _blocks(text: str, shown: str):
    head, body = None, []
    for number, raw in enumerate(text.splitlines(), 1):
        line = Line(shown, number, _without_comment(raw).rstrip())
        if not line.text:
            continue
        if line.text[0] != " ":
            if head is not None:
                yield head, body
            head, body = line, []
        elif head is None:
            raise line.wrong("stands under no block")
        else:
            body.append(line)
    if head is not None:
        yield head, body


def _without_comment(raw: str) -> str:
    """`;` begins a comment at the start of a line or behind a space, outside of quotes."""
    quoted = False
    for at, letter in enumerate(raw):
        if letter == '"':
            quoted = not quoted
        elif letter == ";" and not quoted and (at == 0 or raw[at - 1] == " "):
            return raw[:at]
    return raw


def _title(scenario: Scenario, words: Words, body: list[Line]) -> None:
    scenario.title = words.rest()
    _no_body(body)


def _clients(scenario: Scenario, words: Words, body: list[Line]) -> None:
    scenario.clients = tuple(words.rest().split())
    if not scenario.clients or not set(scenario.clients) <= {"udp", "tcp"}:
        raise words.line.wrong("clients speak udp, tcp or both")
    _no_body(body)


def _not_yet(scenario: Scenario, words: Words, body: list[Line]) -> None:
    scenario.not_yet = words.rest()
    _no_body(body)


def _config(scenario: Scenario, words: Words, body: list[Line]) -> None:
    words.end()
    document = yamlio.read("\n".join(line.text for line in body))
    if document.problems:
        raise words.line.wrong(str(document.problems[0]))
    scenario.config = document.data


def _policy(scenario: Scenario, words: Words, body: list[Line]) -> None:
    scenario.policy = policy(words, body)


def _upstream(scenario: Scenario, words: Words, body: list[Line]) -> None:
    server = words.take("the server's address")
    if words:
        scenario.dead[server] = words.among(("UNREACHABLE", "REFUSING"), "what follows the server")
    words.end()
    scenario.rules += _Rules(server).read(body)


class _Rules:
    """The rules of one UPSTREAM block, line by line."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._made: list[Rule] = []
        self._section = ""

    def read(self, body: list[Line]) -> list[Rule]:
        for line in body:
            word = line.words[0]
            if word == "ON":
                self._made.append(_rule(self._server, Words(line, 1)))
                self._section = ""
            elif not self._made:
                raise line.wrong("stands under no ON")
            elif word == "THEN":
                Words(line, 1).end()
                self._made[-1].packets.append(Packet(line))
                self._section = ""
            elif word in SECTIONS:
                Words(line, 1).end()
                self._section = word
            elif word.endswith("."):
                self._record(line)
            else:
                _says(self._made[-1].packets[-1], Words(line))
        return self._made

    def _record(self, line: Line) -> None:
        if not self._section:
            raise line.wrong("a record stands under ANSWER, AUTHORITY or ADDITIONAL")
        self._made[-1].packets[-1].sections[self._section].append(record(line))


def _rule(server: str, words: Words) -> Rule:
    name = words.take("the name")
    kind = None if (word := words.take("the type")) == "*" else _kind(words.line, word)
    rule = Rule(words.line, server, absolute(name), kind, packets=[Packet(words.line)])
    while words:
        word = words.take("a condition")
        if word == "FROM":
            rule.start = words.number("the second from which it holds")
        elif word == "TO":
            rule.end = words.number("the second to which it holds")
        elif word == "TIMES":
            rule.times = words.whole("how often")
        elif word == "ONCE":
            rule.times = 1
        elif word in CONDITIONS:
            rule.wants.add(word)
        else:
            raise words.line.wrong(f"a condition is FROM, TO, TIMES, ONCE or one of {', '.join(CONDITIONS)}")
    return rule


CONDITIONS = (*TRANSPORTS, "EDNS", "NO_EDNS", "DO", "NO_DO", "CD", "NO_CD", "AD", "NO_AD", "RD", "NO_RD", "MIXED_CASE",
              "LOWER_CASE", "NEW", "REUSED")  # fmt: skip
SAYS = {"NO_EDNS", "NO_QUESTION", "LOWER_CASE", "WRONG_ID", "GARBAGE", "CUT", "SILENT", "CLOSE"}
FLAGS = {"TC", "AD", "AA", "CD", "NO_RA"}


def _says(packet: Packet, words: Words) -> None:
    """Words of an answer: rcode, flags and misdeeds, several on a line."""
    while words:
        word = words.take("a word")
        if word == "DELAY":
            packet.delay = words.number("seconds")
        elif word == "EDE":
            packet.ede = words.whole("the extended error")
        elif word == "WRONG_QUESTION":
            packet.other = (absolute(words.take("the name")), words.kind())
        elif word in SAYS:
            packet.says.add(word)
        elif word in FLAGS:
            packet.flags.add(word)
        else:
            packet.rcode = rcode(words.line, word)


def rcode(line: Line, word: str) -> int:
    """A response code by its name."""
    try:
        return dns.rcode.from_text(word)
    except (dns.exception.DNSException, ValueError) as error:
        raise line.wrong(f"no response code or word of this format: {word}") from error


def _kind(line: Line, word: str) -> int:
    try:
        return dns.rdatatype.from_text(word)
    except (dns.exception.DNSException, ValueError) as error:
        raise line.wrong(f"no record type: {word}") from error


def record(line: Line) -> dns.rrset.RRset:
    """`www.example. 300 IN A 192.0.2.1`."""
    fields = line.text.split(None, 4)
    if len(fields) < 5 or not fields[1].isdigit():
        raise line.wrong("a record is: owner TTL IN type data")
    try:
        return dns.rrset.from_text(fields[0], int(fields[1]), *fields[2:])
    except (dns.exception.DNSException, ValueError) as error:
        raise line.wrong(f"no record ({error})") from error


def absolute(name: str) -> str:
    """Lower case, with the final dot."""
    return name.lower() if name.endswith(".") or name == "*" else name.lower() + "."


def _step(scenario: Scenario, words: Words, body: list[Line]) -> None:
    number = words.whole("the step's number")
    if scenario.steps and number <= scenario.steps[-1].number:
        raise words.line.wrong("numbers of steps rise")
    kind = words.among(STEPS, "the kind of step")
    if kind in {"QUERY", "TIME_PASSES", "CHECK_SILENCE"}:
        _no_body(body)
    scenario.steps.append(Step(number, kind, words.line, body))


def _no_body(body: list[Line]) -> None:
    if body:
        raise body[0].wrong("nothing stands below this line's block")


BLOCKS = {
    "SCENARIO": _title,
    "CLIENTS": _clients,
    "NOT_YET": _not_yet,
    "CONFIG": _config,
    "POLICY": _policy,
    "UPSTREAM": _upstream,
    "STEP": _step,
}

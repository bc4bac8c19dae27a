"""Compares what came with what a scenario states; raises Wrong with both.

Nothing is sent or awaited here.
"""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from contracts.hit import HitFacts
from tests.scenarios.player_upstream import Asked
from tests.scenarios.reading import CONDITIONS, SECTIONS, TRANSPORTS, Step, absolute, rcode
from tests.scenarios.reading_words import Line, Words

_EDE = 15


class Wrong(Exception):
    """`what` was to be `expected`, and is `got`; `line` where it is another than the step's."""

    def __init__(self, what: str, expected, *got, line: Line | None = None) -> None:
        self.line = line
        lines = [what, *_shown("expected", expected), *_shown("got", got)]
        super().__init__("\n".join(lines))


def _shown(word: str, value) -> list[str]:
    each = [value] if isinstance(value, str) else list(value) or ["nothing"]
    rows = [row for one in each for row in str(one).splitlines()]
    return [f"    {word if not at else '':<10}{row}" for at, row in enumerate(rows)]


def manners(query: dns.message.Message, answer: dns.message.Message, packet: bytes, transport: str) -> None:
    """What is right for every answer, whatever was asked (RFC 1035 section 4.1.1, RFC 6891 section 6.1.1)."""
    asked, echoed = ([(one.name.labels, one.rdclass, one.rdtype) for one in m.question] for m in (query, answer))
    if asked != echoed:
        raise Wrong("the question echoed, its case included", str(query.question), str(answer.question))
    if not answer.flags & dns.flags.QR or answer.opcode() != query.opcode():
        raise Wrong("the header", "an answer with the opcode asked", dns.flags.to_text(answer.flags))
    if (answer.edns >= 0) != (query.edns >= 0):
        raise Wrong("EDNS", "in the answer if in the question", f"version {answer.edns}")
    if (answer.ednsflags ^ query.ednsflags) & dns.flags.DO:
        raise Wrong("DO", "as asked", dns.flags.edns_to_text(answer.ednsflags))
    room = 65535 if transport == "tcp" else max(512, query.payload if query.edns >= 0 else 0)
    if len(packet) > room:
        raise Wrong("the answer's size", f"at most {room} octets", str(len(packet)))


def answer(step: Step, message: dns.message.Message, packet: bytes) -> None:
    """Everything that the lines below CHECK_ANSWER state, and nothing beside it."""
    wanted = _Wanted(step)
    code = dns.rcode.to_text(message.rcode())
    flags = [flag.lower() for flag in dns.flags.to_text(message.flags).split() if flag != "QR"]
    if (code, sorted(flags)) != (wanted.rcode, sorted(wanted.flags)):
        raise Wrong("rcode and flags", " ".join((wanted.rcode, *wanted.flags)), " ".join((code, *flags)),
                    line=wanted.lines.get("rcode"))  # fmt: skip
    found = [int(option.code) for option in message.options if isinstance(option, dns.edns.EDEOption)]
    if found != wanted.ede:
        raise Wrong("extended errors", map(str, wanted.ede), *map(str, found), line=wanted.lines.get("EDE"))
    options = {int(option.otype): option.to_wire() for option in message.options if int(option.otype) != _EDE}
    _options(wanted, options)
    if wanted.payload is not None and wanted.payload != message.payload:
        raise Wrong("the payload announced", str(wanted.payload), str(message.payload))
    if wanted.size is not None and wanted.size != len(packet):
        raise Wrong("octets of the answer", str(wanted.size), str(len(packet)))
    for section in SECTIONS:
        _section(section, wanted, getattr(message, section.lower()))


def _options(wanted: _Wanted, found: dict[int, bytes]) -> None:
    for code, (line, data) in wanted.options.items():
        have = found.pop(code, None)
        if have is None or (data is not None and not have.startswith(data)):
            raise Wrong(f"EDNS option {code}", "there" if data is None else data.hex(),
                        "missing" if have is None else have.hex(), line=line)  # fmt: skip
    if found:
        raise Wrong("EDNS options", "no others", *(f"{code} {data.hex()}" for code, data in found.items()))


def _section(section: str, wanted: _Wanted, found) -> None:
    rows = [_row(text) for rrset in found for text in rrset.to_text().splitlines()]
    lines = wanted.sections[section]
    if len(rows) != len(lines) or any(not _same(_row(line.text), row) for line, row in zip(lines, rows, strict=True)):
        expected = [" ".join(_row(line.text)) for line in lines]
        line = wanted.lines.get(section)
        raise Wrong(f"section {section}", expected, *(" ".join(row) for row in rows), line=line)


def _row(text: str) -> list[str]:
    """A record as words: owner, TTL, class, type, data as dnspython writes it."""
    owner, ttl, qclass, kind, data = text.split(None, 4)
    if "*" not in data and not ttl.startswith("*"):
        made = dns.rrset.from_text(owner, 0, qclass, kind, data).to_text()
        owner, _ttl, qclass, kind, data = made.split(None, 4)
    return [owner.lower(), ttl, qclass, kind, data]


def _same(wanted: list[str], found: list[str]) -> bool:
    """Equal, or `*` where anything will do, or a TTL in a range `25-30`."""
    return all(want in {"*", got} or (at == 1 and _in_range(want, got)) for at, (want, got) in
               enumerate(zip(wanted, found, strict=True)))  # fmt: skip


def _in_range(want: str, got: str) -> bool:
    low, dash, high = want.partition("-")
    return bool(dash) and int(low) <= int(got) <= int(high)


class _Wanted:
    """The lines below CHECK_ANSWER."""

    def __init__(self, step: Step) -> None:
        self.rcode, self.flags = "NOERROR", list[str]()
        self.ede = list[int]()
        self.options: dict[int, tuple[Line, bytes | None]] = {}
        self.payload: int | None = None
        self.size: int | None = None
        self.sections: dict[str, list[Line]] = {name: [] for name in SECTIONS}
        self.lines: dict[str, Line] = {}
        section = ""
        for line in step.body:
            word = line.text.split()[0]
            if word in SECTIONS:
                section = word
                self.lines[word] = line
            elif section and (word.endswith(".") or word == "*"):
                self.sections[section].append(line)
            else:
                section = ""
                self._line(line, word)
        if "rcode" not in self.lines:
            raise step.line.wrong("the first line below it is the rcode with the flags")

    def _line(self, line: Line, word: str) -> None:
        words = Words(line, 1)
        if "rcode" not in self.lines:
            self.rcode = dns.rcode.to_text(rcode(line, word))
            self.flags = words.rest().split()
            self.lines["rcode"] = line
        elif word == "EDE":
            self.ede.append(words.whole("the extended error"))
            self.lines["EDE"] = line
        elif word == "OPTION":
            code = words.whole("the option's number")
            self.options[code] = (line, words.octets("its data") if words else None)
        elif word == "PAYLOAD":
            self.payload = words.whole("octets")
        elif word == "OCTETS":
            self.size = words.whole("octets")
        else:
            raise line.wrong(f"not understood: {word}")
        words.end()


def upstream(step: Step, asked: list[Asked]) -> None:
    """`192.0.2.1 www.example A udp DO`, each server's in this order; `3 TIMES` stands for three equal lines."""
    wanted = []
    for line in step.body:
        words = Words(line)
        server = words.take("the server")
        if server == "NOTHING":
            words.end()
            continue
        one = (line, server, absolute(words.take("the name")), words.kind(), set[str]())
        times = 1
        while words:
            word = words.take("a condition")
            if word.isdigit():
                times = int(word)
                words.among(("TIMES",), "what follows the number")
            elif word in CONDITIONS:
                one[4].add(word.upper() if word in TRANSPORTS else word)
            else:
                raise line.wrong(f"a condition is one of {', '.join(CONDITIONS)}")
        wanted += [one] * times
    in_order = sorted(wanted, key=lambda one: one[1]), sorted(asked, key=lambda one: one.server)
    if len(wanted) != len(asked) or not all(map(_was_asked, *in_order)):
        raise Wrong("asked upstream since the last look", [" ".join(one[0].words) for one in wanted],
                    *(f"at second {one.seconds:g}: {one}" for one in asked))  # fmt: skip


def _was_asked(wanted, asked: Asked) -> bool:
    _line, server, name, kind, marks = wanted
    return (server, name, kind) == (asked.server, asked.name, asked.kind) and marks <= asked.marks


def hit_text(hit: tuple[str, HitFacts, int]) -> str:
    """A hit as CHECK_HIT states it, and the rest of it."""
    client, facts, count = hit
    kind = dns.rdatatype.to_text(facts.qtype)
    return (
        f"{client} {facts.action} {facts.qname} {kind} {count} TIMES BY {facts.transport} "
        f"LIST {facts.list} INDICATOR {facts.indicator} SERIAL {facts.serial} ADDRESS {facts.address or 'none'} "
        f"STEP {facts.step}"
    )


def hits(step: Step, made: list[tuple[str, HitFacts, int]], transport: str) -> None:
    """`127.10.0.5 sinkhole evil.example A`, in any order, equal ones added up; further words where stated."""
    left = list[list]()
    for client, facts, count in made:
        same = next((one for one in left if one[:2] == [client, facts]), None)
        if same is not None:
            same[2] += count
        else:
            left.append([client, facts, count])
    for line in step.body:
        if line.words == ["NOTHING"]:
            continue
        found = next((one for one in left if _is_hit(line, *one, transport)), None)
        if found is None:
            raise Wrong("a hit", " ".join(line.words), *map(hit_text, made), line=line)
        left.remove(found)
    if left:
        raise Wrong("hits since the last look", [" ".join(line.words) for line in step.body], *map(hit_text, made))


def _is_hit(line: Line, client: str, facts: HitFacts, count: int, transport: str) -> bool:
    words = Words(line)
    who, action, name = words.take("the client"), words.take("the action"), words.take("the name")
    wanted = {"": (who, action, name, words.kind()), "TIMES": 1, "BY": transport}
    have = {"": (client, facts.action, facts.qname, facts.qtype), "TIMES": count, "BY": facts.transport,
            "LIST": facts.list, "INDICATOR": facts.indicator, "SERIAL": str(facts.serial),
            "ADDRESS": facts.address or "none", "STEP": facts.step}  # fmt: skip
    while words:
        word = words.take("a word")
        if word.isdigit():
            words.among(("TIMES",), "what follows the number")
            wanted["TIMES"] = int(word)
        elif word in have:
            wanted[word] = words.take(word)
        else:
            raise line.wrong(f"not understood: {word}")
    return all(have[word] == value for word, value in wanted.items())

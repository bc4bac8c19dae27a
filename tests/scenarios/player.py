"""Plays a scenario, step by step. The first thing that is not as stated raises Failed with place, expected and got.

Reading files is in reading.py, comparing in player_checks.py, the worker and its surroundings in player_world.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rdataclass

from tests.scenarios import player_checks as checks
from tests.scenarios.player_checks import Wrong
from tests.scenarios.player_world import World
from tests.scenarios.reading import Scenario, Step, policy
from tests.scenarios.reading_words import Line, Words

CLIENT = "127.10.0.5"
_COOKIE = 10


class Failed(AssertionError):
    """A step did not go as the scenario states."""


@dataclass
class Sent:
    """One question of a client, and its answer where one has come and was looked at."""

    step: Step
    client: str
    transport: str
    message: dns.message.Message
    looked: bool = False


def play(scenario: Scenario, transport: str, folder: Path) -> None:
    """Play it with clients that speak `transport` where the scenario does not say which."""
    world = World(scenario, folder)
    try:
        _Player(scenario, transport, world).play()
    finally:
        world.close()


class _Player:
    def __init__(self, scenario: Scenario, transport: str, world: World) -> None:
        self.scenario = scenario
        self.transport = transport
        self.world = world
        self.sent: dict[int, Sent] = {}
        self._cookies: dict[str, bytes] = {}  # client -> the server cookie it was given last

    def play(self) -> None:
        for step in self.scenario.steps:
            with _place(step, self.transport):
                getattr(self, step.kind.lower())(step, Words(step.line, 3))
                self._nothing_strange()
        with _place(self.scenario.steps[-1], self.transport):
            self._nothing_left()

    def _nothing_strange(self) -> None:
        if self.world.upstreams.strange:
            raise Wrong("what is asked upstream", "a rule for every question", *self.world.upstreams.strange)
        faults = self.world.worker.engine.counters.internal_errors
        if faults:
            raise Wrong("the worker", "no fault of its own", f"internal_errors is {faults}")

    def _nothing_left(self) -> None:
        """Nothing may have come that no step looked at."""
        self.world.collect()
        unread = [str(self._read(one)) for one in self.world.inbox]
        if unread:
            raise Wrong("at the end", "every answer looked at", *unread)
        if self.world.worker.hits.made:
            raise Wrong("at the end", "every hit looked at", *map(checks.hit_text, self.world.worker.hits.made))

    def query(self, step: Step, words: Words) -> None:
        client, transport, message = _question(step, words, self.transport, self._cookies)
        self.sent[step.number] = Sent(step, client, transport, message)
        if not self.world.send(client, transport, message.to_wire()):
            raise Wrong("the question", "read by the worker", "it was not")

    def check_answer(self, step: Step, words: Words) -> None:
        sent = self._meant(words)
        words.end()
        self.world.reactor.really_wait(lambda: self._find(sent) is not None)
        found = self._find(sent)
        if found is None:
            raise Wrong(f"the answer to step {sent.step.number}", "one", "none has come")
        self.world.inbox.remove(found)
        sent.looked = True
        answer = self._read(found)
        for option in answer.options:
            if option.otype == _COOKIE:
                self._cookies[sent.client] = option.to_wire()[8:]
        checks.manners(sent.message, answer, found[3], sent.transport)
        checks.answer(step, answer, found[3])

    def check_silence(self, step: Step, words: Words) -> None:
        sent = self._meant(words)
        words.end()
        self.world.collect()
        if (found := self._find(sent)) is not None:
            raise Wrong(f"to step {sent.step.number}", "no answer yet", str(self._read(found)))

    def _meant(self, words: Words) -> Sent:
        """`OF 3`, else the question asked last."""
        if words:
            words.among(("OF",), "what follows")
            number = words.whole("the step that asked")
        else:
            number = max(self.sent, default=0)
        if number not in self.sent:
            raise words.line.wrong("no question was asked at that step")
        return self.sent[number]

    def _find(self, sent: Sent):
        self.world.collect()
        start = sent.message.id.to_bytes(2, "big")
        for one in self.world.inbox:
            if one[:2] == (sent.client, sent.transport) and one[3].startswith(start):
                return one
        return None

    def _read(self, one) -> dns.message.Message:
        try:
            return dns.message.from_wire(one[3], one_rr_per_rrset=True, ignore_trailing=False)
        except Exception as error:
            raise Wrong("an answer", "a DNS message", f"{error!r}: {one[3].hex()}") from error

    def time_passes(self, step: Step, words: Words) -> None:
        seconds = words.number("how long")
        seconds *= {"s": 1, "min": 60, "h": 3600}[words.among(("s", "min", "h"), "the unit")] if words else 1
        words.end()
        self.world.pass_time(seconds)

    def check_upstream(self, step: Step, words: Words) -> None:
        words.end()
        asked, self.world.upstreams.asked[:] = list(self.world.upstreams.asked), []
        checks.upstream(step, asked)

    def check_hit(self, step: Step, words: Words) -> None:
        words.end()
        made, self.world.worker.hits.made[:] = list(self.world.worker.hits.made), []
        checks.hits(step, made, self.transport)

    def reload(self, step: Step, words: Words) -> None:
        problem = self.world.reload(policy(words, step.body))
        if problem:
            raise Wrong("the new policy", "live", problem)


class _place:  # noqa: N801  used like a function
    """Adds file, line and step to what is wrong inside."""

    def __init__(self, step: Step, transport: str) -> None:
        self._step, self._transport = step, transport

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind, error, _trace) -> None:
        if isinstance(error, Wrong):
            line: Line = error.line or self._step.line
            raise Failed(
                f"{line.file}:{line.number}: step {self._step.number} {self._step.kind} (client by {self._transport}): "
                f"{error}"
            ) from None


def _question(step: Step, words: Words, transport: str, cookies: dict[str, bytes]):
    """`QUERY www.example A FROM 127.10.0.5 BY tcp EDNS 1232 DO ...`"""
    name = words.take("the name")
    message = dns.message.Message(id=0x1000 + step.number)
    kind = words.kind()
    client, qclass, flags, options = CLIENT, "IN", {"RD"}, []
    payload, version = None, 0
    while words:
        word = words.take("a word")
        if word == "FROM":
            client = words.take("the client's address")
        elif word == "BY":
            transport = words.among(("udp", "tcp"), "the transport")
        elif word == "EDNS":
            payload = words.whole("the payload size")
        elif word in {"DO", "AD", "CD"}:
            flags.add(word)
        elif word == "NO_RD":
            flags.remove("RD")
        elif word == "CLASS":
            qclass = words.take("the class")
        elif word == "OPCODE":
            message.set_opcode(_opcode(words))
        elif word == "EDNS_VERSION":
            version = words.whole("the version of EDNS")
        elif word == "COOKIE":
            options.append((_COOKIE, words.octets("the client's cookie")))
        elif word == "COOKIE_AGAIN":
            options.append((_COOKIE, words.octets("the client's cookie") + cookies.get(client, b"")))
        elif word == "OPTION":
            options.append((words.whole("the option's number"), words.octets("its data") if words else b""))
        else:
            raise words.line.wrong(f"not understood: {word}")
    message.flags |= sum(dns.flags.from_text(flag) for flag in flags - {"DO"})
    message.find_rrset(message.question, dns.name.from_text(name), qclass_number(words.line, qclass), kind, create=True,
                       force_unique=True)  # fmt: skip
    if payload is not None or version or options or "DO" in flags:
        message.use_edns(version, dns.flags.DO if "DO" in flags else 0, payload or 1232,
                         options=[dns.edns.GenericOption(code, data) for code, data in options])  # fmt: skip
    return client, transport, message


def _opcode(words: Words) -> int:
    word = words.take("the opcode")
    try:
        return dns.opcode.from_text(word)
    except dns.exception.DNSException as error:
        raise words.line.wrong(f"no opcode: {word}") from error


def qclass_number(line: Line, text: str) -> int:
    """A class by its name."""
    try:
        return dns.rdataclass.from_text(text)
    except (dns.exception.DNSException, ValueError) as error:
        raise line.wrong(f"no class: {text}") from error

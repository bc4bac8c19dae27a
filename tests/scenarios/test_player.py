"""The player itself: each kind of check can fail, and says where, what was expected and what came.

What the resolver should do is in the scenario files.
"""

from __future__ import annotations

import pytest

from contracts.config import BadConfig
from resolver.upstream.exchange import Exchange
from tests.conftest import REPO
from tests.scenarios import player, reading, reading_policy
from tests.scenarios.player_time import Endless
from tests.scenarios.reading_words import BadScenario

GOOD = """
SCENARIO a name, listed and not
CONFIG
    dns:
      upstreams:
        servers: [192.0.2.1]
POLICY 3
    LIST letter-7 enforce
        evil.example
UPSTREAM 192.0.2.1
    ON www.example A                ; the comment; and more
        ANSWER
            www.example. 300 IN A 192.0.2.80
STEP 10 QUERY www.example A EDNS 1400
STEP 20 CHECK_ANSWER
    NOERROR rd ra
    ANSWER
        www.example. 300 IN A 192.0.2.80
STEP 30 CHECK_UPSTREAM
    192.0.2.1 www.example A udp EDNS
STEP 40 QUERY x.evil.example A EDNS 1400
STEP 50 CHECK_ANSWER
    NOERROR rd ra
    EDE 4
    ANSWER
        x.evil.example. 30 IN A 127.53.0.9
STEP 60 CHECK_HIT
    127.10.0.5 sinkhole x.evil.example A INDICATOR evil.example LIST letter-7 SERIAL 3
"""


def played(text, folder, transport="udp"):
    player.play(reading.parse(text, "made.rpl"), transport, folder)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_what_is_as_stated_is_silent(tmp_path, transport):
    played(GOOD, tmp_path, transport)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_example_of_the_page_can_be_played(tmp_path, transport):
    page = (REPO / "docs/scenarios.md").read_text(encoding="utf-8")
    played(page.split("```")[1], tmp_path, transport)


def test_every_word_of_the_format_is_on_the_page():
    page = (REPO / "docs/scenarios.md").read_text(encoding="utf-8")
    words = {
        *reading.BLOCKS,
        *reading.STEPS,
        *reading.CONDITIONS,
        *reading.SAYS,
        *reading.FLAGS,
        *reading_policy.MODES,
        *reading_policy.ACTIONS,
    }
    assert {word for word in words if word not in page} == set()


RECORD = "        www.example. 300 IN A 192.0.2.80\n"
THEN = "STEP 30"
HIT = "    127.10.0.5 sinkhole x.evil.example A INDICATOR evil.example LIST letter-7 SERIAL 3\n"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("NOERROR rd ra\n    ANSWER", "NOERROR rd ra ad\n    ANSWER", ":16: step 20", "got       NOERROR rd ra"),
        ("NOERROR rd ra\n    ANSWER", "NXDOMAIN rd ra\n    ANSWER", ":16: step 20", "expected  NXDOMAIN rd ra"),
        (RECORD + THEN, THEN, ":17: step 20", "expected  nothing"),
        (RECORD + THEN, RECORD.replace("300", "299") + THEN, ":17: step 20", "expected  www.example. 299"),
        (RECORD + THEN, RECORD.replace("300", "250-299") + THEN, ":17: step 20", "got       www.example. 300"),
        ("A udp EDNS", "A tcp EDNS", ":19: step 30 CHECK_UPSTREAM", "got       at second 0: 192.0.2.1 www"),
        ("A udp EDNS", "A udp EDNS 2 TIMES", "made.rpl:19: step 30", "at second 0"),
        ("    192.0.2.1 www.example A udp EDNS", "    NOTHING", "step 30", "at second 0"),
        ("    EDE 4\n", "", "step 50", "extended errors"),
        ("    EDE 4\n", "    EDE 15\n", ":24: step 50", "expected  15"),
        ("    EDE 4\n", "    EDE 4\n    OPTION 10\n", ":25: step 50", "missing"),
        ("    EDE 4\n", "    EDE 4\n    PAYLOAD 4096\n", "step 50", "1232"),
        ("SERIAL 3", "SERIAL 4", ":28: step 60 CHECK_HIT", "SERIAL 3"),
        ("SERIAL 3", "2 TIMES", ":28: step 60 CHECK_HIT", "1 TIMES"),
        (HIT, "    NOTHING\n", "step 60", "sinkhole x.evil.example A"),
        ("STEP 60 CHECK_HIT\n" + HIT, "STEP 60 TIME_PASSES 1\n", "step 60", "every hit looked at"),
        ("STEP 60", "STEP 51 CHECK_ANSWER OF 40\n    NOERROR rd ra\nSTEP 60", ":27: step 51", "none has come"),
        ("STEP 20", "STEP 15 CHECK_SILENCE\nSTEP 20", ":15: step 15 CHECK_SILENCE", "no answer yet"),
        ("ON www.example A ", "ON www.example AAAA ", ":14: step 10", "a rule for every question"),
        ("STEP 40", "STEP 35 QUERY www.example A\nSTEP 40", ":28: step 60", "every answer looked at"),
        ("        evil.example", "        evil.example only", ":21: step 40", "a rule for every question"),
    ],
)  # fmt: skip
def test_what_is_not_as_stated_is_told(tmp_path, old, new, place, words):
    assert GOOD.count(old) == 1
    with pytest.raises(player.Failed) as caught:
        played(GOOD.replace(old, new), tmp_path)
    assert place in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("POLICY 3", "POLICY x", "made.rpl:7: the serial is a whole number, not x: POLICY x"),
        ("POLICY 3", "POLITICS 3", "made.rpl:7: a block begins with one of"),
        ("enforce", "forbid", "made.rpl:8: the mode is one of enforce, monitor, passthru, not forbid"),
        ("    ON www", "    www", "made.rpl:11: stands under no ON"),
        ("        ANSWER\n        ", "        ", "made.rpl:12: a record stands under ANSWER"),
        ("IN A 192.0.2.80\nSTEP 10", "IN A nowhere\nSTEP 10", "made.rpl:13: no record"),
        ("STEP 30", "STEP 20", "made.rpl:19: numbers of steps rise"),
        ("CHECK_UPSTREAM", "LOOK", "made.rpl:19: the kind of step is one of"),
        ("SCENARIO a name, listed and not", "", "needs a SCENARIO line"),
        ("A EDNS 1400\nSTEP 20", "A EDNS\nSTEP 20", "made.rpl:14: the payload size is missing"),
        ("A EDNS 1400\nSTEP 20", "A PLEASE\nSTEP 20", "made.rpl:14: not understood: PLEASE"),
        ("servers:", "server:", "unknown key"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_told(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises((BadScenario, BadConfig)) as caught:
        played(GOOD.replace(old, new, 1), tmp_path)
    assert message in str(caught.value)


def test_what_goes_round_for_ever_is_told(tmp_path, monkeypatch):
    def again(self, question):
        self._release(question)
        question.again = True
        return question

    monkeypatch.setattr(Exchange, "_another", again)
    failing = GOOD.replace("        ANSWER\n            www", "        SERVFAIL\n        ANSWER\n            www")
    with pytest.raises(Endless, match="for ever at second 0"):
        played(failing, tmp_path)

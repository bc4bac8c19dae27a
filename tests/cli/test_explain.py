"""`sinkhole explain`: the worker's words for people and for programs; which worker is asked."""

from __future__ import annotations

import json

import pytest

from tests.cli.answers import answering
from tests.cli.test_main import run

LISTED = {
    "name": "update.evil.example",
    "client": "127.10.0.5",
    "type": "A",
    "serial": 7,
    "outcome": "sinkhole",
    "rung": "listed-name",
    "reason": "evil.example is listed with its subdomains",
    "match": {
        "indicator": "evil.example",
        "subdomains": True,
        "list": "letter-7",
        "version": 3,
        "line": 12,
        "kind": "c2",
        "family": "Emo\x1b[31mtet",
        "campaign": "demo-2026",
        "letter": "7/CV",
        "source": "",
        "mode": "enforce",
    },
    "address": "127.53.9.1",
    "rungs": [
        {"rung": "access", "verdict": "goes on", "reason": "127.10.0.5 is in 127.0.0.0/8"},
        {"rung": "listed-name", "verdict": "sinkhole", "reason": "evil.example is listed with its subdomains"},
    ],
}
PLAIN = {**LISTED, "outcome": "forward", "rung": "upstream", "match": None, "address": None, "reason": "not listed"}


@pytest.fixture
def run_folder(settings_file):
    return settings_file.parent / "var" / "run"


def test_people_read_the_outcome_the_reason_and_the_match(settings_file, run_folder):
    with answering(run_folder / "resolver-0.sock", {"explain": LISTED}) as asked:
        ran = run("--config", settings_file, "explain", "update.evil.example", "--client", "127.10.0.5", "--type", "a")
    assert ran.exit_code == 0
    assert asked[0].args == {"name": "update.evil.example", "client": "127.10.0.5", "type": "A"}
    for said in (
        "update.evil.example A, asked by 127.10.0.5, under policy 7",
        "the sinkhole address 127.53.9.1",
        "evil.example and its subdomains",
        "letter-7 version 3, line 12, mode enforce",
        "Emo\\x1b[31mtet",
        "7/CV",
        "access       goes on   127.10.0.5 is in 127.0.0.0/8",
    ):
        assert said in ran.stdout
    assert "source" not in ran.stdout  # empty facts are left out


def test_what_is_said_of_the_client_is_told(settings_file, run_folder):
    asker = {
        "address": "127.10.0.5", "unit": "so-mau", "standing": "monitor", "network": "127.10.0.0/24",
        "until": 1795400000, "reason": "làm quen", "trusts": ["ecs", "mac"],
    }  # fmt: skip
    told = {**LISTED, "outcome": "monitor", "notes": ["the client's network is in monitor mode"], "asker": asker}
    with answering(run_folder / "resolver-0.sock", {"explain": told}):
        ran = run("--config", settings_file, "explain", "update.evil.example")
    assert "note  the client's network is in monitor mode" in ran.stdout
    assert (
        "client table: unit so-mau; 127.10.0.0/24 is monitor until 2026-11-23 09:13:20: làm quen;"
        " a registered forwarder, believed in ecs, mac" in ran.stdout
    )


def test_a_name_that_is_not_listed(settings_file, run_folder):
    with answering(run_folder / "resolver-0.sock", {"explain": PLAIN}):
        ran = run("--config", settings_file, "explain", "update.evil.example")
    assert "gets  whatever the upstream says" in ran.stdout
    assert "match" not in ran.stdout


@pytest.mark.parametrize(
    ("outcome", "asked_of", "said"),
    [
        (
            "forward",
            {"scope": "agency.internal", "servers": ["10.1.1.1:53", "10.1.1.2:53"]},
            "\nasked of forward zone agency.internal: 10.1.1.1:53, 10.1.1.2:53\n",
        ),
        ("cached", {"scope": ".", "servers": ["10.9.9.9:53"]}, "\nlater asked of the general upstreams: 10.9.9.9:53\n"),
        ("forward", {"scope": ".", "servers": []}, "\nasked of the general upstreams: none is set\n"),
        ("forward", {"scope": "a\x1b[31m.vn", "servers": []}, "\nasked of forward zone a\\x1b[31m.vn: none is set\n"),
    ],
)
def test_who_would_be_asked_is_said(settings_file, run_folder, outcome, asked_of, said):
    told = {**PLAIN, "outcome": outcome, "asked_of": asked_of}
    with answering(run_folder / "resolver-0.sock", {"explain": told}):
        ran = run("--config", settings_file, "explain", "x.example")
    assert said in ran.stdout


@pytest.mark.parametrize("told", [LISTED, {**LISTED, "asked_of": None}])
def test_nobody_is_asked_for_a_listed_name(settings_file, run_folder, told):
    with answering(run_folder / "resolver-0.sock", {"explain": told}):
        ran = run("--config", settings_file, "explain", "x.example")
    assert "asked of" not in ran.stdout


def test_programs_get_the_reply_as_it_is(settings_file, run_folder):
    with answering(run_folder / "resolver-0.sock", {"explain": LISTED}):
        ran = run("--config", settings_file, "explain", "x.example", "--json")
    assert json.loads(ran.stdout) == LISTED


def test_the_first_worker_that_answers_is_asked(settings_file, run_folder):
    with answering(run_folder / "resolver-1.sock", {"explain": PLAIN}) as asked:
        (run_folder / "resolver-0.sock").touch()  # left behind by a worker that died
        ran = run("--config", settings_file, "explain", "x.example")
    assert ran.exit_code == 0
    assert len(asked) == 1


def test_without_any_worker_it_says_what_to_do(settings_file, run_folder):
    ran = run("--config", settings_file, "explain", "x.example")
    assert ran.exit_code == 1
    assert f"no resolver worker answers in {run_folder}: start the service with `sinkhole run`" in ran.stderr


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("update.evil.example", "update.evil.example"),
        ("update[.]evil[.]example", "update.evil.example"),
        ("hxxp://update[.]evil[.]example", "update.evil.example"),
        ("hxxps://update[.]evil[.]example:8080/", "update.evil.example"),
        ("xấu.example", "xn--xu-r5s.example"),
        ("_dns.resolver.arpa", "_dns.resolver.arpa"),
        ("localhost", "localhost"),
        ("1.0.0.127.in-addr.arpa", "1.0.0.127.in-addr.arpa"),
        (r"a\.b\255.example", r"a\.b\255.example"),
    ],
)
def test_a_name_may_be_written_as_letters_write_it(settings_file, run_folder, written, asked):
    with answering(run_folder / "resolver-0.sock", {"explain": LISTED}) as seen:
        ran = run("--config", settings_file, "explain", written)
    assert ran.exit_code == 0, ran.output
    assert seen[0].args["name"] == asked


@pytest.mark.parametrize(
    "written", ["a b", "127.0.0.1", "::1", "hxxp://evil[.]example/setup.exe", "ai@evil.example", ""]
)
def test_what_is_no_name_gets_no_all_clear(settings_file, run_folder, written):
    with answering(run_folder / "resolver-0.sock", {"explain": PLAIN}) as seen:
        ran = run("--config", settings_file, "explain", written)
    assert ran.exit_code == 2, ran.output
    assert not seen


@pytest.mark.parametrize("client", ["", "nobody", "10.1.1.0/24"])
def test_a_client_that_is_no_address_is_wrong_use(settings_file, client):
    """An empty shell variable must not be answered for another machine."""
    ran = run("--config", settings_file, "explain", "evil.example", "--client", client)
    assert ran.exit_code == 2
    assert "is no address" in ran.stderr

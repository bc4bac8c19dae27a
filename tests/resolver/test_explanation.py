"""The words of `sinkhole explain`, whole."""

from __future__ import annotations

import msgspec
import pytest

from contracts import names
from resolver import explanation
from tests.resolver.making import CLIENT, STRANGER, listed, policy
from tests.resolver.making import engine as engine_of

REASON = "the name is listed: answered with the sinkhole address (evil.example, letter-7 version 7, line 12)"


def explain(engine, name, qtype=1, client=CLIENT):
    return explanation.explain(engine, names.to_wire(name), qtype, client, 0.0)


def test_a_listed_name(engine):
    assert explain(engine, "www.evil.example") == {
        "name": "www.evil.example",
        "client": "127.10.0.5",
        "type": "A",
        "serial": 7,
        "match": {
            "indicator": "evil.example",
            "step": "name",
            "subdomains": True,
            "list": "letter-7",
            "version": 7,
            "line": 12,
            "kind": "c2",
            "family": "emotet",
            "campaign": "campaign-letter-7",
            "letter": "7/CV",
            "source": "ncsc",
            "mode": "enforce",
            "asks_for": "",
            "window": "",
        },
        "address": "127.53.0.9",
        "notes": [],
        "rungs": [
            {"rung": "access", "verdict": "passed", "reason": "the client is in an allowed network"},
            {
                "rung": "listed",
                "verdict": "sinkhole",
                "reason": REASON,
            },
        ],
        "outcome": "sinkhole",
        "rung": "listed",
        "reason": REASON,
    }


def test_a_list_whose_campaign_is_over(tmp_path):
    live = policy(tmp_path, ("letter-7", "monitor", [listed("evil.example")]))
    over = "campaign c-7 ended 2026-12-31: only watched"
    ((entry, segment),) = live.live
    live = live._replace(live=((msgspec.structs.replace(entry, window=over), segment),))
    told = explain(engine_of(live), "evil.example")
    assert (told["outcome"], told["match"]["window"]) == ("monitor", over)
    assert told["notes"] == [f"the list letter-7: {over}"]


def test_a_stranger_is_told_nothing_of_what_is_listed(engine):
    told = explain(engine, "evil.example", client=STRANGER)
    assert told["match"] is None
    assert told["address"] is None
    assert [(step["rung"], step["verdict"]) for step in told["rungs"]] == [("access", "refused")]


@pytest.mark.parametrize(("qtype", "shown"), [(28, "AAAA"), (65, "HTTPS"), (65400, "TYPE65400")])
def test_types_have_names(engine, qtype, shown):
    told = explain(engine, "evil.example", qtype)
    assert (told["type"], told["outcome"], told["address"]) == (shown, "nodata", None)


def test_an_ordinary_name(engine):
    told = explain(engine, "other.example")
    assert [(step["rung"], step["verdict"]) for step in told["rungs"]] == [
        ("access", "passed"),
        ("listed", "passed"),
        ("local-name", "passed"),
        ("upstream", "forward"),
    ]
    assert told["rungs"][1]["reason"] == "in none of 3 live lists"


@pytest.mark.parametrize("client", [b"\0" * 15 + b"\1", b"\0" * 10 + b"\xff\xff" + CLIENT])
def test_clients_of_either_family(engine, client):
    assert explain(engine, "other.example", client=client)["client"] in {"::1", "127.10.0.5"}
    assert explain(engine, "other.example", client=client)["outcome"] == "forward"

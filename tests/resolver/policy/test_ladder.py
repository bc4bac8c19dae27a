"""The order of judgement: the manifest's order of lists, then the longest name, subdomains only where listed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import names
from resolver.policy.clients import Group
from resolver.policy.ladder import RUNGS, make_policy
from resolver.policy.verdict import FORWARD
from tests.resolver.making import listed, policy, pool

A = 1
NORMAL = Group("normal")


def judged(live, text):
    """(action, list, indicator) or None."""
    verdict = live.judge(names.to_wire(text), A, NORMAL)
    if verdict is FORWARD:
        return None
    return verdict.action, verdict.found.entry.list, verdict.found.indicator


@pytest.fixture
def live(tmp_path):
    return policy(
        tmp_path,
        ("kill-switch", "passthru", [listed("kill.evil.example")]),
        ("exact", "enforce", [listed("only.example", subdomains=False), listed("shared.example", subdomains=False)]),
        ("watch", "monitor", [listed("watched.example"), listed("shared.example")]),
        ("big", "enforce", [listed("evil.example"), listed("deep.evil.example"), listed("watched.example")]),
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("evil.example", ("sinkhole", "big", "evil.example")),
        ("www.evil.example", ("sinkhole", "big", "evil.example")),
        ("a.deep.evil.example", ("sinkhole", "big", "deep.evil.example")),
        ("notevil.example", None),
        ("evil.example.net", None),
        ("example", None),
        (".", None),
        ("kill.evil.example", ("passthru", "kill-switch", "kill.evil.example")),  # an earlier list, not the longer name
        ("x.kill.evil.example", ("passthru", "kill-switch", "kill.evil.example")),
        ("xkill.evil.example", ("sinkhole", "big", "evil.example")),
        ("only.example", ("sinkhole", "exact", "only.example")),
        ("www.only.example", None),
        ("shared.example", ("sinkhole", "exact", "shared.example")),
        ("www.shared.example", ("monitor", "watch", "shared.example")),  # the next list covers what the first does not
        ("watched.example", ("sinkhole", "big", "watched.example")),  # a list on trial switches none off
    ],
)
def test_order(live, asked, expected):
    assert judged(live, asked) == expected


def test_an_earlier_list_wins_over_a_longer_name_of_a_later_one(tmp_path):
    live = policy(
        tmp_path,
        ("first", "passthru", [listed("evil.example")]),
        ("second", "enforce", [listed("a.b.evil.example")]),
    )
    assert judged(live, "a.b.evil.example") == ("passthru", "first", "evil.example")


def test_without_a_manifest_everything_is_forwarded():
    live = make_policy(None, {}, pool(), 30)
    assert live.serial == 0
    assert judged(live, "evil.example") is None


LABELS = st.lists(st.sampled_from(["a", "b", "evil"]), min_size=1, max_size=4).map(".".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    lists=st.lists(st.lists(st.tuples(LABELS, st.booleans()), min_size=1, max_size=4), min_size=1, max_size=3),
    asked=LABELS,
)
def test_against_a_plain_walk(tmp_path, lists, asked):
    live = policy(
        tmp_path,
        *(
            (f"list{number}", "enforce", [listed(name, subdomains=below) for name, below in entries])
            for number, entries in enumerate(lists)
        ),
    )
    expected = None
    for number, entries in enumerate(lists):
        first = {}
        for name, below in entries:
            first[name] = below or first.get(name, False)  # a name by itself, and what is below it
        covering = [name for name, below in first.items() if asked == name or (below and asked.endswith("." + name))]
        if covering:
            expected = ("sinkhole", f"list{number}", max(covering, key=len))
            break
    assert judged(live, asked) == expected


def test_the_rungs_are_told_in_the_order_they_are_taken():
    assert [rung for rung, _why in RUNGS] == [
        "access", "exempt", "allowed", "listed", "local-name", "upstream", "alias", "answer-address",
    ]  # fmt: skip
    assert all(why for _rung, why in RUNGS)

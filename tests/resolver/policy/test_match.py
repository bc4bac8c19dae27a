"""Policy.match finds what Policy.judge goes by, whatever is listed and whoever asks."""

from __future__ import annotations

from hypothesis import HealthCheck, event, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from contracts import names
from contracts.segment import Data
from resolver.policy.clients import Group
from resolver.policy.verdict import ALLOWED, EXEMPT, FORWARD
from tests.resolver.making import listed, listed_network, policy

CLIENTS = [b"\x7f\x0a\0\5", b"\x7f\x0a\0\6", b"\x7f\x0a\1\5"]
NAMES = st.lists(st.sampled_from(["a", "b", "evil", "*"]), min_size=1, max_size=4).map(".".join)
RULES = st.sampled_from([
    {}, {"action": "drop"}, {"action": "nxdomain"}, {"action": "nodata"}, {"action": "passthru"},
    {"action": "tcp-only"}, {"action": "alias", "target": names.to_wire("garden.vn")},
    {"action": "alias", "target": names.to_wire("*.garden.vn")},
    {"action": "local", "data": (Data(1, 60, b"\xc0\0\2\7"),)},
])  # fmt: skip
COVERS = st.sampled_from([(True, True), (True, False), (False, True)])  # itself, what is below it
NAMED = st.tuples(NAMES, COVERS, RULES)
NETWORKS = st.tuples(st.sampled_from(["127.10.0.0/16", "127.10.0.0/24", "127.10.0.5/32"]), RULES)
LISTS = st.lists(
    st.tuples(st.sampled_from(["enforce", "enforce", "monitor", "passthru"]), st.lists(NAMED, min_size=1, max_size=5),
              st.lists(NETWORKS, max_size=1)),
    min_size=1, max_size=3,
)  # fmt: skip


def made(folder, lists):
    """A policy of these lists over real segments."""
    whole = []
    for number, (mode, named, networks) in enumerate(lists):
        entries = [
            listed(text, itself=itself, subdomains=below, line=line, **rule)
            for line, (text, (itself, below), rule) in enumerate(named, 1)
        ]
        entries += [listed_network(text, "client", line=90, **rule) for text, rule in networks]
        whole.append((f"list{number}", mode, entries))
    return policy(folder, *whole)


@tries(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lists=LISTS,
    asked=st.lists(NAMES, min_size=1, max_size=8),
    qtype=st.sampled_from([1, 5, 16, 28, 252, 255, 65280]),
    client=st.sampled_from(CLIENTS),
    standing=st.sampled_from([*["normal"] * 6, "monitor", "exempt"]),
    allowed=st.just(frozenset()) | st.builds(lambda text: frozenset({names.to_wire(text)}), NAMES),
    bypassed=st.sampled_from([False] * 5 + [True]),
)
def test_the_same_match_and_what_comes_of_it(tmp_path, lists, asked, qtype, client, standing, allowed, bypassed):
    live = made(tmp_path, lists)._replace(allowed=allowed, bypassed=bypassed)
    group = Group(standing, live.clients(client))
    for text in asked:
        name = names.to_wire(text)
        verdict, matched = live.judge(name, qtype, group), live.match(name, group)
        event(verdict.action)
        if matched is None:
            assert verdict in (FORWARD, ALLOWED, EXEMPT)
            continue
        found, mode = matched
        assert found == verdict.found
        assert mode == (verdict.action if verdict.action in {"monitor", "passthru"} else "enforce")
        assert (mode == "enforce" and found.match.rule.action == "drop") == (verdict.way == "drop")

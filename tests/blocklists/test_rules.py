"""Labels of the library become rules of a segment again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blocklists.indicator import Indicator
from blocklists.rules import label_of, rule_of
from contracts.segment import Data, Labels, Rule

records = st.builds(Data, st.integers(0, 65535), st.integers(0, 2**31 - 1), st.binary(max_size=300))


@given(st.lists(records, max_size=5).map(tuple), st.sampled_from(["", "local", "drop"]))
def test_every_record_comes_back(data, action):
    one = Indicator(1, "a.example", family="F", letter="L", source="S", listed="2026", action=action, data=data)
    assert rule_of(label_of(one, "c2")) == Rule(Labels("c2", "F", "L", "S"), action, b"", data)


def test_a_target_is_a_name_on_the_wire():
    one = Indicator(1, "a.example", action="alias", target="*.garden.example")
    assert rule_of(label_of(one, "c2")).target == b"\1*\6garden\7example\0"
    assert rule_of(label_of(Indicator(1, "a.example"), "c2")).target == b""

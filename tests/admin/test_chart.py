"""The geometry of the bar chart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.chart import BOTTOM, HEIGHT, LABELS, LEFT, RIGHT, TOP, WIDTH, bar_chart


@given(st.lists(st.integers(0, 10**9), max_size=150))
def test_everything_stays_inside_and_in_order(values: list[int]) -> None:
    chart = bar_chart([(3600 * index, value) for index, value in enumerate(values)], str)
    assert [bar.value for bar in chart.bars] == values
    assert len(chart.times) <= LABELS
    for bar in chart.bars:
        assert bar.x >= LEFT
        assert bar.x + bar.width <= WIDTH - RIGHT + 0.1
        assert bar.y >= TOP
        assert bar.y + bar.height == pytest.approx(HEIGHT - BOTTOM, abs=0.02)
    assert sorted(bar.x for bar in chart.bars) == [bar.x for bar in chart.bars]


@pytest.mark.parametrize(
    ("highest", "scale"), [(0, ["0", "1"]), (3, ["0", "5"]), (7, ["0", "5", "10"]), (150, ["0", "100", "200"])]
)
def test_scales_people_can_read(highest: int, scale: list[str]) -> None:
    assert [level.text for level in bar_chart([(0, highest)], str).levels] == scale

"""Counts over time as a bar chart: where each bar, line and label of the SVG stands. The template draws.

Pure geometry: no request, no data of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 960, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 26
LABELS = 8  # along the time axis, at most


class Bar(NamedTuple):
    """One count and its place."""

    start: int  # UTC second
    value: int
    x: float
    y: float
    width: float
    height: float


class Label(NamedTuple):
    """Text at a place of an axis."""

    at: float
    text: str


class Chart(NamedTuple):
    """All that is drawn."""

    bars: list[Bar]
    times: list[Label]
    levels: list[Label]
    highest: int


def bar_chart(points: Sequence[tuple[int, int]], time_text: Callable[[int], str]) -> Chart:
    """`points` are (UTC second a step begins, count), oldest first, steps without counts included."""
    top = _round_up(max((value for _, value in points), default=0))
    room, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = room / max(len(points), 1)
    gap = 1.0 if step > 4 else 0.0
    bars = [
        Bar(
            start,
            value,
            round(LEFT + step * index + gap / 2, 2),
            round(TOP + height * (1 - value / top), 2),
            round(step - gap, 2),
            round(height * value / top, 2),
        )
        for index, (start, value) in enumerate(points)
    ]
    every = max(1, -(-len(bars) // LABELS))
    times = [Label(round(bar.x + bar.width / 2, 2), time_text(bar.start)) for bar in bars[::every]]
    marks = (0, top // 2, top) if top % 2 == 0 else (0, top)
    levels = [Label(round(TOP + height * (1 - mark / top), 2), str(mark)) for mark in marks]
    return Chart(bars, times, levels, top)


def _round_up(value: int) -> int:
    """The next 1, 2, 5 times a power of ten: a scale people can read."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if value <= factor * power:
                return factor * power
        power *= 10

"""Names and questions: distinct, the same in every run, and never asked twice where a miss is wanted."""

from __future__ import annotations

import pytest

from bench.works import HOT_NAMES, WORKS, listed_names, write_questions
from contracts.names import to_wire

NAMES = list(listed_names(5000))


def questions(tmp_path, work, number=1):
    path = tmp_path / "questions"
    write_questions(WORKS[work], NAMES, path, number, 0.1)
    return path.read_text().splitlines()


def test_names_are_distinct_stable_and_valid():
    assert len(set(NAMES)) == 5000
    assert list(listed_names(5000)) == NAMES
    assert all(len(to_wire(name)) < 64 for name in NAMES)


@pytest.mark.parametrize(("work", "count"), [("hot", 100_000), ("listed", 200_000), ("cached", 100_000)])
def test_each_work_asks_what_it_says(tmp_path, work, count):
    lines = questions(tmp_path, work)
    assert len(lines) == count
    assert all(line.endswith(" A") for line in lines)
    asked = {line.removesuffix(" A") for line in lines}
    if work == "hot":
        assert asked == set(NAMES[:HOT_NAMES])
    elif work == "listed":
        assert asked == set(NAMES)
    else:
        assert asked == {f"h{number}.good.example" for number in range(1000)}


def test_repeated_works_ask_the_same_in_every_round(tmp_path):
    assert questions(tmp_path, "listed", 1) == questions(tmp_path, "listed", 2)


def test_misses_are_new_in_every_line_and_round(tmp_path):
    first, second = questions(tmp_path, "miss", 1), questions(tmp_path, "miss", 2)
    assert len(set(first) | set(second)) == len(first) + len(second) > 0

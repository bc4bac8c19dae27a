"""Tables: the run in the middle, ratios within a round, targets, the account of hits, the block in a document."""

from __future__ import annotations

import pytest

from bench import report, tree
from bench.meters import BenchError
from bench.rounds import Result, Run, ratio, ratios

BEGIN, END = report.markers("bench")


def run(total, **more):
    """A run whose system time is one microsecond."""
    given = {"per_second": 1000.0, "sent": 500, "answered": 500, "lost": 0, "codes": "NOERROR 500 (100.00%)",
             "pss": 80.0, "others": 0.0, **more}  # fmt: skip
    return Run(user=total - 1, system=1.0, **given)


def result(work, label, *totals):
    return Result(work, label, [run(total) for total in totals])


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_median_run():
    assert result("hot", "us", 9.0, 7.0, 8.0).median.total == 8.0


def test_ratios_are_taken_within_a_round():
    """The machine was twice as slow in the second round: neither server is to blame."""
    mine, theirs = result("hot", "us", 6.0, 12.0, 6.0), result("hot", "Unbound", 10.0, 20.0, 8.0)
    assert ratios(mine, theirs) == [0.6, 0.6, 0.75]
    assert ratio(mine, theirs) == 0.6


def test_rounds_must_match():
    with pytest.raises(ValueError):
        ratios(result("hot", "us", 6.0), result("hot", "Unbound", 10.0, 20.0))


def test_ratio_table_beside_targets():
    results = [
        result("listed", "C floor", 5.0),
        result("listed", "Unbound, hits logged", 10.0),
        result("listed", "us", 12.0),
        result("cached", "Unbound", 10.0),
        result("cached", "us", 14.0),
        result("miss", "us", 20.0),
    ]
    lines = report.ratio_table(results).splitlines()
    assert cells(lines[0]) == ["work", "ratio", "median", "min-max", "target of this step", "final target"]
    assert [cells(line) for line in lines[2:]] == [
        ["listed", "us / Unbound, hits logged", "1.20", "1.20-1.20", "1.30: met", "0.75: missed"],
        ["listed", "us / C floor", "2.40", "2.40-2.40", "-", "-"],
        ["cached", "us / Unbound", "1.40", "1.40-1.40", "1.30: missed", "1.10: missed"],
    ]


def test_no_ratio_table_without_peers():
    assert report.ratio_table([result("hot", "us", 5.0)]) == ""


def test_cost_table():
    runs = [run(8.0, lost=2, recorder=1.5), run(9.0, lost=1, recorder=1.6), run(7.0, recorder=1.4)]
    lines = report.cost_table([Result("hot", "us", runs)]).splitlines()
    assert dict(zip(cells(lines[0]), cells(lines[2]), strict=True)) == {
        "work": "hot", "server": "us", "us/query": "8.00", "user": "7.00", "system": "1.00", "min-max": "7.00-9.00",
        "q/s": "1,000", "lost": "3", "answers": "NOERROR only", "PSS MB": "80", "recorder us": "1.50", "others %": "0",
    }  # fmt: skip
    assert len({len(line) for line in lines}) == 1


def hits(**more):
    return run(8.0, **{"recorder": 1.0, "made": 500, "recorded": 500, "dropped": 0, **more})


def test_every_answer_has_its_hit():
    assert hits().complete
    assert hits(sent=510, made=505, recorded=505).complete  # an answer was lost on its way: the hit was still made
    assert run(8.0).complete  # nothing is recorded there


@pytest.mark.parametrize(
    "wrong", [{"recorded": 499}, {"dropped": 1}, {"made": 499, "recorded": 499}, {"made": 501, "recorded": 501}]
)
def test_a_missing_or_invented_hit_is_seen(wrong):
    assert not hits(**wrong).complete
    (line,) = report.hit_lines([Result("listed", "us", [hits(), hits(**wrong)])])
    assert line.endswith("NOT EVERY ANSWER HAS ITS RECORDED HIT")


def test_hit_lines_sum_the_rounds():
    results = [result("listed", "Unbound", 9.0), Result("listed", "us", [hits(), hits()])]
    expected = "listed, us: 1,000 answered, 1,000 hits made, 1,000 recorded, 0 dropped: none is missing"
    assert report.hit_lines(results) == [expected]


def test_change_against_a_commit():
    before, after = result("hot", "abc1234", 10.0, 10.0, 10.0), result("hot", tree.THIS, 10.4, 10.5, 12.0)
    text, worse = tree.change_table([before, after], 0.05)
    assert not worse
    assert cells(text.splitlines()[2]) == ["hot", "this tree / abc1234", "1.050", "1.040-1.200", "ok"]
    assert tree.change_table([before, after], 0.04)[1]


def test_the_block_of_a_document_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Số đo\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    report.write_block(page, "\nnew | table\n")
    assert page.read_text() == f"# Số đo\n\n{BEGIN}\nnew | table\n{END}\n\nafter\n"


def test_blocks_of_other_names_stay(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n<!-- flood:begin -->\n<!-- flood:end -->\n")
    report.write_block(page, "figures", "flood")
    assert page.read_text() == f"{BEGIN}\nold\n{END}\n<!-- flood:begin -->\nfigures\n<!-- flood:end -->\n"


@pytest.mark.parametrize("text", ["no markers", BEGIN, END, f"{END}\n{BEGIN}"])
def test_a_document_without_its_markers_stays_as_it_is(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(BenchError, match=r"page\.md"):
        report.write_block(page, "new")
    assert page.read_text() == text


def test_the_machine_is_described():
    first, peers = report.machine()
    assert "cores" in first
    assert "Linux" in first
    assert peers.startswith("peers:")

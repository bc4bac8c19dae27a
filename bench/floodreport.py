"""Turns the flood measurement into tables: what the others saw, ratios within a round, what the disk took. Markdown.

Nothing is measured here.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from bench.flood import CASES, Result, Run
from bench.report import US, table

_PARTS = ("p50", "p95", "p99")


def case_table(results: Sequence[Result]) -> str:
    """One line for each server and case: medians over the rounds, losses added up."""
    head = (
        "case", "server", "others q/s", "lost", "failed", "p50 ms", "p95 ms", "p99 ms", "p99 min-max", "worst ms",
        "flood q/s", "answered %", "limited %", "worker %", "recorder %", "strangers %", "load core %", "PSS MB",
    )  # fmt: skip
    return table(head, [_case_row(result) for result in results])


def _case_row(result: Result) -> tuple[str, ...]:
    runs = result.runs

    def middle(of: Callable[[Run], float]) -> float:
        return statistics.median(map(of, runs))

    tails = [run.others.p99 for run in runs]
    flooded = any(run.flood_sent for run in runs)
    return (
        result.case, result.label, f"{middle(lambda run: run.others.per_second):,.0f}",
        f"{sum(run.others.lost for run in runs):,}", f"{sum(run.others.failed for run in runs):,}",
        *(f"{middle(lambda run, part=part: getattr(run.others, part)):.2f}" for part in _PARTS),  # type: ignore[misc]
        f"{min(tails):.2f}-{max(tails):.2f}", f"{max(run.others.worst for run in runs):.1f}",
        f"{middle(lambda run: run.flood_per_second):,.0f}" if flooded else "-",
        _percent(runs, lambda run: run.flood_answered) if flooded else "-",
        _limited(runs, flooded), f"{middle(lambda run: run.worker):.0f}",
        "-" if runs[0].recorder is None else f"{middle(lambda run: run.recorder or 0.0):.0f}",
        f"{middle(lambda run: run.strangers):.0f}", f"{middle(lambda run: run.load_core):.0f}",
        f"{middle(lambda run: run.pss):,.0f}",
    )  # fmt: skip


def _limited(runs: Sequence[Run], flooded: bool) -> str:
    """Of the flood's questions; how many, where there was none: then they are the others'."""
    if runs[0].limited is None:
        return "-"
    if not flooded:
        return f"{sum(run.limited or 0 for run in runs):,}"
    return _percent(runs, lambda run: run.limited or 0)


def _percent(runs: Sequence[Run], of: Callable[[Run], int]) -> str:
    return f"{sum(map(of, runs)) / max(1, sum(run.flood_sent for run in runs)) * 100:.0f}"


def ratio_table(results: Sequence[Result]) -> str:
    """Each server beside the flood by itself without one, then us by each peer in the same case."""
    by = {(result.case, result.label): result for result in results}
    labels = list(dict.fromkeys(result.label for result in results))
    quiet = CASES[0].name
    rows = []
    for case in CASES[1:]:
        rows += [
            _ratio_row(case.name, by[case.name, label], by[quiet, label], f"{label} / {quiet}") for label in labels
        ]
    if US in labels:
        for case in CASES:
            mine = by[case.name, US]
            rows += [_ratio_row(case.name, mine, by[case.name, one], f"{US} / {one}") for one in labels if one != US]
    return table(("case", "ratio", *_PARTS), rows)


def _ratio_row(case: str, result: Result, other: Result, words: str) -> tuple[str, ...]:
    cells = []
    for part in _PARTS:
        pairs = zip(result.runs, other.runs, strict=True)
        found = [getattr(mine.others, part) / getattr(theirs.others, part) for mine, theirs in pairs]
        cells.append(f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})")
    return case, words, *cells


def stored_table(results: Sequence[Result]) -> str:
    """What each run left on the disk; empty where no server keeps an account. `alone` is what the others' hits take."""
    head = ("case", "server", "round", "flood questions", "hits in the ledger", "rows", "at most", "KB written")
    rows = []
    for result in results:
        for number, run in enumerate(result.runs, 1):
            if run.written is None:
                continue
            kept = run.rows
            ours = ("-", "-", "-") if kept is None else (f"{kept.hits:,}", f"{kept.rows:,}", f"{kept.bound:,}")
            rows.append((
                result.case, result.label, str(number), f"{run.flood_sent:,}", *ours, f"{run.written / 1024:,.0f}",
            ))  # fmt: skip
    return table(head, rows) if rows else ""


def verdicts(results: Sequence[Result]) -> list[str]:
    """For each flood of ours: whether its hits are recorded, and in rows that have an end."""
    lines = []
    for result in results:
        runs = [run for run in result.runs if run.rows is not None]
        if not runs:
            continue
        dropped = sum(run.dropped or 0 for run in runs)
        verdict = "as it must be" if all(run.kept for run in runs) else "NOT WHAT WAS ASKED, OR MORE ROWS THAN BOUNDED"
        sent, answered = sum(run.flood_sent for run in runs), sum(run.flood_answered for run in runs)
        counted = sum(run.rows.hits for run in runs if run.rows is not None)
        lines.append(
            f"{result.case} flood, {result.label}: {sent:,} asked, {answered:,} answered, {counted:,} hits recorded, "
            f"{dropped:,} dropped: {verdict}"
        )
    return lines

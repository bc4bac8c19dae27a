"""Another commit of this repository beside the work tree, and the measurement of one against the other.

Servers and rounds are those of every other measurement.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.meters import BenchError
from bench.ours import REPO, has_recorder, start_ours
from bench.report import table
from bench.rounds import Result, ratio, ratios
from bench.servers import Server
from bench.session import Session
from bench.works import Work

THIS = "this tree"


@contextmanager
def checked_out(revision: str) -> Iterator[tuple[str, Path]]:
    """A work tree of `revision` in a temporary folder, with its short commit name; removed at the end."""
    commit = _git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="bench-tree-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), commit)
        try:
            yield commit, tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def against(session: Session, commit: str, tree: Path) -> list[Result]:
    """The commit and this work tree, taking turns. Both use the recorder, or neither."""
    sink = session.plan.sink or not (has_recorder(tree) and has_recorder(REPO))

    def servers_for(_work: Work) -> list[Server]:
        return [
            session.server(commit, lambda: start_ours(session.site, label=commit, tree=tree, sink=sink)),
            session.server(THIS, lambda: start_ours(session.site, label=THIS, sink=sink)),
        ]

    return session.measure(servers_for)


def change_table(results: Sequence[Result], tolerance: float) -> tuple[str, bool]:
    """This tree's cost over the commit's, and whether any work got dearer than is tolerated."""
    rows, worse = [], False
    for before, after in zip(results[::2], results[1::2], strict=True):
        found, spread = ratio(after, before), ratios(after, before)
        bad = found > 1 + tolerance
        worse = worse or bad
        rows.append((
            after.work, f"{after.label} / {before.label}", f"{found:.3f}", f"{min(spread):.3f}-{max(spread):.3f}",
            "worse" if bad else "ok",
        ))  # fmt: skip
    return table(("work", "ratio", "median", "min-max", f"at most {1 + tolerance:.2f}"), rows), worse

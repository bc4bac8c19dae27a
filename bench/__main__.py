"""The command line: `python -m bench` beside peers, `python -m bench ab REV` against another commit.

Only options and what is printed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import msgspec

from bench import hotpath, report, session, tree
from bench.meters import BenchError
from bench.rounds import Result
from bench.session import Plan
from bench.works import WORKS, Work

EXIT_WORSE, EXIT_CANNOT = 1, 2


def main() -> int:
    """0: measured. 1: a hit is missing, or `ab` found this tree dearer than tolerated. 2: cannot be measured."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that every process is ended
    try:
        if options.command == "profile":
            hotpath.main(options.names, options.batches)
            return 0
        plan = session.possible(_plan(options), tell)
        if options.command == "ab":
            return _ab(plan, options)
        return _compare(plan, options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return EXIT_CANNOT


def tell(line: str) -> None:
    """Progress; stdout is for the tables."""
    print(line, file=sys.stderr, flush=True)


def _compare(plan: Plan, options: argparse.Namespace) -> int:
    with session.open_session(plan, tell) as opened:
        results = session.compare(opened)
        cores = opened.site.cores
    recorder = "" if plan.sink or options.quick or "us" not in plan.peers else session.recorder_line(cores)
    where = report.machine()
    block = _block(plan, results, [report.ratio_table(results), recorder], where)
    print(block)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": where, "results": results})))
    if options.write:
        report.write_block(options.write, block)
    return _exit_code(results)


def _ab(plan: Plan, options: argparse.Namespace) -> int:
    with tree.checked_out(options.revision) as (commit, folder), session.open_session(plan, tell) as opened:
        results = tree.against(opened, commit, folder)
    changes, worse = tree.change_table(results, options.tolerance)
    print(_block(plan, results, [changes], report.machine()))
    return EXIT_WORSE if worse else _exit_code(results)


def _block(plan: Plan, results: list[Result], further: list[str], where: list[str]) -> str:
    hits = report.hit_lines(results)
    how = f"{plan.names:,} listed names, {plan.rounds} rounds of {plan.seconds:g} s"
    taker = "a sink that stores nothing" if plan.sink else "the recorder"
    parts = ["\n".join([*where, f"{how}; hits go to {taker}"]), report.cost_table(results), *further, "\n".join(hits)]
    return "\n\n".join(part for part in parts if part)


def _exit_code(results: list[Result]) -> int:
    return 0 if all(run.complete for result in results for run in result.runs) else EXIT_WORSE


def _plan(options: argparse.Namespace) -> Plan:
    quick = options.quick
    return Plan(
        options.works,
        options.peers,
        options.names or (200_000 if quick else 1_000_000),
        options.rounds or (1 if quick else 3),
        options.seconds or (2.0 if quick else 5.0),
        options.sink,
    )


def _options() -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--works", type=_works, default=list(WORKS.values()), help=f"of {','.join(WORKS)}")
    common.add_argument("--names", type=int, help="listed names (default 1,000,000)")
    common.add_argument("--rounds", type=int, help="runs of each server and work, interleaved (default 3)")
    common.add_argument("--seconds", type=float, help="of each run (default 5)")
    common.add_argument("--quick", action="store_true", help="about a minute: 200,000 names, one round of 2 s")
    common.add_argument("--sink", action="store_true", help="take hits without storing them, to tell the costs apart")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, parents=[common])
    parser.add_argument("--peers", type=_peers, default=list(session.PEERS), help=f"of {','.join(session.PEERS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every single run")
    parser.add_argument("--write", type=Path, metavar="FILE", help="renew the table in a document")
    parser.set_defaults(command="compare")
    commands = parser.add_subparsers()
    ab = commands.add_parser("ab", parents=[common], help="this work tree against another commit")
    ab.add_argument("revision")
    ab.add_argument("--tolerance", type=float, default=0.05, help="how much dearer is not worse (default 0.05)")
    ab.set_defaults(command="ab", peers=["us"])
    profile = commands.add_parser("profile", help="where the time of our packet path goes")
    profile.add_argument("--names", type=int, default=1_000_000)
    profile.add_argument("--batches", type=int, default=1500, help="of each size and case (default 1500)")
    profile.set_defaults(command="profile")
    return parser.parse_args()


def _works(text: str) -> list[Work]:
    return [WORKS[name] for name in _choice(text, tuple(WORKS))]


def _peers(text: str) -> list[str]:
    return _choice(text, session.PEERS)


def _choice(text: str, known: tuple[str, ...]) -> list[str]:
    chosen = text.split(",")
    for name in chosen:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `python -m bench` beside peers, `ab REV` against another commit, `flood`, `imports`.

Only options and what is printed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import msgspec

from bench import flood, floodreport, hotpath, imports, report, session, tree
from bench.meters import BenchError
from bench.rounds import Result
from bench.session import Plan
from bench.works import WORKS, Work

EXIT_WORSE, EXIT_CANNOT = 1, 2
MOST_RATE = 100_000


def main() -> int:
    """0: measured. 1: a hit is missing, a flood filled the ledger, `ab` found this tree dearer. 2: not measurable."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that every process is ended
    try:
        if options.command == "profile":
            hotpath.main(options.names, options.batches)
            return 0
        if options.command == "imports":
            return _imports(options)
        if options.command == "flood":
            flood.check_programs()
        plan = session.possible(_plan(options), tell)
        if options.command == "flood":
            return _flood(plan, options)
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


def _flood(plan: Plan, options: argparse.Namespace) -> int:
    rates = flood.Rates(options.others, options.rate)
    with session.open_session(plan, tell) as opened:
        results = flood.compare(opened, rates)
    where = report.machine()
    how = f"{plan.names:,} listed names, {plan.rounds} rounds of {plan.seconds:g} s"
    asked = f"others ask {rates.others:,} a second, the flood {rates.flood:,}"
    tables = [floodreport.case_table(results), floodreport.ratio_table(results), floodreport.stored_table(results)]
    parts = ["\n".join([*where, f"{how}; {asked}"]), *tables, "\n".join(floodreport.verdicts(results))]
    block = "\n\n".join(part for part in parts if part)
    print(block)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": where, "results": results})))
    if options.write:
        report.write_block(options.write, block, "flood")
    return 0 if all(run.kept for result in results for run in result.runs) else EXIT_WORSE


def _imports(options: argparse.Namespace) -> int:
    parts = ["\n".join(report.machine())]
    if options.folder:
        parts.append(imports.each_file(options.folder, imports.files_of(options.folder, options.without), tell))
    if options.sizes:
        parts.append(imports.each_size(options.sizes, tell))
    block = "\n\n".join(parts)
    print(block)
    if options.write:
        report.write_block(options.write, block, "imports")
    return 0


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
        options.names or (200_000 if quick else options.usual_names),
        options.rounds or (1 if quick else 3),
        options.seconds or (2.0 if quick else options.usual_seconds),
        options.sink,
    )


def _options() -> argparse.Namespace:
    sizes = argparse.ArgumentParser(add_help=False)
    sizes.add_argument("--names", type=int, help="listed names (default 1,000,000; flood: 200,000)")
    sizes.add_argument("--rounds", type=int, help="runs of each server and work, interleaved (default 3)")
    sizes.add_argument("--seconds", type=float, help="of each run (default 5; flood: 10)")
    sizes.add_argument("--quick", action="store_true", help="about a minute: 200,000 names, one round of 2 s")
    common = argparse.ArgumentParser(add_help=False, parents=[sizes])
    common.add_argument("--works", type=_works, default=list(WORKS.values()), help=f"of {','.join(WORKS)}")
    common.add_argument("--sink", action="store_true", help="take hits without storing them, to tell the costs apart")
    told = argparse.ArgumentParser(add_help=False)
    told.add_argument("--peers", type=_peers, default=list(session.PEERS), help=f"of {','.join(session.PEERS)}")
    told.add_argument("--json", type=Path, metavar="FILE", help="every single run")
    told.add_argument("--write", type=Path, metavar="FILE", help="renew the table in a document")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, parents=[common, told])
    parser.set_defaults(command="compare", usual_names=1_000_000, usual_seconds=5.0)
    commands = parser.add_subparsers()
    ab = commands.add_parser("ab", parents=[common], help="this work tree against another commit")
    ab.add_argument("revision")
    ab.add_argument("--tolerance", type=float, default=0.05, help="how much dearer is not worse (default 0.05)")
    ab.set_defaults(command="ab", peers=["us"])
    flooding = commands.add_parser("flood", parents=[sizes, told], help="what one client's flood costs the others")
    flooding.add_argument("--others", type=_rate, default=2000, help="questions a second of the others (default 2000)")
    flooding.add_argument("--rate", type=_rate, default=20_000, help="of the flood, at most (default 20,000)")
    flooding.set_defaults(
        command="flood", works=list(flood.WORKED), sink=False, usual_names=200_000, usual_seconds=10.0
    )
    profile = commands.add_parser("profile", help="where the time of our packet path goes")
    profile.add_argument("--names", type=int, default=1_000_000)
    profile.add_argument("--batches", type=int, default=1500, help="of each size and case (default 1500)")
    profile.set_defaults(command="profile")
    lists = commands.add_parser("imports", help="what importing lists costs: every file of a folder, or made-up lists")
    lists.add_argument("folder", type=Path, nargs="?", help="with lists in folders of its own")
    lists.add_argument("--without", action="append", default=[], metavar="NAME", help="leave out such a folder")
    lists.add_argument("--sizes", type=_sizes, default=[], metavar="LINES,...", help="of made-up lists")
    lists.add_argument("--write", type=Path, metavar="FILE", help="renew the table in a document")
    lists.set_defaults(command="imports")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _works(text: str) -> list[Work]:
    return [WORKS[name] for name in _choice(text, tuple(WORKS))]


def _peers(text: str) -> list[str]:
    return _choice(text, session.PEERS)


def _rate(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_RATE:,}")
    return int(text)


def _choice(text: str, known: tuple[str, ...]) -> list[str]:
    chosen = text.split(",")
    for name in chosen:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())

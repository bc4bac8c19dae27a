"""`sinkhole status`: asks every process over its control socket and says what is wrong, in sentences.

Only what the processes, the manifest and the file of decisions say: nothing is measured or counted here.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from admin.cli.main import Context
from admin.cli.terminal import clean, echo_json, local_time, number, span, table
from admin.supervise.parts import Process, processes
from contracts.decisions import BadDecisions, Decisions, DecisionsFile
from contracts.policy import Manifest, PolicyFolder
from contracts.segment import BadPolicy
from contracts.settings import Settings

LOUDEST = 5  # clients over a limit that are named
PATIENCE = 3.0  # seconds


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: everything, raw.")
@click.pass_obj
def command(context: Context, as_json: bool) -> None:
    """Show every process, the live policy, counters and problems; exit 1 when something is wrong."""
    report = gather(context.settings, processes(context.settings, context.config_file))
    if as_json:
        echo_json(report)
    else:
        click.echo("\n".join(described(report, time.time())))
    if report["problems"]:
        sys.exit(1)


def gather(settings: Settings, expected: list[Process]) -> dict[str, Any]:
    """Ask everyone at once, so that one that hangs costs its own patience only."""
    with ThreadPoolExecutor(max_workers=len(expected)) as pool:
        replies = dict(zip((part.name for part in expected), pool.map(_ask, expected), strict=True))
    policy, policy_problems = _policy(settings, replies)
    problems = [reply["error"] for reply in replies.values() if not reply["answers"]]
    problems += policy_problems
    problems += outstanding(settings)
    problems += [f"{name}: {text}" for name, reply in replies.items() for text in reply.get("problems", [])]
    problems += [text.format(number(count)) for text, count in _losses(replies) if count]
    notes = [text for reply in replies.values() for text in reply.get("notes", [])] + _troubled(replies)
    decisions = _decisions(settings, time.time())
    if allowed := decisions["allowed"]:
        names = "1 name is" if allowed == 1 else f"{number(allowed)} names are"
        notes.append(f"{names} allowed for a time: no list decides about them (sinkhole allow ls); {_owners(settings)}")
    hits = _hits(replies)
    if limited := hits["counters"].get("limited", 0):
        most = ", ".join(f"{who} {number(times)}" for who, times in _loudest(replies))
        last = max((reply.get("over_limit_last", 0.0) for reply in _workers(replies).values()), default=0.0)
        notes.append(
            f"{number(limited)} questions or answers were over a limit (dns.limits) since the workers started; "
            f"most of {most}; the last at {local_time(last, ZoneInfo(settings.time_zone))}"
        )
    return {"processes": replies, "policy": policy, "decisions": decisions, "hits": hits, "tcp": _tcp(replies),
            "notes": notes, "problems": problems}  # fmt: skip


def _ask(part: Process) -> dict[str, Any]:
    from runtime.control import Refused, Unreachable, ask

    try:
        return {"answers": True, **ask(part.socket, "status", timeout=PATIENCE)}
    except Unreachable as error:
        return {"answers": False, "error": str(error).replace(part.socket.stem, part.name, 1)}
    except Refused as error:
        return {"answers": False, "error": f"{part.name}: {error}"}


def _workers(replies: dict[str, Any]) -> dict[str, Any]:
    return {name: reply for name, reply in replies.items() if name.startswith("resolver@") and reply["answers"]}


def _loudest(replies: dict[str, Any]) -> list[tuple[str, int]]:
    """Who was over a limit most often, over all workers."""
    times = Counter[str]()
    for reply in _workers(replies).values():
        times.update(dict(reply.get("over_limit", [])))
    return times.most_common(LOUDEST)


def _policy(settings: Settings, replies: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The manifest on disk beside what each worker has loaded."""
    serials = {
        name: reply.get("serial")
        for name, reply in replies.items()
        if name.startswith("resolver@") and reply["answers"]
    }
    manifest: Manifest | None = None
    try:
        manifest = PolicyFolder(settings.state / "policy").read()
        problems = [] if manifest else ["no policy was ever made: names are resolved plainly"]
    except BadPolicy as error:
        problems = [f"the policy on disk cannot be read: {error}"]
    if manifest:
        problems += [
            f"{name}: answers under policy {serial}, on disk is {manifest.serial}"
            for name, serial in serials.items()
            if serial != manifest.serial
        ]
    elif len(set(serials.values())) > 1:
        problems.append(f"the workers hold different policies: {serials}")
    lists = msgspec.to_builtins(manifest.entries) if manifest else []
    on_disk = {"serial": manifest.serial, "made": manifest.made} if manifest else {"serial": None, "made": None}
    return {**on_disk, "workers": serials, "lists": lists}, problems


def outstanding(settings: Settings) -> list[str]:
    """What was decided while casework.db could not be written. Read here: who should record it may be what is stuck."""
    found = _decided(settings).unrecorded
    zone = ZoneInfo(settings.time_zone)
    return [
        f"the record of `bypass {one.what}` by {one.actor} at {_clock(one.time, zone)} is outstanding, since "
        f"casework.db could not be written; the recorder does it as soon as it can: {one.reason or 'no reason given'}"
        for one in found
    ]


def _decisions(settings: Settings, now: float) -> dict[str, Any]:
    """What people decided on top of the lists and holds now. That policy is bypassed the workers tell as a problem."""
    found = _decided(settings)
    bypassed = found.bypass is not None and now < found.bypass.until
    return {"allowed": sum(1 for one in found.allowed if now < one.until), "bypassed": bypassed}


def _owners(settings: Settings) -> str:
    """Who answers for the names that are allowed, the first ones that end."""
    zone, now = ZoneInfo(settings.time_zone), time.time()
    held = sorted((one for one in _decided(settings).allowed if now < one.until), key=lambda one: one.until)
    told = [f"{one.name} until {local_time(one.until, zone)} ({one.owner or 'nobody'})" for one in held[:LOUDEST]]
    return ", ".join(told) + (", ..." if len(held) > LOUDEST else "")


def _decided(settings: Settings) -> Decisions:
    try:
        return DecisionsFile(settings.state).read()
    except (BadDecisions, OSError):  # told by the workers, who follow this file
        return Decisions()


def _clock(second: int, zone: ZoneInfo) -> str:
    try:
        return local_time(second, zone)
    except (ValueError, OverflowError, OSError):  # no command of ours wrote that
        return "no time at all"


def _hits(replies: dict[str, Any]) -> dict[str, Any]:
    workers = _workers(replies).values()
    sums = {
        key: sum(worker.get("hits", {}).get(key, 0) for worker in workers)
        for key in ("made", "acknowledged", "buffered", "dropped")
    }
    counters: dict[str, float] = {}
    for worker in workers:
        for name, value in worker.get("counters", {}).items():
            counters[name] = counters.get(name, 0) + value
    return {**sums, "counters": counters, "recorder": replies.get("recorder", {})}


def _tcp(replies: dict[str, Any]) -> dict[str, int]:
    """TCP places of all workers. Each has its own: one may be full while there is room at another."""
    told = [worker.get("tcp", {}) for worker in _workers(replies).values()]
    return {key: sum(places.get(key, 0) for places in told) for key in ("limit", "insiders", "strangers")}


def _losses(replies: dict[str, Any]) -> list[tuple[str, float]]:
    """What was not answered or recorded as it should; counts end with their process, so that a restart settles them."""
    hits = _hits(replies)
    recorder, faults = hits["recorder"], hits["counters"].get("internal_errors", 0)
    return [
        ("{} hits were dropped since the workers started: the recorder was away for too long", hits["dropped"]),
        ("{} packets met a fault of our own since the workers started: their log has it", faults),
        ("{} batches of hits are missing since the recorder started", recorder.get("gaps", 0)),
        ("{} rows of hits were refused since the recorder started: they made no sense", recorder.get("refused", 0)),
        ("{} frames of hits could not be read since the recorder started", recorder.get("bad_frames", 0)),
    ]


def _troubled(replies: dict[str, Any]) -> list[str]:
    """Upstreams that are down or hard to reach, each once, and why. A problem only when none of a scope answers."""
    workers = _workers(replies)
    troubled: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for name, reply in workers.items():
        for server in reply["upstreams"]:
            if server["problem"] or not server["up"]:
                troubled.setdefault(server["address"], []).append((name, server))
    return [_trouble(address, views, len(workers)) for address, views in troubled.items()]


def _trouble(address: str, views: list[tuple[str, dict[str, Any]]], workers: int) -> str:
    """`views` are how workers see one server, in every scope that it serves."""
    down = [view for view in views if not view[1]["up"]]
    views = down or views
    worst = max((server for _name, server in views), key=lambda server: server.get("failures", 0))
    scopes = dict.fromkeys(
        "all names" if server["scope"] == "." else f"forward zone {server['scope']}" for _name, server in views
    )
    names = dict.fromkeys(name for name, _server in views)
    whose = "all workers" if len(names) == workers > 1 else ", ".join(names)
    state = "is down" if down else "is up, but its last connection failed"
    return f"upstream {address} ({', '.join(scopes)}) {state} for {whose}: {worst['problem'] or 'it is silent'}"


def described(report: dict[str, Any], now: float) -> list[str]:
    """The report as lines for people, problems last, where the eye rests."""
    policy, hits = report["policy"], report["hits"]
    lines = [table(_process_rows(report["processes"], now), ("process", "state", "pid", "up", "policy")), ""]
    if policy["serial"] is not None:
        lines.append(f"policy {policy['serial']}, made {span(now - policy['made'])} ago")
        if policy["lists"]:
            columns = ("list", "version", "mode", "names", "campaign")
            lines.append(table([[entry[column] for column in columns] for entry in policy["lists"]], columns, indent=2))
        lines.append("")
    lines += _feed_lines(report["processes"].get("lists", {}).get("feeds", []), now)
    lines += _transfer_lines(report["processes"].get("lists", {}).get("transfer"))
    lines.append(
        f"hits      made {number(hits['made'])}, acknowledged {number(hits['acknowledged'])}, "
        f"buffered {number(hits['buffered'])}, dropped {number(hits['dropped'])} (since the workers started)"
    )
    lines += _recorder_lines(hits["recorder"], now)
    lines += _client_lines(report["processes"])
    lines += _tcp_lines(report["tcp"], hits["counters"])
    counted = sorted((name.replace("_", " "), value) for name, value in hits["counters"].items() if value)
    if counted:
        lines += ["", "counts of all workers", table(counted, indent=2)]
    lines.append("")
    lines += [f"note: {clean(text)}" for text in report["notes"]]
    well = "no problems; see the notes above" if report["notes"] else "all is well"
    lines += [f"problem: {clean(text)}" for text in report["problems"]] or [well]
    return lines


def _feed_lines(feeds: list[dict[str, Any]], now: float) -> list[str]:
    """Lists that are fetched: since when their content is known, and to be current. Failures are notes and problems."""
    if not feeds:
        return []
    rows = [
        (
            one["list"],
            *(f"{span(now - one[key])} ago" if one[key] else "never" for key in ("fetched", "checked")),
            one["url"],
        )
        for one in feeds
    ]
    return [table(rows, ("feed", "new content", "last well", "address")), ""]


def _transfer_lines(told: dict[str, Any] | None) -> list[str]:
    """The zone that others take, and how often; nothing where that is off."""
    if not told:
        return []
    zone = f"zone {told['zone']} serial {told['serial']}, {number(told['records'])} records, " if "zone" in told else ""
    counts = (
        f"{number(told['transfers'])} transfers, {number(told['refused'])} refused, {number(told['busy'])} too many"
    )
    return [clean(f"transfer  {zone}{counts} (since the lists process started)"), ""]


def _process_rows(replies: dict[str, Any], now: float) -> list[list[Any]]:
    return [
        [
            name,
            "answers" if reply["answers"] else "silent",
            reply.get("pid"),
            span(now - reply["started"]) if reply.get("started") else "",
            reply.get("serial"),
        ]
        for name, reply in replies.items()
    ]


def _recorder_lines(recorder: dict[str, Any], now: float) -> list[str]:
    if not recorder.get("answers"):
        return []
    last, ledger = recorder.get("last_commit"), recorder.get("ledger")
    lost = sum(one["lost"] for one in recorder.get("lost", []))
    words = [
        f"queue {number(recorder.get('queue', 0))}",
        f"last commit {span(now - last)} ago" if last else "nothing committed yet",
        f"not yet in the pages {number(recorder.get('behind', 0))}",
        f"lost in crashes {number(lost)}",
        *([f"ledger {ledger}"] if ledger else []),
    ]
    return [f"recorder  {clean(', '.join(words))}"]


def _client_lines(replies: dict[str, Any]) -> list[str]:
    """The client table of the worker that is furthest behind."""
    tables = [worker["clients"] for worker in _workers(replies).values() if worker.get("clients")]
    if not tables:
        return []
    table_ = min(tables, key=lambda one: one["serial"])
    counts = f"{table_['networks']} networks of {table_['units']} units, {table_['monitor']} in monitor mode,"
    return [
        f"clients   table {table_['serial']}: {counts} {table_['exempt']} exempt, {table_['forwarders']} forwarders"
    ]


def _tcp_lines(places: dict[str, int], counters: dict[str, float]) -> list[str]:
    if not places["limit"]:
        return []
    taken = number(places["insiders"] + places["strangers"])
    limit, strangers = number(places["limit"]), number(places["strangers"])
    away, lost = (number(counters.get(name, 0)) for name in ("tcp_turned_away", "tcp_displaced"))
    words = f"{taken} of {limit} places taken, {strangers} by strangers; {away} turned away, {lost} lost their place"
    return [f"TCP       {words} (since the workers started)"]

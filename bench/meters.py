"""Reads what the kernel and dnsperf say: CPU seconds and memory of a process, the outcome of a load.

Nothing is started here, and nothing is judged.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The measurement cannot go on; the message says why and what to do."""


class Cpu(NamedTuple):
    """CPU seconds of a process."""

    user: float
    system: float

    def since(self, before: Cpu) -> Cpu:
        """What was used after `before`."""
        return Cpu(self.user - before.user, self.system - before.system)


class Load(NamedTuple):
    """What dnsperf counted."""

    sent: int
    completed: int
    lost: int
    per_second: float
    codes: str


def parse_stat(text: str) -> Cpu:
    """utime and stime of /proc/PID/stat (proc(5)); the command name may hold blanks and brackets."""
    fields = text.rpartition(")")[2].split()
    return Cpu(int(fields[11]) / TICKS, int(fields[12]) / TICKS)


def cpu_of(pid: int) -> Cpu:
    """CPU seconds of one process so far, all its threads, without its children."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError) as error:
        raise BenchError(f"process {pid} has ended while it was measured") from error


def parse_core(text: str, core: int) -> float:
    """Busy seconds of a core so far, by /proc/stat (proc(5)): all but idle, waiting for disks, and guests."""
    found = re.search(rf"^cpu{core} (.+)$", text, re.MULTILINE)
    if found is None:
        raise BenchError(f"/proc/stat does not tell of core {core}")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, found[1].split()[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS


def busy_seconds(core: int) -> float:
    """Of one core, since the machine started."""
    return parse_core(Path("/proc/stat").read_text(), core)


def parse_pss(text: str) -> float:
    """Megabytes of /proc/PID/smaps_rollup: memory that is shared counts by its part."""
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise BenchError("no Pss line in smaps_rollup")
    return int(found[1]) / 1024


def pss_of(pid: int) -> float:
    """Proportional set size of one process, MB."""
    return parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())


def parse_peak(text: str) -> float:
    """Megabytes of /proc/PID/status: the most that was resident since the process began to run this program."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise BenchError("no VmHWM line in status")
    return int(found[1]) / 1024


def parse_dnsperf(text: str) -> Load:
    """The statistics block that dnsperf prints at its end."""

    def value(label: str) -> str:
        found = re.search(rf"^\s*{label}:\s+(\S.*)$", text, re.MULTILINE)
        if found is None:
            raise BenchError(f"dnsperf did not tell {label!r}:\n{text}")
        return found[1].strip()

    def number(label: str) -> int:
        return int(value(label).split()[0])

    completed = number("Queries completed")
    return Load(
        number("Queries sent"),
        completed,
        number("Queries lost"),
        float(value("Queries per second")),
        value("Response codes") if completed else "",
    )

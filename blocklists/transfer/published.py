"""The zone as it is given to others: `transfer/` in the state folder, with what changed from serial to serial.

Who may have it, and how it goes out, is not decided here. The live policy is only read (blocklists.live).

Its serial is that of the policy. What people decide on top (the red switch, an allowed name) changes the zone between
two policies: then it is one more than the last, and never goes back.
"""

from __future__ import annotations

import hashlib
import logging
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import msgspec

from blocklists.live import Live
from blocklists.outlets.rpz import EXPIRE, REFRESH, RETRY, wired
from blocklists.transfer import records
from contracts.decisions import Decisions, DecisionsFile
from contracts.names import to_text, to_wire
from contracts.policy import PolicyFolder
from contracts.pool import Pool
from contracts.settings import Settings
from contracts.whole_file import replace_file

log = logging.getLogger(__name__)
FOLDER = "transfer"
KEPT = 50  # differences; together they are never larger than the zone
_NS, _SOA = 2, 6


class Difference(msgspec.Struct, frozen=True):
    """From one serial to the next."""

    before: int
    after: int
    octets: int


class Version(msgspec.Struct, frozen=True):
    """The zone as it is given now."""

    zone: str  # canonical
    serial: int
    ttl: int
    mark: str  # of all that it was made from
    records: int
    octets: int
    differences: tuple[Difference, ...] = ()  # the newest last, each from where the one before ends

    @property
    def wire(self) -> bytes:
        """Its name in wire form."""
        return to_wire(self.zone)

    def soa(self, serial: int | None = None) -> bytes:
        """The SOA record, of this or an earlier serial."""
        numbers = (self.serial if serial is None else serial, REFRESH, RETRY, EXPIRE, self.ttl)
        data = to_wire("localhost") + to_wire("hostmaster")[:-1] + records.ZONE + struct.pack("!5I", *numbers)
        return _own(_SOA, self.ttl, data)

    def ns(self) -> bytes:
        """The NS record."""
        return _own(_NS, self.ttl, to_wire("localhost"))


class Published:
    """The folder. One thread renews; the reactor's thread reads what is `current`."""

    def __init__(self, state: Path, clock: Callable[[], float]) -> None:
        self._state = state
        self._folder = state / FOLDER
        self._clock = clock
        self._seen: Any = None  # of the files that the zone was last made from
        self._ends = 0.0  # when the first of what people decided is over
        self.current: Version | None = None

    def load(self) -> None:
        """What was given before this process began. What a process that died left behind is removed."""
        try:
            self.current = msgspec.json.decode((self._folder / "zone.json").read_bytes(), type=Version)
        except FileNotFoundError:
            self.current = None
        except (OSError, ValueError) as error:
            log.warning("the zone that was given to others cannot be read, it is made anew: %s", error)
        if self.current is not None and not self._file(self.current).is_file():
            self.current = None
        self._clean()

    def stale(self) -> bool:
        """Whether policy or decisions may have changed since the last look. Quick."""
        return self._seen is None or self._stamps() != self._seen or self._clock() >= self._ends

    def forget(self) -> None:
        """Look again: settings have changed."""
        self._seen = None

    def renew(self, settings: Settings) -> bool:
        """Make the zone anew where it would be another; whether it has a new serial. Raises OSError, ValueError."""
        seen, now = self._stamps(), self._clock()
        decisions = DecisionsFile(self._state).read()
        live = Live.read(PolicyFolder(self._state / "policy"), decisions, now)
        changed = False
        if live is not None:
            mark = _mark(settings, live)
            if self.current is None or self.current.mark != mark:
                self._make(settings, live, mark)
                changed = True
        self._seen, self._ends = seen, _next_end(decisions, now)
        return changed

    def whole(self, version: Version) -> Iterator[bytes]:
        """Records of a whole transfer. Raises OSError at once, not in its middle."""
        return chain(
            (version.soa(), version.ns()), _reading([self._file(version)], lambda files: files[0]), (version.soa(),)
        )

    def since(self, version: Version, serial: int) -> Iterator[bytes] | None:
        """Records of a transfer of differences (RFC 1995 section 4); None where they are not kept so far back."""
        steps = [one for one in version.differences if one.before >= serial]
        if not steps or steps[0].before != serial:
            return None
        paths = [self._step(one, what) for one in steps for what in ("removed", "added")]

        def sequence(files: list[Iterator[bytes]]) -> Iterator[bytes]:
            for index, step in enumerate(steps):
                yield version.soa(step.before)
                yield from files[2 * index]
                yield version.soa(step.after)
                yield from files[2 * index + 1]

        return chain((version.soa(),), _reading(paths, sequence), (version.soa(),))

    def _make(self, settings: Settings, live: Live, mark: str) -> None:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        zone, before = to_wire(settings.transfer.zone), self.current
        ttl, pool = settings.sinkhole.ttl, Pool(settings.sinkhole)
        fresh = self._folder / "new.records"
        rows = (one for effect in live.effects() for one in wired(effect, zone, pool, ttl))
        count = records.write_sorted(fresh, map(records.encoded, rows))
        serial, steps = live.manifest.serial, tuple[Difference, ...]()
        if before is not None and before.wire == zone:
            removed, added = self._folder / "new.removed", self._folder / "new.added"
            counts = records.write_difference(self._file(before), fresh, removed, added)
            serial = max(serial, before.serial + 1)
            step = Difference(before.serial, serial, removed.stat().st_size + added.stat().st_size)
            removed.rename(self._step(step, "removed"))
            added.rename(self._step(step, "added"))
            if before.ttl == ttl:  # else the SOA records of earlier serials were others
                steps = _kept((*before.differences, step), fresh.stat().st_size)
            log.info("zone %s: serial %d, %d records less, %d more", to_text(zone), serial, *counts)
        version = Version(to_text(zone), serial, ttl, mark, count, fresh.stat().st_size, steps)
        fresh.rename(self._file(version))
        replace_file(self._folder / "zone.json", msgspec.json.encode(version))
        self.current = version
        self._clean()

    def _file(self, version: Version) -> Path:
        return self._folder / f"{version.serial}.records"

    def _step(self, one: Difference, what: str) -> Path:
        return self._folder / f"{one.before}-{one.after}.{what}"

    def _clean(self) -> None:
        """Remove what is needed no more. Who is just reading it reads on."""
        wanted = {self._folder / "zone.json"}
        if self.current is not None:
            wanted.add(self._file(self.current))
            wanted |= {self._step(one, what) for one in self.current.differences for what in ("removed", "added")}
        for left in set(self._folder.glob("*")) - wanted:
            left.unlink(missing_ok=True)

    def _stamps(self) -> Any:
        try:
            about = PolicyFolder(self._state / "policy").manifest.stat()
        except FileNotFoundError:
            return None, DecisionsFile(self._state).stamp()
        return (about.st_ino, about.st_mtime_ns), DecisionsFile(self._state).stamp()


def _own(kind: int, ttl: int, data: bytes) -> bytes:
    """A record of the zone's own name."""
    return records.ZONE + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def _mark(settings: Settings, live: Live) -> str:
    """Another one whenever the zone may be another."""
    pools = (str(settings.sinkhole.ipv4_pool), str(settings.sinkhole.ipv6_pool), settings.sinkhole.ttl)
    told = (live.manifest.serial, live.allowed, live.bypassed, to_wire(settings.transfer.zone), pools)
    return hashlib.blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()


def _next_end(decisions: Decisions, now: float) -> float:
    return min((end for end in decisions.ends() if end > now), default=float("inf"))


def _kept(steps: tuple[Difference, ...], most: int) -> tuple[Difference, ...]:
    """The newest of them that belong together, KEPT at most, and together not larger than the zone."""
    kept, octets = list[Difference](), 0
    for one in reversed(steps[-KEPT:]):
        octets += one.octets
        if octets > most:
            break
        kept.append(one)
    kept.reverse()
    assert all(one.after == other.before for one, other in pairwise(kept))
    return tuple(kept)


def _reading(paths: Iterable[Path], use: Callable[[list[Iterator[bytes]]], Iterator[bytes]]) -> Iterator[bytes]:
    """All files are opened now, and closed when the last record was read, or nobody reads on."""
    with ExitStack() as stack:
        opened = [records.read(stack.enter_context(path.open("rb"))) for path in paths]
        kept = stack.pop_all()

    def run() -> Iterator[bytes]:
        with kept:
            yield b""
            yield from use(opened)

    running = run()
    next(running)  # from now on the files are closed with it, even if nobody reads on
    return running

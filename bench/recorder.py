"""How many distinct hit rows a second the real recorder process takes through its real socket into SQLite.

`python -m bench.recorder [--rows N] [--clients N] [--names N]`; no comparison with other programs here.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from contracts.control import RunFolder
from contracts.hit import Ack, Batch, FrameReader, Hello, HitFacts, HitRow, frame, pack_facts
from runtime.control import Unreachable, ask

CONFIG = """
state_dir: ./var
dns: {listen: ["127.0.0.1:1053"]}
sinkhole: {ipv4_pool: 127.53.0.0/16}
admin: {listen: "127.0.0.1:8053"}
"""
BATCH = 500
WINDOW = 8 << 20  # octets sent ahead of the acknowledgements, as the workers do


def main() -> None:
    """Print rows per second until the last one is committed, and until it is rolled up as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--clients", type=int, default=20_000)
    parser.add_argument("--names", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG)
        process = subprocess.Popen([sys.executable, "-m", "casework", "--config", str(config)])
        try:
            _measure(Path(folder) / "var", asked, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _measure(state: Path, asked: argparse.Namespace, pid: int) -> None:
    run = RunFolder(state)
    frames = list(_frames(asked.rows, asked.clients, asked.names))
    link = _connect(run.hits)
    cpu, start = _cpu(pid), time.perf_counter()
    _stream(link, frames)
    seconds = time.perf_counter() - start
    used = _cpu(pid) - cpu
    print(f"{asked.rows / seconds:,.0f} distinct rows/s acknowledged ({used / asked.rows * 1e6:.1f} us CPU a row)")
    while ask(run.control("recorder"), "status")["behind"]:
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    print(f"{asked.rows / seconds:,.0f} distinct rows/s rolled up into sightings as well")


def _frames(rows: int, clients: int, names: int) -> Iterator[bytes]:
    """Every row differs from all others in client, name or second; each second has every client with every name."""
    facts = [
        pack_facts(
            HitFacts(
                f"c2-{number}.bench.example", 1, "udp", "sinkhole", "127.53.0.1", f"c2-{number}.bench.example", True,
                "c2", "emotet", "bench", 1, number, "campaign", "12/CV", "bench", 1,
            )
        )
        for number in range(names)
    ]  # fmt: skip
    addresses = [(0x0A000000 + number).to_bytes(4, "big") for number in range(clients)]
    now = int(time.time())
    batch = list[HitRow]()
    for number in range(rows):
        client, name = number % clients, (number // clients) % names
        batch.append((addresses[client], b"", now + number // (clients * names), 1, facts[(name + client) % names]))
        if len(batch) == BATCH:
            yield frame(Batch(number // BATCH + 1, number + 1, batch))
            batch = []


def _connect(path: Path) -> socket.socket:
    deadline = time.monotonic() + 10
    link = socket.socket(socket.AF_UNIX)
    while True:
        try:
            link.connect(str(path))
        except OSError:
            if time.monotonic() > deadline:
                raise Unreachable(f"no recorder on {path}") from None
            time.sleep(0.02)
        else:
            return link


def _stream(link: socket.socket, frames: list[bytes]) -> None:
    """Send everything, never more than a window ahead, and wait for the last acknowledgement."""
    reader = FrameReader()
    link.sendall(frame(Hello("node1", 0, os.urandom(8).hex())))
    sent = acknowledged = window = 0
    while acknowledged < len(frames):
        while sent < len(frames) and window < WINDOW:
            link.sendall(frames[sent])
            window += len(frames[sent])
            sent += 1
        for message in reader.feed(link.recv(65536)):
            if isinstance(message, Ack):
                window -= sum(map(len, frames[acknowledged : message.number]))
                acknowledged = message.number


def _cpu(pid: int) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

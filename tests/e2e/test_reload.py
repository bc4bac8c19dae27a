"""A list changed under load beside a list of a million names: nothing lost, live in two seconds, no old verdict after.

The load is dnsperf's, pinned to nothing: this is about correctness, figures come from `make bench`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import dns.rcode
import pytest

from tests.conftest import skip_or_fail
from tests.e2e.service import Service
from tests.e2e.upstream import Upstream

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
NAMES = 1_000_000
LOAD_SECONDS = 12


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream):
    """The service with a list of a million names."""
    folder = tmp_path_factory.mktemp("big")
    made = Service(folder, upstream.port)
    text = made.config.read_text(encoding="utf-8")
    unlimited = "  workers: 2\n  limits: {questions: 0, misses: 0}\n"  # dnsperf stands for a province
    made.config.write_text(text.replace("  workers: 2\n", unlimited), encoding="utf-8")
    running = made.start()
    path = folder / "big.txt"
    path.write_text("".join(f"n{i}.evil{i % 1000}.example\n" for i in range(NAMES)))
    report = running.json("lists", "import", path, "--name", "big", "--campaign", "demo", "--format", "domains")
    assert report["names"] == NAMES
    yield running
    assert running.stop() == 0, running.tail()


def small_list(folder: Path, tag: str) -> Path:
    path = folder / "small.txt"
    path.write_text("".join(f"{tag}{i}.small.example\n" for i in range(100)))
    return path


def test_a_hundred_names_swap_beside_a_million_under_load(big: Service):
    dnsperf = shutil.which("dnsperf")
    if dnsperf is None:
        skip_or_fail("dnsperf is not installed")
    words = ("--name", "small", "--campaign", "demo", "--format", "domains")
    big.cli("lists", "import", small_list(big.folder, "old"), *words)
    questions = big.folder / "questions"
    lines = [f"n{i * 37 % NAMES}.evil{i * 37 % NAMES % 1000}.example A" for i in range(20_000)]
    lines += [f"h{i % 200}.good.example A" for i in range(20_000)]
    questions.write_text("\n".join(lines) + "\n")
    load = subprocess.Popen(
        [dnsperf, "-s", "127.0.0.1", "-p", str(big.port), "-d", questions, "-l", str(LOAD_SECONDS), "-c", "10"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(2)  # the load is on its way; nothing to await here
    verdicts: list[tuple[float, bool, bool]] = []
    ended = threading.Event()

    def watch() -> None:
        i = 0
        while not ended.is_set():
            client = f"127.10.{i // 200 % 200}.{i % 200 + 1}"
            new = bool(big.addresses(f"new{i % 100}.small.example", client))
            old = big.ask(f"old{i % 100}.small.example", client=client).rcode() != dns.rcode.NXDOMAIN
            verdicts.append((time.monotonic(), new, old))
            i += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    report = big.json("lists", "import", small_list(big.folder, "new"), *words)
    live_at = time.monotonic()
    time.sleep(3)  # watch for old verdicts for a while
    ended.set()
    watcher.join()
    out, _ = load.communicate(timeout=60)
    lost = int(re.search(r"Queries lost:\s+(\d+)", out)[1])
    done = int(re.search(r"Queries completed:\s+(\d+)", out)[1])
    assert lost == 0
    assert done > 10_000
    assert report["workers"]["live"] == report["workers"]["of"] == 2
    assert report["seconds"] + report["workers"]["seconds"] < 2.0
    after = [(new, old) for at, new, old in verdicts if at > live_at + 0.1]
    assert len(after) > 20
    assert all(new and not old for new, old in after), "an old verdict after the switch"
    assert any(not new for _at, new, _old in verdicts), "the watch began before the switch"

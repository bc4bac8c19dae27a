"""`python -m bench` as a person starts it: real servers, tiny numbers, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import find_program
from tests.conftest import REPO, skip_or_fail

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
TINY = ("--names", "2000", "--rounds", "1", "--seconds", "0.3")


def need(*programs):
    for program in programs:
        if find_program(program) is None:
            skip_or_fail(f"{program} is not installed")
    if len(os.sched_getaffinity(0)) < 2:
        skip_or_fail("needs two cores")


def bench(tmp_path, *options, **environment):
    return subprocess.run(
        [sys.executable, "-m", "bench", *options],
        cwd=REPO, env={**os.environ, "TMPDIR": str(tmp_path), **environment},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


@pytest.fixture
def short_folder(tmp_path_factory) -> Path:
    """Unix socket paths have 107 octets: not much below pytest's own folders."""
    return tmp_path_factory.mktemp("b")


def test_all_works_beside_all_peers(short_folder, tmp_path):
    need("dnsperf", "gcc", "unbound", "nsd")
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:begin -->\n<!-- bench:end -->\n")
    done = bench(short_folder, *TINY, "--quick", "--json", str(tmp_path / "runs.json"), "--write", str(page))
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "runs.json").read_text())
    measured = {(result["work"], result["label"]): result["runs"] for result in told["results"]}
    logged = [(work, label) for work in ("hot", "listed") for label in ("C floor", "Unbound, hits logged", "us")]
    plain = [("cached", "C floor"), ("cached", "Unbound"), ("cached", "us"), ("miss", "Unbound"), ("miss", "us")]
    assert list(measured) == logged + plain
    for runs in measured.values():
        assert runs[0]["answered"] > 0
        assert runs[0]["user"] + runs[0]["system"] > 0
        assert runs[0]["codes"].startswith("NOERROR")
    for work in ("hot", "listed"):
        (mine,) = measured[work, "us"]
        assert mine["recorded"] == mine["made"] >= mine["answered"]
        assert mine["dropped"] == 0
    assert "us / Unbound, hits logged" in page.read_text()
    assert list(short_folder.iterdir()) == []


def test_against_a_commit_with_the_sink(short_folder):
    need("dnsperf")
    before = worktrees()
    done = bench(short_folder, "ab", "HEAD", *TINY, "--works", "hot", "--sink", "--tolerance", "10")
    assert done.returncode == 0, done.stderr
    assert "this tree / " in done.stdout
    assert "a sink that stores nothing" in done.stdout
    assert worktrees() == before
    assert list(short_folder.iterdir()) == []


def worktrees():
    listed = subprocess.run(["git", "worktree", "list"], cwd=REPO, capture_output=True, text=True, check=True)
    return listed.stdout


def test_a_flood_beside_unbound(short_folder, tmp_path):
    need("dnsperf", "gcc", "unbound", "nsd")
    page = tmp_path / "page.md"
    page.write_text("<!-- flood:begin -->\n<!-- flood:end -->\n")
    rates = ("--others", "400", "--rate", "3000")
    done = bench(short_folder, "flood", *TINY, *rates, "--json", str(tmp_path / "runs.json"), "--write", str(page))
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads((tmp_path / "runs.json").read_text())
    measured = {(result["case"], result["label"]): result["runs"] for result in told["results"]}
    peers = ("C floor", "Unbound, hits logged", "us")
    assert list(measured) == [(case, label) for case in ("alone", "unlisted", "listed") for label in peers]
    for (case, _label), (run,) in measured.items():
        assert run["others"]["answered"] > 0
        assert (run["flood_sent"] > 0) == (case != "alone")
    (quiet,), (unlisted,), (listed,) = (measured[case, "us"] for case in ("alone", "unlisted", "listed"))
    assert quiet["limited"] == 0
    assert unlisted["rows"]["rows"] == 0
    assert 0 < listed["rows"]["rows"] <= listed["rows"]["bound"] < listed["rows"]["hits"]
    assert "us / Unbound, hits logged" in page.read_text()
    assert list(short_folder.iterdir()) == []


def test_rates_without_an_end_are_refused(short_folder):
    assert bench(short_folder, "flood", "--rate", "10000000").returncode == 2
    assert bench(short_folder, "flood", "--others", "0").returncode == 2


def test_a_revision_that_is_not_there(short_folder):
    need("dnsperf")
    done = bench(short_folder, "ab", "no-such-revision", *TINY)
    assert done.returncode == 2
    assert "no-such-revision" in done.stderr


def only(folder, *programs):
    """A PATH with nothing but these."""
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(find_program(program))
    return str(folder)


def test_what_cannot_be_done_without_is_named(short_folder, tmp_path):
    need("dnsperf")
    done = bench(short_folder, *TINY, PATH=only(tmp_path / "bin", "dnsperf"))
    assert done.returncode == 2
    assert "gcc" in done.stderr
    assert "apt install gcc" in done.stderr


def test_unknown_works_and_peers_are_refused(short_folder):
    assert bench(short_folder, "--works", "hot,lukewarm").returncode == 2
    assert "'lukewarm' is none of" in bench(short_folder, "--works", "hot,lukewarm").stderr
    assert bench(short_folder, "--peers", "bind").returncode == 2


def test_the_profile_of_the_packet_path(short_folder):
    done = bench(short_folder, "profile", "--names", "60000", "--batches", "20")
    assert done.returncode == 0, done.stderr
    for part in ("system calls alone", "listed, finished packet, hit", "udp.py", "engine.py"):
        assert part in done.stdout

"""The systemd units: what they start exists, and systemd itself understands them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from admin.cli.main import COMMANDS
from admin.supervise.parts import MODULES, processes
from contracts import config
from tests.conftest import REPO, skip_or_fail

UNITS = sorted((REPO / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]


def read(unit):
    """Sections of a unit file; repeated keys are joined by a line end."""

    class Joined(dict):
        def __setitem__(self, key, value):
            if isinstance(value, list) and key in self:
                value = [*self[key], *value]
            super().__setitem__(key, value)

    parser = configparser.RawConfigParser(dict_type=Joined, strict=False)
    parser.optionxform = str
    parser.read(unit)
    return parser


def test_every_part_has_a_unit_and_every_unit_a_part():
    parts = {re.sub(r"^sinkhole-(\w+)@?\.service$", r"\1", unit.name) for unit in SERVICES}
    assert parts == set(MODULES)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_starts_one_real_process(unit):
    words = read(unit)["Service"]["ExecStart"].replace("%i", "0").split()
    assert words[0].endswith("/bin/sinkhole")
    assert words[1] == "--config"
    assert words[3] == "run"
    assert words[3] in COMMANDS
    settings = config.read(REPO / "config.yaml")
    # One single process is what `sinkhole run` becomes, so that systemd watches it and no supervisor.
    assert len(processes(settings, REPO / "config.yaml", words[4:])) == 1


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_never_gives_up_but_on_wrong_settings(unit):
    service = read(unit)["Service"]
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["NoNewPrivileges"] == "true"
    assert service["User"] == "sinkhole"
    assert (service["StateDirectoryMode"], service["UMask"]) == ("0750", "0027")
    assert read(unit)["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_that_hangs_is_killed(unit):
    service = read(unit)["Service"]
    assert 5 <= int(service["WatchdogSec"]) <= 30
    assert service["WatchdogSignal"] == "SIGKILL"  # a stopped process takes no other


def test_no_worker_waits_for_another_parts_start():
    """A unit that others are ordered after must be up at once: with `notify` they would wait until it is ready."""
    kinds = {unit.name: read(unit)["Service"]["Type"] for unit in SERVICES}
    for unit in SERVICES:
        for before in re.findall(r"sinkhole-\S+\.service", read(unit)["Unit"]["After"]):
            assert kinds[before] == "exec"
    assert kinds["sinkhole-resolver@.service"] == "notify"  # so that workers can be restarted one after the other


def test_only_the_resolver_may_bind_low_ports():
    assert [unit.name for unit in SERVICES if "CAP_NET_BIND_SERVICE" in unit.read_text()] == [
        "sinkhole-resolver@.service"
    ]


def test_the_target_wants_every_part():
    wanted = read(REPO / "systemd" / "sinkhole.target")["Unit"]["Wants"]
    for unit in SERVICES:
        assert unit.name.replace("@.", "@0.") in wanted


def test_systemd_understands_them(tmp_path):
    if shutil.which("systemd-analyze") is None:
        skip_or_fail("systemd-analyze is not here")
    for unit in UNITS:
        # Verify looks for the program and the user: ours stand for them.
        text = unit.read_text().replace("/opt/sinkhole/.venv/bin", str(Path(sys.executable).parent))
        text = re.sub(r"^(User|Group)=sinkhole$", r"\1=root", text, flags=re.MULTILINE)
        (tmp_path / unit.name.replace("@.", "@0.")).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")

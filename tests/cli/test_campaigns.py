"""`sinkhole campaigns`: added, changed and ended, audited and published; what is wrong is one sentence, exit 1 or 2."""

from __future__ import annotations

import datetime
import json
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest

from blocklists.library import Library
from blocklists.service import ImportOptions, Lists
from casework.store import audit, units
from casework.store.engine import open_casework
from contracts import config
from contracts.campaigns import CampaignsFile
from tests.cli.test_main import run

TODAY = datetime.datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date()
DAY = datetime.timedelta(days=1)


@pytest.fixture
def state(settings_file):
    return settings_file.parent / "var"


@pytest.fixture
def campaigns(settings_file):
    return lambda *words: run("--config", settings_file, "campaigns", *words)


def windows(state):
    return {one.id: (one.start, one.end, one.outside) for one in CampaignsFile(state).read().windows}


def test_a_campaign_from_its_letter_to_its_end(campaigns, state):
    made = campaigns(
        "add", "c-1", "--title", "Chiến dịch 1", "--letter", "01/CV", "--issuer", "Cục Mẫu", "--basis", "Chỉ thị 14",
        "--basis", "Quyết định 964", "--start", "01/01/2026", "--end", str(TODAY + 2 * DAY), "--unit", "so-mau",
        "--deadline", f"{TODAY + DAY} Báo cáo Bộ", "--link", "https://mau.example/", "--outside", "off",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert made.stdout == f"campaign c-1: 2026-01-01 to {TODAY + 2 * DAY}, lists in force\n"
    assert windows(state) == {"c-1": (datetime.date(2026, 1, 1), TODAY + 2 * DAY, "off")}
    listed = campaigns("ls").stdout
    assert f"{TODAY + DAY} (1 day left)" in listed
    shown = campaigns("show", "c-1").stdout
    for text in ("Quyết định 964", "1: so-mau and below", "Báo cáo Bộ (1 day left)", "in force; outside its days off"):
        assert text in shown, text

    ended = campaigns("end", "c-1", "--reason", "Xong sớm", "--on", str(TODAY - DAY), "--json")
    told = json.loads(ended.stdout)
    assert (told["end"], told["lists_are"], told["why"]) == (
        str(TODAY - DAY), "off", f"campaign c-1 ended {TODAY - DAY}",
    )  # fmt: skip
    assert campaigns("end", "c-1", "--reason", "Xong").exit_code == 1, "it is over"

    changed = campaigns("set", "c-1", "--end", "", "--basis", "", "--outside", "monitor")
    assert changed.exit_code == 0, changed.output
    told = json.loads(campaigns("show", "c-1", "--json").stdout)
    assert (told["end"], told["bases"], told["outside"], told["letter"]) == (None, [], "monitor", "01/CV")
    assert (told["units"], told["lists"], told["hosts"]) == (["so-mau"], [], 0)
    assert windows(state)["c-1"][1] is None
    with closing(open_casework(state)) as store:
        acts = [(one.action, one.actor[:3]) for one in audit.latest(store, 3)]
    assert acts == [("campaign.change", "os:"), ("campaign.end", "os:"), ("campaign.add", "os:")]


def test_the_first_campaign_does_not_keep_the_settings_from_being_seeded(campaigns, state):
    assert campaigns("add", "c-1", "--title", "Một").exit_code == 0
    with closing(open_casework(state)) as store:
        assert units.exists(store.connection, "so-mau")


def test_what_is_shipped_is_a_beginning(campaigns):
    assert "chien-dich-2022" in campaigns("shipped").stdout
    assert campaigns("ls").stderr == "no campaigns\n"
    made = json.loads(campaigns("add", "cd22", "--from", "chien-dich-2022", "--end", "2022-12-31", "--json").stdout)
    assert (made["id"], made["letter"], made["end"]) == ("cd22", "1298/CATTT-NCSC ngày 23/8/2022", "2022-12-31")
    assert made["why"] == "campaign cd22 ended 2022-12-31"


def test_lists_say_why_they_are_only_watched(campaigns, settings_file):
    campaigns("add", "c-1", "--title", "Một", "--end", "2026-01-31")
    settings = config.read(settings_file)
    (settings_file.parent / "letter.txt").write_text("a.example\n")
    with closing(Library.open(settings.state)) as library, (settings_file.parent / "letter.txt").open("rb") as file:
        Lists(settings, library).import_file("os:tester", file, ImportOptions("letter", campaign="c-1"))
    why = "campaign c-1 ended 2026-01-31: only watched"
    ran = run("--config", settings_file, "lists", "ls")
    assert f"note: list letter: {why}" in ran.stdout
    (listed,) = json.loads(run("--config", settings_file, "lists", "ls", "letter", "--json").stdout)
    assert listed["window"] == why
    assert json.loads(campaigns("show", "c-1", "--json").stdout)["lists"] == ["letter"]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["show", "none"], 1, "no campaign has the id 'none'; known: c-1"),
        (["add", "c-1", "--title", "Một"], 1, "there is a campaign c-1 already"),
        (["add", "c-2"], 2, "title: a title is needed"),
        (["add", "C 2", "--title", "Hai"], 2, "is no id"),
        (["add", "c-2", "--title", "Hai", "--start", "soon"], 2, "is no day"),
        (["add", "c-2", "--from", "none"], 2, "there are chien-dich-2020, chien-dich-2022"),
        (["set", "c-1"], 2, "nothing to change"),
        (["set", "c-1", "--start", "2026-02-02", "--end", "2026-02-01"], 2, "end: 2026-02-01 is before the first day"),
        (["set", "c-1", "--deadline", "some day"], 2, "deadlines: 'some' is no day"),
        (["set", "c-1", "--unit", "none"], 2, "scope: no unit has the code 'none'"),
        (["set", "c-1", "--outside", "enforce"], 2, "--outside"),
        (["end", "c-1"], 2, "--reason"),
    ],
)
def test_what_is_wrong_is_one_sentence(campaigns, state, words, code, why):
    assert campaigns("add", "c-1", "--title", "Một").exit_code == 0
    before = windows(state)
    ran = campaigns(*words)
    assert (ran.exit_code, why in ran.stderr) == (code, True), ran.output
    assert "Traceback" not in ran.output
    assert windows(state) == before


def test_an_allowed_name_has_an_owner(settings_file):
    def allow(*words):
        return run("--config", settings_file, "allow", *words)

    ran = allow("add", "tot.example", "--reason", "nhầm", "--for", "1d", "--owner", "Phòng Kế toán", "--json")
    assert json.loads(ran.stdout)["owner"] == "Phòng Kế toán"
    assert allow("add", "b.example", "--reason", "nhầm", "--for", "1d").exit_code == 0
    newest, first = json.loads(allow("ls", "--json").stdout)
    assert (first["owner"], newest["owner"]) == ("Phòng Kế toán", newest["actor"])
    assert "OWNER" in allow("ls").stdout
    assert "Phòng Kế toán" in allow("ls").stdout


def test_check_config_knows_the_campaigns_that_exist(campaigns, settings_file):
    (settings_file.parent / "a.txt").write_text("a.example\n")
    text = settings_file.read_text() + "lists:\n  - {name: a, path: a.txt, campaign: c-1}\n"
    settings_file.write_text(text, encoding="utf-8")
    refused = run("--config", settings_file, "check-config")
    assert refused.exit_code == 2
    assert "lists[0].campaign: no campaign has this id, saw 'c-1'" in refused.output
    assert campaigns("add", "c-1", "--title", "Một").exit_code == 0
    assert run("--config", settings_file, "check-config").exit_code == 0

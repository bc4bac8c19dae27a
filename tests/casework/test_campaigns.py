"""Campaigns: what may be said of one, kept and audited; their dates in the file that the lists process follows."""

from __future__ import annotations

import datetime
import sqlite3  # noqa: TID251  a file of an older program

import msgspec
import pytest

from casework import campaigns, shipped
from casework.campaign_rules import CampaignError, WrongCampaign, day_of, deadline_of
from casework.campaigns import Overtaken
from casework.client_table import Publisher
from casework.decision_rules import WrongDecision
from casework.store import audit
from casework.store.audit import Origin
from casework.store.campaigns import Campaign, Deadline
from casework.store.engine import MIGRATIONS, open_casework
from contracts.campaigns import CampaignsFile, Window
from tests.casework.making import NOON, ZONE

WHO = Origin("account:hoa", NOON)
START, END = datetime.date(2027, 1, 4), datetime.date(2027, 3, 31)
WHOLE = Campaign(
    "c-2027",
    "  Chiến dịch\n2027 ",
    "12/CV",
    "Cục Mẫu",
    bases=("Chỉ thị 14", "", "Quyết định 964", "Chỉ thị 14"),
    start=START,
    end=END,
    outside="off",
    links=("https://mau.example/2027",),
    scope=("xa-mau", "so-mau", "xa-mau"),
    deadlines=(Deadline(END, "Báo cáo  Bộ"), Deadline(START, "Kế hoạch")),
    note="Dòng một  \n\nDòng hai\n",
)


@pytest.fixture
def store(settings):
    made = open_casework(settings.state)
    yield made
    made.close()


def published(settings):
    return {one.id: one for one in CampaignsFile(settings.state).read().windows}


def entries(store, count=1):
    return [(one.actor, one.action, one.object, one.detail) for one in audit.latest(store, count)]


def test_what_is_seeded_is_published(store, settings):
    (seeded,) = campaigns.every(store)
    assert (seeded.id, seeded.letter, seeded.outside, seeded.scope) == ("demo-2026", "01/CV", "monitor", ())
    assert published(settings) == {"demo-2026": Window("demo-2026", datetime.date(2026, 1, 1))}


def test_a_campaign_is_kept_tidied_audited_and_published(store, settings):
    kept = campaigns.add(store, settings.state, WHOLE, WHO)
    assert campaigns.find(store, "c-2027") == kept
    assert (kept.title, kept.bases, kept.scope) == (
        "Chiến dịch 2027", ("Chỉ thị 14", "Quyết định 964"), ("so-mau", "xa-mau"),
    )  # fmt: skip
    assert kept.deadlines == (Deadline(START, "Kế hoạch"), Deadline(END, "Báo cáo Bộ"))
    assert kept.note == "Dòng một\n\nDòng hai"
    assert [one.id for one in campaigns.every(store)] == ["c-2027", "demo-2026"]
    assert published(settings)["c-2027"] == Window("c-2027", START, END, "off")
    ((actor, action, name, detail),) = entries(store)
    assert (actor, action, name) == ("account:hoa", "campaign.add", "c-2027")
    assert detail["deadlines"] == "2027-01-04 Kế hoạch; 2027-03-31 Báo cáo Bộ"
    with pytest.raises(CampaignError, match="there is a campaign c-2027 already"):
        campaigns.add(store, settings.state, WHOLE, WHO)


def test_a_change_says_what_was_and_only_for_who_saw_what_is(store, settings):
    kept = campaigns.add(store, settings.state, WHOLE, WHO)
    serial = CampaignsFile(settings.state).read().serial
    seen = campaigns.fingerprint(kept)
    campaigns.change(store, settings.state, msgspec.structs.replace(kept, letter="13/CV", scope=()), WHO, seen)
    assert entries(store)[0][3] == {"letter": "12/CV → 13/CV", "scope": "so-mau; xa-mau → –"}
    assert CampaignsFile(settings.state).read().serial == serial, "its dates are the same"
    with pytest.raises(Overtaken):
        campaigns.change(store, settings.state, msgspec.structs.replace(kept, title="Khác"), WHO, seen)
    before = campaigns.find(store, "c-2027")
    assert (before.letter, before.title) == ("13/CV", "Chiến dịch 2027")
    campaigns.change(store, settings.state, before, WHO)
    assert len([one for one in audit.latest(store, 10) if one.action == "campaign.change"]) == 1, "nothing, unaudited"


def test_the_end_is_a_day_with_a_reason(store, settings):
    campaigns.add(store, settings.state, WHOLE, WHO)
    campaigns.end(store, settings.state, "c-2027", START, "Xong sớm", WHO)
    assert published(settings)["c-2027"].end == START
    assert entries(store)[0][3] == {"reason": "Xong sớm", "end": "2027-03-31 → 2027-01-04"}
    with pytest.raises(CampaignError, match="ends 2027-01-04 anyway"):
        campaigns.end(store, settings.state, "c-2027", END, "Xong", WHO)
    with pytest.raises(CampaignError, match="begins 2027-01-04: it cannot end 2027-01-03"):
        campaigns.end(store, settings.state, "c-2027", START - datetime.timedelta(days=1), "Xong", WHO)
    with pytest.raises(WrongDecision, match="reason"):
        campaigns.end(store, settings.state, "c-2027", START, " ", WHO)
    with pytest.raises(CampaignError, match="no campaign has the id 'none'; known: c-2027, demo-2026"):
        campaigns.end(store, settings.state, "none", START, "Xong", WHO)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("id", "C 2027", "is no id"),
        ("title", " ", "a title is needed"),
        ("title", "x" * 501, "longer than 500"),
        ("letter", "a\u202eb", "cannot be shown"),
        ("bases", ("\x1b[2J",), "cannot be shown"),
        ("bases", tuple(map(str, range(51))), "more than 50"),
        ("end", START - datetime.timedelta(days=1), "2027-01-03 is before the first day 2027-01-04"),
        ("outside", "enforce", "is none of monitor, off"),
        ("links", ("javascript:alert(1)",), "is no address of a page"),
        ("links", ("https://u:secret@mau.example/",), "is no address of a page"),
        ("links", ("mau.example",), "is no address of a page"),
        ("scope", ("so-mau", "khong-co"), "no unit has the code 'khong-co'"),
        ("deadlines", (Deadline(END, "x" * 501),), "longer than 500"),
        ("note", "x" * 4001, "longer than 4000"),
    ],
)
def test_what_cannot_be_is_said_of_its_field_and_nothing_is_kept(store, settings, field, value, why):
    with pytest.raises(WrongCampaign) as caught:
        campaigns.add(store, settings.state, msgspec.structs.replace(WHOLE, **{field: value}), WHO)
    assert list(caught.value.problems) == [field]
    assert why in caught.value.problems[field]
    assert [one.id for one in campaigns.every(store)] == ["demo-2026"]
    assert list(published(settings)) == ["demo-2026"]


def test_a_scope_holds_the_units_below(store, settings):
    one = campaigns.add(store, settings.state, msgspec.structs.replace(WHOLE, scope=("so-mau",)), WHO)
    assert [code for code, _ in campaigns.units_within(store, one)] == ["phong-mau", "so-mau"]
    everyone = msgspec.structs.replace(one, scope=())
    assert {code for code, _ in campaigns.units_within(store, everyone)} == {"so-mau", "phong-mau", "xa-mau"}


def test_a_unit_that_is_no_more_may_go_on_standing_there(store, settings):
    one = campaigns.add(store, settings.state, WHOLE, WHO)
    store.connection.execute("UPDATE units SET valid_to = '2026-12-31' WHERE code = 'xa-mau'")
    campaigns.change(store, settings.state, msgspec.structs.replace(one, title="Mới"), WHO)
    assert campaigns.find(store, one.id).scope == ("so-mau", "xa-mau")
    assert [code for code, _ in campaigns.units_within(store, one)] == ["phong-mau", "so-mau"]


def test_the_recorder_puts_a_file_right_that_is_lost_or_damaged(store, settings):
    file, publisher = CampaignsFile(settings.state), Publisher(settings.state, ZONE)
    first = file.read()
    publisher.look(NOON)
    assert file.read() == first
    file.path.write_bytes(b"{}")
    publisher.look(NOON + 1)
    assert file.read().windows == first.windows
    assert file.read().serial > first.serial
    file.path.unlink()
    publisher.look(NOON + 2)
    assert file.read().windows == first.windows
    publisher.close()


def test_what_cannot_be_published_is_not_kept(store, settings):
    CampaignsFile(settings.state).path.unlink()
    CampaignsFile(settings.state).path.parent.rmdir()
    (settings.state / "campaigns").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="campaigns"):
        campaigns.add(store, settings.state, WHOLE, WHO)
    assert [one.id for one in campaigns.every(store)] == ["demo-2026"]


def test_days_and_deadlines_as_people_write_them():
    assert day_of(" 31/3/2027 ") == day_of("2027-03-31") == END
    assert day_of("") is None
    assert deadline_of("31/03/2027  Báo cáo   Bộ ") == Deadline(END, "Báo cáo Bộ")
    for wrong in ("31/13/2027", "soon", "2027-02-30"):
        with pytest.raises(ValueError, match="is no day"):
            day_of(wrong)
    with pytest.raises(ValueError, match="is no deadline"):
        deadline_of("2027-03-31")


def test_what_is_shipped_can_be_added_and_is_there_only_then(store, settings):
    found = shipped.every()
    assert list(found) == ["chien-dich-2020", "chien-dich-2022"]
    assert not set(found) & {one.id for one in campaigns.every(store)}
    for one in found.values():
        assert campaigns.add(store, settings.state, one, WHO) == one, "it is tidy"
        assert one.links
        assert one.deadlines[-1].day == one.end
    assert found["chien-dich-2022"].letter.startswith("1298/CATTT-NCSC")


def test_campaigns_of_an_older_database_are_taken_over(tmp_path):
    with sqlite3.connect(tmp_path / "casework.db") as old:
        for file in sorted((MIGRATIONS / "casework").glob("*.sql"))[:4]:
            old.executescript(file.read_text(encoding="utf-8"))
        old.execute("PRAGMA user_version = 4")
        old.execute("INSERT INTO campaigns (id, title, \"end\") VALUES ('cu', 'Cũ', '2025-12-31')")
        old.execute(
            "INSERT INTO decisions (what, name, reason, actor, since, until)"
            " VALUES ('allow', 'a.example', 'r', 'lan', 1, 2)"
        )
    old.close()
    store = open_casework(tmp_path)
    assert campaigns.every(store) == [Campaign("cu", "Cũ", end=datetime.date(2025, 12, 31))]
    assert campaigns.repair(store, tmp_path, NOON)
    assert not campaigns.repair(store, tmp_path, NOON)
    store.close()

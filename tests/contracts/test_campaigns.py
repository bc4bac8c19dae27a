"""The file of campaigns' dates: whole or refused; and which days are within."""

from __future__ import annotations

import datetime

import pytest

from contracts.campaigns import BadCampaigns, Campaigns, CampaignsFile, Window

DAY = datetime.date(2026, 3, 1)
SOON, NEXT = DAY + datetime.timedelta(days=1), DAY + datetime.timedelta(days=2)


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Window("a"), [DAY, SOON, NEXT]),
        (Window("a", start=SOON), [SOON, NEXT]),
        (Window("a", end=SOON), [DAY, SOON]),
        (Window("a", SOON, SOON), [SOON]),
    ],
)
def test_first_and_last_day_are_within(window, days):
    assert [day for day in (DAY, SOON, NEXT) if not window.shut(day)] == days


def test_why_is_said_in_words():
    assert Window("a", SOON, SOON).shut(DAY) == "campaign a begins 2026-03-02"
    assert Window("a", SOON, SOON).shut(NEXT) == "campaign a ended 2026-03-02"


def test_what_is_published_is_read(tmp_path):
    file = CampaignsFile(tmp_path)
    assert (file.read(), file.stamp()) == (None, None)
    made = Campaigns(3, 1.5, (Window("a", DAY, None, "off"), Window("b", None, SOON)))
    file.publish(made)
    assert file.read() == made
    stamp = file.stamp()
    file.publish(made)
    assert file.stamp() != stamp


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw.replace(b"2026", b"2027", 1),
        lambda raw: b"",
        lambda raw: raw.partition(b"\n")[2],
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    file = CampaignsFile(tmp_path)
    file.publish(Campaigns(1, 0.0, (Window("a", DAY),)))
    file.path.write_bytes(damage(file.path.read_bytes()))
    with pytest.raises(BadCampaigns, match=r"campaigns\.json: damaged"):
        file.read()

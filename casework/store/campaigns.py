"""Campaigns in casework.db: what they say of themselves, whom they are for, what is due when.

No rules (casework.campaigns) and no file for the lists process (contracts.campaigns).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import msgspec

from casework.store.engine import Connection, Row
from contracts.campaigns import Outside

_COLUMNS = 'id, title, letter, issuer, "start", "end", outside, bases, links, note'


class Deadline(msgspec.Struct, frozen=True, order=True):
    """Until when what is due; `label` says that, and to whom."""

    day: datetime.date
    label: str


class Campaign(msgspec.Struct, frozen=True):
    """A dated official operation. Open dates are None; without a scope it is for all units."""

    id: str
    title: str
    letter: str = ""
    issuer: str = ""
    bases: tuple[str, ...] = ()
    start: datetime.date | None = None
    end: datetime.date | None = None
    outside: Outside = "monitor"
    links: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    note: str = ""


def every(run: Connection) -> list[Campaign]:
    """The one that began last first."""
    rows = run.execute(f'SELECT {_COLUMNS} FROM campaigns ORDER BY "start" IS NULL, "start" DESC, id')  # noqa: S608
    return [_campaign(run, row) for row in rows.fetchall()]


def find(run: Connection, campaign: str) -> Campaign | None:
    """The one with this id."""
    row = run.execute(f"SELECT {_COLUMNS} FROM campaigns WHERE id = ?", (campaign,)).fetchone()  # noqa: S608
    return _campaign(run, row) if row is not None else None


def put(run: Connection, one: Campaign) -> None:
    """A new campaign, or new content of one that is there."""
    columns = _COLUMNS.split(", ")
    run.execute(
        f"INSERT INTO campaigns ({_COLUMNS}) VALUES ({', '.join('?' * len(columns))}) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608
        + ", ".join(f"{column} = excluded.{column}" for column in columns[1:]),
        (
            *(one.id, one.title, one.letter, one.issuer, _text(one.start), _text(one.end), one.outside),
            *(msgspec.json.encode(one.bases).decode(), msgspec.json.encode(one.links).decode(), one.note),
        ),
    )
    run.execute("DELETE FROM campaign_units WHERE campaign = ?", (one.id,))
    run.executemany("INSERT INTO campaign_units (campaign, unit) VALUES (?, ?)", [(one.id, code) for code in one.scope])
    run.execute("DELETE FROM campaign_deadlines WHERE campaign = ?", (one.id,))
    run.executemany(
        "INSERT INTO campaign_deadlines (campaign, day, label) VALUES (?, ?, ?)",
        [(one.id, due.day.isoformat(), due.label) for due in one.deadlines],
    )


def units_within(run: Connection, codes: Iterable[str]) -> list[tuple[str, str]]:
    """(code, name) of the units with these codes and of all below them, those that exist now; without codes all."""
    wanted = msgspec.json.encode(list(codes)).decode()
    rows = run.execute(
        "WITH RECURSIVE within (code) AS ("
        " SELECT code FROM units WHERE valid_to IS NULL AND (? = '[]' OR code IN (SELECT value FROM json_each(?)))"
        " UNION SELECT u.code FROM units u JOIN within w ON u.parent = w.code WHERE u.valid_to IS NULL)"
        " SELECT u.code, u.name FROM units u JOIN within USING (code) WHERE u.valid_to IS NULL ORDER BY plain(u.name)",
        (wanted, wanted),
    )
    return [(row["code"], row["name"]) for row in rows]


def unknown_units(run: Connection, codes: Iterable[str]) -> list[str]:
    """Those of these codes that no unit has now."""
    rows = run.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT code FROM units WHERE valid_to IS NULL)",
        (msgspec.json.encode(list(codes)).decode(),),
    )
    return [row["value"] for row in rows]


def _campaign(run: Connection, row: Row) -> Campaign:
    key = (row["id"],)
    units = run.execute("SELECT unit FROM campaign_units WHERE campaign = ? ORDER BY unit", key)
    due = run.execute("SELECT day, label FROM campaign_deadlines WHERE campaign = ? ORDER BY day, id", key)
    return Campaign(
        row["id"],
        row["title"],
        row["letter"],
        row["issuer"],
        bases=msgspec.json.decode(row["bases"], type=tuple[str, ...]),
        start=_day(row["start"]),
        end=_day(row["end"]),
        outside=row["outside"],
        links=msgspec.json.decode(row["links"], type=tuple[str, ...]),
        scope=tuple(each["unit"] for each in units),
        deadlines=tuple(Deadline(datetime.date.fromisoformat(each["day"]), each["label"]) for each in due),
        note=row["note"],
    )


def _day(text: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None


def _text(day: datetime.date | None) -> str | None:
    return day.isoformat() if day else None

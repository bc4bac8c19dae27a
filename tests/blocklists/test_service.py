"""The operations on lists and what they report."""

from __future__ import annotations

import io

import msgspec
import pytest

from blocklists import service
from blocklists.library import KEPT_VERSIONS
from blocklists.service import ImportOptions, Lists
from contracts.settings import ListSource
from runtime.control import Refused
from tests.blocklists.making import address_match, live_match, policy_of

WANNACRY = "iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com"


def test_an_import_reports_everything(take, settings):
    report = take("a.example\nbad line\ncom.vn\n203.0.113.1\na.example\n", file="letter.txt", campaign="demo")
    assert (report.list, report.version, report.state, report.reason) == ("letter", 1, "live", "")
    assert (report.lines, report.indicators, report.names, report.addresses, report.duplicates) == (5, 2, 1, 1, 1)
    assert (report.format, report.mode, report.kind, report.campaign) == ("domains", "enforce", "c2", "demo")
    assert [(row.line, row.text) for row in report.bad] == [(2, "bad line")]
    assert [(row.line, row.text) for row in report.waiting] == [(3, "com.vn")]
    assert report.serial == policy_of(settings).read().serial
    assert policy_of(settings).read().entries[0].addresses == 1


def test_the_same_file_again_is_unchanged_unless_it_is_meant_otherwise(take):
    first = take("a.example\nbad line")
    again = take("a.example\nbad line")
    assert (again.state, again.version, again.serial) == ("unchanged", 1, first.serial)
    assert (again.names, again.bad_total, again.bad[0].line) == (1, 1, 2)
    assert take("a.example\nbad line", mode="monitor").version == 2


def test_what_is_not_said_stays_as_it_was(take):
    take("a.example", mode="monitor", kind="phishing", campaign="demo")
    report = take("b.example")
    assert (report.mode, report.kind, report.campaign) == ("monitor", "phishing", "demo")


def test_a_file_without_anything_usable_changes_nothing(take, lists, settings):
    take("a.example")
    report = take("0.0.0.0\nnot good\n")
    assert (report.state, report.version, report.bad_total, report.refused_total) == ("refused", 0, 1, 1)
    assert live_match(settings, "a.example")
    assert [one.number for one in lists.library.versions("letter")] == [1]
    assert lists.library.audit("letter")[0].action == "list-import-refused"


def test_a_refused_first_import_makes_no_list(take, lists):
    assert take("").state == "refused"
    assert lists.library.statuses() == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "Bad Name"}, "no list name"),
        ({"name": "kill-switch"}, "comes with the product"),
        ({"campaign": "none-such"}, "known: demo"),
        ({"kind": "kill-switch", "mode": "enforce"}, "must resolve"),
    ],
)
def test_wrong_requests_say_what_is_wrong(take, options, reason):
    with pytest.raises(Refused, match=reason):
        take("a.example", **options)


def test_a_file_of_another_kind_is_named(take):
    with pytest.raises(Refused, match="JSON"):
        take('{"a": 1}')


def test_hold_then_activate(take, lists, settings):
    take("a.example")
    held = take("b.example", hold=True)
    assert (held.state, held.version) == ("held", 2)
    assert "sinkhole lists activate letter 2" in held.reason
    assert live_match(settings, "b.example") is None
    switched = lists.activate("os:tester", "letter")
    assert (switched.version, switched.before) == (2, 1)
    assert live_match(settings, "b.example")
    with pytest.raises(Refused, match="no version of letter is held"):
        lists.activate("os:tester", "letter")
    with pytest.raises(Refused, match="no version 9; there are 2, 1"):
        lists.activate("os:tester", "letter", 9)


def test_roll_back_to_what_was_live_never_to_what_was_held(take, lists, settings):
    take("a.example")
    take("held.example", hold=True)
    take("c.example")
    switched = lists.rollback("os:tester", "letter")
    assert (switched.version, switched.before) == (1, 3)
    assert live_match(settings, "a.example")
    assert live_match(settings, "c.example") is None
    with pytest.raises(Refused, match="no version of letter before version 1 was ever live"):
        lists.rollback("os:tester", "letter")
    with pytest.raises(Refused, match="no list is called 'other'; known: letter"):
        lists.rollback("os:tester", "other")


def test_what_answers_with_its_addresses_lead_to_travels_with_the_version(take, lists, settings, tmp_path):
    def live() -> str:
        return policy_of(settings).read().entries[0].address_mode

    assert take("203.0.113.1", addresses="enforce").address_mode == "enforce"
    assert take("203.0.113.2").address_mode == "enforce", "what is not said stays as it was"
    assert take("203.0.113.2", addresses="monitor").version == 3
    assert live() == "monitor"
    lists.rollback("os:tester", "letter")
    assert live() == "enforce"
    assert lists.library.audit("letter")[1].detail["address_mode"] == "monitor"


ZONE = """\
$TTL 60
@ SOA localhost. root.localhost. 1 300 1800 604800 30
  NS localhost.
evil.example CNAME .
*.evil.example CNAME rpz-drop.
evil.example CNAME .
own.gov.vn CNAME rpz-passthru.
bad.gov.vn CNAME .
*.com CNAME .
iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com CNAME rpz-passthru.
local.example A 198.51.100.1
local.example TXT "why"
24.0.113.0.203.rpz-ip CNAME .
8.0.0.0.10.rpz-ip CNAME rpz-passthru.
32.5.0.20.10.rpz-client-ip CNAME rpz-drop.
8.0.0.0.10.rpz-client-ip CNAME rpz-drop.
ns.evil.example.rpz-nsdname CNAME .
32.1.113.0.203.rpz-nsip CNAME .
no..name CNAME .
"""


def test_a_response_policy_zone_is_a_list_like_any_other(take, lists, settings):
    report = take(ZONE)
    assert (report.format, report.state, report.indicators, report.names, report.addresses) == ("rpz", "live", 7, 4, 3)
    assert (report.passthru, report.duplicates, report.bad_total) == (2, 1, 1)
    assert [row.line for row in report.unsupported] == [17, 18]
    assert report.unsupported_total == 2
    assert [(row.line, row.text) for row in report.refused] == [
        (10, WANNACRY), (16, "10.0.0.0/8"),
    ]  # fmt: skip
    assert [(row.line, row.text) for row in report.waiting] == [(8, "bad.gov.vn"), (9, "*.com")]
    (entry,) = policy_of(settings).read().entries
    assert (entry.names, entry.addresses, entry.address_mode) == (4, 3, "monitor")
    assert live_match(settings, "evil.example")[1].rule.action == "nxdomain"
    assert live_match(settings, "x.evil.example")[1].rule.action == "drop"
    assert live_match(settings, "x.own.gov.vn") is None
    assert [one.qtype for one in live_match(settings, "local.example")[1].rule.data] == [1, 16]
    assert address_match(settings, "203.0.113.9")[1].rule.action == "nxdomain"
    assert address_match(settings, "10.1.1.1")[1].rule.action == "passthru"
    assert address_match(settings, "10.20.0.5", "client")[1].rule.action == "drop"
    again = take(ZONE)
    assert (again.state, again.passthru, again.unsupported_total) == ("unchanged", 2, 2)
    assert [row.line for row in again.unsupported] == [17, 18]


def test_the_name_of_a_zone_travels_with_its_list(take, lists, settings, tmp_path):
    content = "evil.example.rpz.example. CNAME .\n"
    assert take(content, format="rpz").state == "live"
    assert live_match(settings, "evil.example") is None
    assert take(content, zone="RPZ.example.").version == 2
    assert live_match(settings, "evil.example")
    assert take(content + "\n").version == 3
    assert live_match(settings, "evil.example"), "what is not said stays as it was"
    with pytest.raises(Refused, match="no name of a zone"):
        take(content, zone="a..b")
    (tmp_path / "one.rpz").write_text(content)
    assert seeded(lists, ListSource("one", "one.rpz", "rpz"))["one"] == ("live", 1)
    for _ in range(2):
        state = seeded(lists, ListSource("one", "one.rpz", "rpz", "rpz.example."))["one"]
    assert state == ("known", 2)


def test_the_settings_say_what_addresses_lead_to(lists, settings, tmp_path):
    (tmp_path / "one.txt").write_text("203.0.113.1\n")
    for number, mode in enumerate(("monitor", "enforce", "monitor"), 1):
        assert seeded(lists, ListSource("one", "one.txt", addresses=mode))["one"] == ("live", number)
        assert policy_of(settings).read().entries[-1].address_mode == mode


def test_roll_back_restores_the_mode_too(take, lists, settings):
    take("a.example", mode="monitor")
    take("a.example", mode="enforce")
    lists.rollback("os:tester", "letter")
    assert policy_of(settings).read().entries[0].mode == "monitor"


def test_withdraw_and_bring_back(take, lists, settings):
    take("a.example")
    assert lists.withdraw("os:tester", "letter").before == 1
    assert policy_of(settings).read().entries == ()
    with pytest.raises(Refused, match="nothing of letter is live"):
        lists.rollback("os:tester", "letter")
    lists.activate("os:tester", "letter", 1)
    assert live_match(settings, "a.example")
    with pytest.raises(Refused, match="never withdrawn"):
        lists.withdraw("os:tester", "kill-switch")


def test_every_change_is_audited_with_its_actor(take, lists):
    take("a.example")
    take("b.example")
    lists.rollback("os:other", "letter")
    lists.withdraw("os:other", "letter")
    told = [(one.actor, one.action, one.detail.get("version")) for one in reversed(lists.library.audit("letter"))]
    assert told == [
        ("os:tester", "list-import", 1), ("os:tester", "list-import", 2),
        ("os:other", "list-rollback", 1), ("os:other", "list-withdraw", 1),
    ]  # fmt: skip


def test_only_the_last_versions_keep_their_rows(take, lists):
    for number in range(KEPT_VERSIONS + 3):
        take(f"n{number}.example")
    kept = [one.number for one in lists.library.versions("letter") if one.rows]
    assert kept == list(range(KEPT_VERSIONS + 3, 3, -1))
    with pytest.raises(Refused, match="no longer kept"):
        lists.activate("os:tester", "letter", 2)


def test_a_list_of_kill_switch_names_of_ones_own_stands_above_earlier_lists(take, settings):
    take("switch.example", name="a")
    take("switch.example", name="own-switches", kind="kill-switch")
    assert live_match(settings, "switch.example")[0] == "own-switches"
    assert policy_of(settings).read().entries[0].mode == "passthru"


def seeded(lists: Lists, *sources: ListSource) -> dict[str, tuple[str, int]]:
    settings = msgspec.structs.replace(lists.settings, lists=sources)
    return {one.list: (one.state, one.version) for one in Lists(settings, lists.library).seed()}


def test_seeding_takes_the_shipped_names_and_what_is_configured_once(lists, settings, tmp_path):
    (tmp_path / "one.txt").write_text(f"a.example\n{WANNACRY}\n")
    source = ListSource("one", "one.txt", campaign="demo")
    assert seeded(lists, source) == {"kill-switch": ("live", 1), "one": ("live", 1)}
    assert seeded(lists, source) == {"kill-switch": ("known", 1), "one": ("known", 1)}
    name, match = live_match(settings, f"www.{WANNACRY}")
    assert (name, match.labels.kind) == ("kill-switch", "kill-switch")
    assert [entry.list for entry in policy_of(settings).read().entries] == ["kill-switch", "one"]


def test_seeding_takes_new_content_and_new_meaning(lists, tmp_path):
    (tmp_path / "one.txt").write_text("a.example\n")
    seeded(lists, ListSource("one", "one.txt"))
    (tmp_path / "one.txt").write_text("b.example\n")
    assert seeded(lists, ListSource("one", "one.txt"))["one"] == ("live", 2)
    assert seeded(lists, ListSource("one", "one.txt", mode="monitor"))["one"] == ("live", 3)


def test_seeding_follows_settings_that_go_back_to_what_they_were(lists, settings, tmp_path):
    (tmp_path / "one.txt").write_text("a.example\n")
    for number, mode in enumerate(("enforce", "monitor", "enforce"), 1):
        assert seeded(lists, ListSource("one", "one.txt", mode=mode))["one"] == ("live", number)
        assert policy_of(settings).read().entries[-1].mode == mode
    for number, content in enumerate(("a.example\nb.example\n", "a.example\n"), 4):
        (tmp_path / "one.txt").write_text(content)
        assert seeded(lists, ListSource("one", "one.txt"))["one"] == ("live", number)
    assert live_match(settings, "b.example") is None


def test_a_persons_rollback_stands_until_the_source_changes(lists, take, tmp_path):
    source = ListSource("one", "one.txt")
    for content in ("a.example\n", "b.example\n"):
        (tmp_path / "one.txt").write_text(content)
        seeded(lists, source)
    lists.rollback("os:lan", "one")
    assert seeded(lists, source)["one"] == ("known", 2)
    assert lists.library.live("one").number == 1
    take("c.example\n", name="one")
    (tmp_path / "one.txt").write_text("c.example\n")  # what a person imported before: no new version
    assert seeded(lists, source)["one"] == ("unchanged", 3)
    lists.rollback("os:lan", "one")
    assert seeded(lists, source)["one"] == ("known", 3), "that the settings came to version 3 is remembered"
    (tmp_path / "one.txt").write_text("b.example\n")
    assert seeded(lists, source)["one"] == ("unchanged", 2), "the rollback led there already"


def test_a_seed_does_not_undo_what_people_did(lists, take, settings, tmp_path):
    (tmp_path / "one.txt").write_text("a.example\n")
    source = ListSource("one", "one.txt")
    seeded(lists, source)
    for number in range(KEPT_VERSIONS + 2):  # the seed's own rows are gone by then
        take(f"newer{number}.example", name="one")
    assert seeded(lists, source)["one"] == ("known", 1)
    assert live_match(settings, "a.example") is None
    lists.withdraw("os:tester", "one")
    assert seeded(lists, source)["one"] == ("known", 1)
    assert lists.library.live("one") is None


def test_a_missing_or_broken_file_harms_no_other_list(lists, settings, tmp_path):
    (tmp_path / "good.txt").write_text("a.example\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\x03\x04")
    sources = [
        ListSource(path.partition(".")[0], path) for path in ("missing.txt", "empty.txt", "sheet.xlsx", "good.txt")
    ]
    assert seeded(lists, *sources) == {
        "kill-switch": ("live", 1), "missing": ("failed", 0), "empty": ("refused", 0), "sheet": ("failed", 0),
        "good": ("live", 1),
    }  # fmt: skip


def test_a_seed_that_shrinks_or_grows_suddenly_waits_for_a_person(lists, settings, tmp_path):
    def write(count: int) -> None:
        (tmp_path / "one.txt").write_text("".join(f"n{number}.example\n" for number in range(count)))

    source = ListSource("one", "one.txt")
    for count, outcome in ((200, "live"), (90, "held"), (2100, "held")):
        write(count)
        assert seeded(lists, source)["one"][0] == outcome
        assert seeded(lists, source)["one"][0] == ("known" if outcome == "live" else "held"), "told again at each start"
    assert lists.library.live("one").names == 200
    write(150)
    assert seeded(lists, source)["one"] == ("live", 4)
    write(90)  # as version 2 that was held, but no longer half of what is live
    assert seeded(lists, source)["one"] == ("live", 5)


def test_addresses_count_too_where_a_list_changes_suddenly(lists, tmp_path):
    source = ListSource("one", "one.txt")
    for count, outcome in ((200, "live"), (90, "held"), (120, "live")):
        (tmp_path / "one.txt").write_text("".join(f"203.0.113.{number}\n" for number in range(count)))
        assert seeded(lists, source)["one"][0] == outcome


def test_a_configured_list_cannot_take_the_place_of_the_shipped_one(lists, tmp_path):
    (tmp_path / "mine.txt").write_text("a.example\n")
    source = ListSource("kill-switch", "mine.txt", kind="kill-switch", mode="passthru")
    settings = msgspec.structs.replace(lists.settings, lists=(source,))
    shipped, own = Lists(settings, lists.library).seed()
    assert (shipped.state, own.state) == ("live", "failed")
    assert "comes with the product" in own.reason


def test_the_process_that_dies_within_an_import_leaves_the_old_policy(lists, take, settings):
    take("a.example")

    def progress(_stage: str, _count: int) -> None:
        raise RuntimeError("stopped")

    lines = b"".join(b"n%d.example\n" % number for number in range(service.compiler.STEP + 10))
    with pytest.raises(RuntimeError):
        lists.import_file("os:tester", io.BytesIO(lines), ImportOptions("letter"), progress)
    assert [one.number for one in lists.library.versions("letter")] == [1]
    assert live_match(settings, "a.example")


def test_the_configured_sample_is_taken_whole(lists):
    from tests.conftest import REPO

    path = REPO / "blocklists" / "samples" / "sample-campaign.csv"
    with path.open("rb") as file:
        report = lists.import_file("os:tester", file, ImportOptions("sample", format="csv"))
    assert (report.names, report.addresses, report.bad_total, report.refused_total) == (20, 1, 0, 0)
    assert report.warnings == ()

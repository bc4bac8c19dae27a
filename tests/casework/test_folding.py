"""Folding many names under one listed name, and cleaning hostile text."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.folding import MAX_NAME, MAX_NAMES, MAX_TEXT, Folder, clean
from contracts.hit import BadFrame, pack_facts, summary
from contracts.record_types import NAMES
from tests.casework.making import NOON, facts

MINUTE = NOON - NOON % 60


def names(folder: Folder, client: str, second: int, asked: list[str], **other: object) -> list[str]:
    """The names under which these questions are recorded."""
    known = [folder.know(pack_facts(facts(name, **other))) for name in asked]
    return [folder.fold((client, 0), second, one).facts.qname for one in known]


def many(count: int, tag: str = "x") -> list[str]:
    return [f"{tag}{number}.evil.example" for number in range(count)]


def test_beyond_the_limit_only_a_count_is_kept():
    kept = names(Folder(), "127.10.0.1", MINUTE, many(100))
    assert kept == many(MAX_NAMES) + ["*.evil.example"] * 36


def test_what_is_listed_only_below_a_name_folds_under_its_own_text():
    kept = names(Folder(), "127.10.0.1", MINUTE, many(100), indicator="*.evil.example")
    assert kept == many(MAX_NAMES) + ["*.evil.example"] * 36


def test_names_already_seen_stay_themselves():
    folder = Folder()
    names(folder, "127.10.0.1", MINUTE, many(100))
    assert names(folder, "127.10.0.1", MINUTE + 59, ["x0.evil.example", "x99.evil.example", "y.evil.example"]) == [
        "x0.evil.example", "*.evil.example", "*.evil.example",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("client", "second", "other"),
    [
        ("127.10.0.2", MINUTE, {}),
        ("127.10.0.1", MINUTE + 60, {}),
        ("127.10.0.1", MINUTE, {"list": "other"}),
    ],
    ids=["client", "minute", "list"],
)
def test_each_client_minute_and_list_counts_for_itself(client, second, other):
    folder = Folder()
    names(folder, "127.10.0.1", MINUTE, many(100))
    assert names(folder, client, second, ["z.evil.example"], **other) == ["z.evil.example"]


def test_the_listed_name_itself_never_folds():
    folder = Folder()
    names(folder, "127.10.0.1", MINUTE, many(100))
    assert names(folder, "127.10.0.1", MINUTE, ["evil.example"]) == ["evil.example"]


def test_another_type_of_the_same_name_is_not_another_name():
    folder = Folder()
    names(folder, "127.10.0.1", MINUTE, many(MAX_NAMES))
    assert names(folder, "127.10.0.1", MINUTE, ["x3.evil.example"], qtype=28) == ["x3.evil.example"]


def test_types_without_a_name_count_as_other_names_so_that_nobody_makes_65536_rows():
    folder = Folder()
    kept = [
        folder.fold(("127.10.0.1", 0), MINUTE, folder.know(pack_facts(facts("evil.example", qtype=number)))).facts
        for number in range(1000, 1100)
    ]
    assert [one.qtype for one in kept] == [*range(1000, 1000 + MAX_NAMES), *[0] * 36]
    assert {one.qname for one in kept} == {"evil.example"}
    below = folder.know(pack_facts(facts("*.evil.example", qtype=2000)))
    assert folder.fold(("127.10.0.1", 0), MINUTE, below).facts.qtype == 0, "who asks for the sign itself folds, too"


@given(st.integers(0, 65535), st.sampled_from(["evil.example", "x.evil.example", "*.evil.example", "*"]))
def test_what_only_counts_is_of_few_kinds_and_stays_as_it_is(qtype, name):
    counted = summary(facts(name, qtype=qtype))
    assert counted.qname in {"evil.example", "*.evil.example"}
    assert counted.qtype in {0, *NAMES}
    assert summary(counted) is counted
    assert Folder().know(pack_facts(counted)).group is None


def test_late_hits_of_many_old_minutes_fold_too():
    folder = Folder()
    names(folder, "127.10.0.1", MINUTE, ["now.evil.example"])
    for ago in range(30, 0, -1):
        kept = names(folder, "127.10.0.1", MINUTE - ago * 60, many(100))
        assert kept.count("*.evil.example") == 100 - MAX_NAMES


def test_what_only_counts_is_otherwise_the_same():
    folder = Folder()
    known = folder.know(pack_facts(facts("a.evil.example")))
    folded = folder.know(known.folded)
    assert folded.group is None
    assert folded.facts == msgspec.structs.replace(known.facts, qname="*.evil.example")


def test_what_only_counts_names_no_name_where_none_was_listed():
    known = Folder().know(pack_facts(facts("a.other.example", indicator="192.0.2.0/24", step="answer")))
    assert Folder().know(known.folded).facts.qname == "*"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("evil.example", "evil.example"),
        ("\\000x.evil.example", "\\000x.evil.example"),
        ("a\x1b[31m\x00", "a\\027[31m\\000"),
        ("Đơn vị mẫu", "Đơn vị mẫu"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u0085b\u2028c", "a\\133b\\u2028c"),
    ],
)
def test_text_that_could_do_harm_is_escaped(text, expected):
    assert clean(text, 100) == expected


def test_facts_are_cleaned_once_and_stored_under_the_clean_form():
    known = Folder().know(pack_facts(facts("x\n.evil.example", family="F" * 9999, source="\x07")))
    assert (known.facts.qname, known.facts.family, known.facts.source) == (
        "x\\010.evil.example", "F" * MAX_TEXT, "\\007",
    )  # fmt: skip
    assert known.packed == pack_facts(known.facts)


@given(st.text())
def test_clean_text_is_printable_and_short(text):
    assert clean(text, 50).isprintable()
    assert len(clean(text, 50)) <= 50


@given(st.binary())
def test_any_bytes_are_facts_or_a_bad_frame(packed):
    with contextlib.suppress(BadFrame):
        Folder().know(packed)


@given(st.text(max_size=3000), st.integers())
def test_any_facts_are_stored_safely_or_a_bad_frame(qname, version):
    try:
        packed = pack_facts(facts(qname, version=version))
    except OverflowError:
        return
    if 0 <= version < 1 << 63:
        assert len(Folder().know(packed).facts.qname) <= MAX_NAME
    else:
        with pytest.raises(BadFrame):
            Folder().know(packed)

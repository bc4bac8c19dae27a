"""STIX bundles: which comparisons are taken, with which facts, and what is said of the others."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.formats import confined, stix
from blocklists.formats.stix_pattern import MAX_PATTERN, BadPattern, Comparison, comparisons
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable

NO_NAME = "nothing that a question for a name could show"
ON_AN_ADDRESS = "URL with a path on an address, which many may share: a person must decide"


def parse(*objects: object, **others: object) -> list[Indicator | BadLine | Remark]:
    data = json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects} | others).encode()
    return list(stix.parse(io.BytesIO(data)))


def indicator(pattern: object = "[domain-name:value = 'a.example']", **others: object) -> dict[str, object]:
    return {"type": "indicator", "id": "indicator--1", "pattern": pattern} | others


def taken(found: list[Any]) -> list[str]:
    return [one.name or one.address for one in found if isinstance(one, Indicator)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[domain-name:value = 'a.example']", [("domain-name:value", "=", ("a.example",))]),
        (
            "[ipv4-addr:value='203.0.113.4' OR (url:value == 'http://a.example/' AND file:size > 5)]",
            [
                ("ipv4-addr:value", "=", ("203.0.113.4",)), ("url:value", "=", ("http://a.example/",)),
                ("file:size", ">", ("5",)),
            ],
        ),
        (
            "([a:b = 'x'] FOLLOWEDBY [a:b IN ('y', 'z')]) WITHIN 5 SECONDS REPEATS 2 TIMES START t'2026-01-01'",
            [("a:b", "=", ("x",)), ("a:b", "IN", ("y", "z"))],
        ),
        (r"[a:b = 'it\'s \\ so']", [("a:b", "=", (r"it's \ so",))]),
        ("[a:b NOT IN ('x') AND NOT a:c = 'y']", [("a:b", "NOT IN", ("x",)), ("a:c", "NOT =", ("y",))]),
        ("[EXISTS a:b AND a:c <> 'x']", [("a:b", "EXISTS", ()), ("a:c", "!=", ("x",))]),
        (
            "[file:hashes.'SHA-256' = 'ab' AND network-traffic:dst_ref.value LIKE 'x%' AND a:b[*].c[0].d = true]",
            [
                ("file:hashes.'SHA-256'", "=", ("ab",)), ("network-traffic:dst_ref.value", "LIKE", ("x%",)),
                ("a:b[*].c[0].d", "=", ("true",)),
            ],
        ),
    ],
)  # fmt: skip
def test_patterns(pattern, found):
    assert comparisons(pattern) == [Comparison(*one) for one in found]


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[]", "a.example", "[a:b]", "[a:b =]", "[a:b = 'x'", "a:b = 'x']", "[a:b = 'x]", "[a:b = ('x'", "[a:b 'x']",
        "[[a:b = 'x']]", "[a:b = 'x'] ]", "[a:b = ]", "\x00", "[a:b =" + "(" * 100, "'" * MAX_PATTERN + "'",
    ],
)  # fmt: skip
def test_what_is_no_pattern(pattern):
    with pytest.raises(BadPattern):
        comparisons(pattern)


@pytest.mark.parametrize(
    "text", ["a:" + "'x" * 60_000, "[" + "a:b" * 60_000, "a:b='x" + "\\'" * 90_000, "[*]" * 60_000]
)
def test_long_patterns_take_time_that_grows_as_they_do(text):
    with pytest.raises(BadPattern):
        comparisons(text)


@given(st.text(alphabet="ab:.= '\\[]()*,tNOTINEXS0 ", max_size=60) | st.text(max_size=30))
def test_any_text_is_a_pattern_or_bad(text):
    try:
        assert comparisons(text)
    except BadPattern:
        return


def test_an_indicator_with_all_its_facts():
    found = parse(
        {"type": "identity", "id": "identity--1", "name": "NCSC"},
        indicator(
            name="C2 of Emotet", description="x", created_by_ref="identity--1", created="2026-01-01T00:00:00Z",
            valid_from="2026-02-03T04:05:06.789Z", valid_until="2999-01-01T00:00:00Z", labels=["malicious-activity"],
            kill_chain_phases=[{"kill_chain_name": "mandiant", "phase_name": "command-and-control"}],
        ),
        {"type": "malware", "id": "malware--1", "name": "Emotet"},
        {
            "type": "relationship", "relationship_type": "indicates", "source_ref": "indicator--1",
            "target_ref": "malware--1",
        },
    )  # fmt: skip
    assert found == [
        Indicator(
            2, "a.example", kind="c2", family="Emotet", source="NCSC", listed="2026-02-03", note="C2 of Emotet",
            place="indicator--1",
        )
    ]  # fmt: skip


def test_every_comparison_is_taken_whatever_joins_them():
    pattern = (
        "[domain-name:value IN ('a.example', 'b.example') AND ipv4-addr:value = '203.0.113.4'] FOLLOWEDBY "
        "[ipv6-addr:value = '2001:db8::5' OR ipv4-addr:value ISSUBSET '198.51.100.0/24' OR url:value = 'http://c.example']"
    )
    assert taken(parse(indicator(pattern))) == [
        "a.example", "b.example", "203.0.113.4", "2001:db8::5", "198.51.100.0/24", "c.example",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "reason", "unsupported"),
    [
        (indicator(revoked=True), "revoked by who made it", True),
        (indicator(valid_until="2020-01-01T00:00:00.000Z"), "valid only until 2020-01-01", True),
        (indicator(valid_until="2020-01-01T00:00:00"), "valid only until 2020-01-01", True),
        (indicator(pattern_type="snort"), "a pattern of another language: snort", True),
        (indicator(labels=["benign"]), "benign, says who made it", True),
        (indicator("[file:name = 'x']"), f"file:name: {NO_NAME}", True),
        (
            indicator("[domain-name:value LIKE '%.example']"),
            "the comparison LIKE names nothing that could be listed",
            True,
        ),
        (
            indicator("[domain-name:value MATCHES '.*']"),
            "the comparison MATCHES names nothing that could be listed",
            True,
        ),
        (indicator("[domain-name:value != 'a.example']"), "the comparison != names nothing that could be listed", True),
        (indicator("[url:value = 'http://203.0.113.4/x']"), ON_AN_ADDRESS, False),
        (indicator("[ipv4-addr:value = '300.1.1.1']"), "no valid IP address", False),
        (indicator(None), "a pattern that compares nothing", False),
        (indicator("a.example"), "a pattern that compares nothing", False),
    ],
)
def test_what_is_not_taken_has_its_reason_and_place(one, reason, unsupported):
    (bad,) = parse(one)
    assert (bad.line, bad.reason, bad.unsupported, bad.place) == (1, reason, unsupported, "indicator--1")


def test_of_a_url_with_a_path_the_host_is_listed_and_the_url_is_its_note():
    (one,) = parse(indicator("[url:value = 'http://a.example/x']", name="Loader"))
    assert (one.name, one.reduced, one.note) == ("a.example", True, "Loader; host of the URL http://a.example/x")


@pytest.mark.parametrize("until", ["2999-01-01T00:00:00Z", "someday", 7, None])
def test_what_is_not_over_is_taken(until):
    assert taken(parse(indicator(valid_until=until))) == ["a.example"]


def test_of_several_versions_the_newest_counts():
    old, new = indicator(modified="2026-01-01"), indicator("[url:value = 'b.example']", modified="2026-02-01")
    for objects in ((old, new), (new, old)):
        found = parse(*objects)
        assert taken(found) == ["b.example"]
        assert [one.reason for one in found if isinstance(one, BadLine)] == ["a newer version of it is in the bundle"]
    assert taken(parse(indicator(), indicator("[url:value = 'b.example']", id=None))) == ["a.example", "b.example"]


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ({}, ""),
        ({"labels": ["malicious-activity"]}, ""),
        ({"labels": ["phishing", 5]}, "phishing"),
        ({"indicator_types": ["C2"]}, "c2"),
        ({"labels": ["command-and-control"]}, "c2"),
        ({"labels": "phishing"}, ""),
        ({"kill_chain_phases": [{"phase_name": "delivery"}]}, "delivery"),
        ({"kill_chain_phases": [{"phase_name": None}, 5]}, ""),
    ],
)
def test_kinds(others, kind):
    assert parse(indicator(**others))[0].kind == kind


def test_of_several_malwares_none_is_the_family():
    link = {"type": "relationship", "relationship_type": "indicates", "source_ref": "indicator--1"}
    malware = [{"type": "malware", "id": f"malware--{name}", "name": name} for name in ("A", "B")]
    links = [link | {"target_ref": one["id"]} for one in malware]
    assert parse(indicator(), *malware, links[0])[0].family == "A"
    assert parse(indicator(), *malware, *links)[0].family == ""
    assert parse(indicator(), *malware, links[0] | {"revoked": True})[0].family == ""


OBSERVED = [
    {"type": "domain-name", "id": "domain-name--1", "value": "seen.example"},
    {
        "type": "observed-data",
        "id": "observed-data--1",
        "objects": {"0": {"type": "ipv4-addr", "value": "203.0.113.9"}},
    },
    {"type": "url", "id": "url--1", "value": 5},
    {"type": "file", "id": "file--1", "name": "x"},
]


def test_what_was_only_observed_accuses_nobody():
    found = parse(*OBSERVED, indicator())
    assert taken(found) == ["a.example"]
    assert [(one.line, one.text, one.unsupported, one.place) for one in found[1:]] == [
        (1, "seen.example", True, "domain-name--1"),
        (2, "203.0.113.9", True, "observed-data--1"),
    ]


def test_where_nothing_else_is_there_it_is_taken_and_told():
    found = parse(*OBSERVED)
    assert taken(found) == ["seen.example", "203.0.113.9"]
    assert found[2] == Remark("the bundle has no indicator: its 2 observed names and addresses were taken instead")


def test_one_page_of_more_is_told():
    assert isinstance(parse(indicator(), more=True)[1], Remark)


def test_one_bad_object_costs_itself():
    found = parse(5, indicator(), "x", ["y"], {"type": ["indicator"]})
    assert [(type(one), one.line) for one in found] == [
        (BadLine, 1), (BadLine, 3), (BadLine, 4), (BadLine, 5), (Indicator, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"type":"bundle"}', b'{"objects":{}}', b'{"objects":[1,]}', b'{"objects":[' + b"[" * 100_000],
)
def test_what_is_no_bundle_is_unreadable(content):
    with pytest.raises(Unreadable, match="no STIX bundle"):
        list(stix.parse(io.BytesIO(content)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*stix._Object.__struct_fields__]) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(_JSON, st.sampled_from([*stix._Object.__struct_fields__]))
def test_any_json_gives_rows_or_unreadable(content, field):
    assert parse(indicator(**{field: content}), {"type": "relationship", field: content}, content) is not None
    assert parse({"type": "observed-data", "objects": content}, {"type": "identity", field: content}) is not None
    try:
        list(stix.parse(io.BytesIO(json.dumps(content).encode())))
    except Unreadable:
        return


def real(shared_data, name: str) -> list[Any]:
    with (shared_data / "stix" / f"{name}.json").open("rb") as file:
        return list(confined.items("stix", file))


# file, names, addresses, reasons of what was not taken
REAL = [
    ("oasis-indicator-for-malicious-url", 1, 0, {}),
    (
        "oasis-poisonivy", 24, 40,
        {f"file:name: {NO_NAME}": 2, "more than one word: no single name or address": 1},
    ),
    ("unit42-cybersquatting-new-TLDs", 39, 0, {}),
    ("unit42-bazarloader-network-recon", 3, 2, {f"file:hashes.'SHA-256': {NO_NAME}": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "names", "addresses", "reasons"), REAL)
def test_real_bundles(shared_data, name, names, addresses, reasons):
    found = real(shared_data, name)
    kinds = Counter(bool(one.name) for one in found if isinstance(one, Indicator))
    assert (kinds[True], kinds[False]) == (names, addresses)
    assert Counter(one.reason for one in found if isinstance(one, BadLine)) == reasons


def test_the_names_of_a_real_bundle(shared_data):
    found = real(shared_data, "unit42-bazarloader-network-recon")
    assert [(one.line, one.name or one.address, one.listed) for one in found if isinstance(one, Indicator)] == [
        (54, "gojihu.com", "2021-10-13"), (55, "pawevi.com", "2021-10-04"), (58, "104.248.166.170", "2021-10-13"),
        (59, "104.248.174.225", "2021-10-13"), (60, "yuxicu.com", "2021-10-13"),
    ]  # fmt: skip

"""MISP events: which attributes are taken, with which facts, and what is said of the others."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocklists.formats import confined, jsonfile, misp
from blocklists.indicator import BadLine, Indicator, Remark, Unreadable

UNMARKED = "not marked for detection (to_ids is false)"
ON_AN_ADDRESS = "URL with a path on an address, which many may share: a person must decide"


def parse(content: Any) -> list[Indicator | BadLine | Remark]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return list(misp.parse(io.BytesIO(data)))


def attribute(kind: str, value: object, **others: object) -> dict[str, object]:
    return {"type": kind, "value": value, "category": "Network activity", "to_ids": True} | others


def event(*attributes: object, **others: object) -> dict[str, object]:
    return {"Event": {"id": "7", "Attribute": list(attributes)} | others}


def test_an_event_with_all_its_facts():
    tags = [{"name": "tlp:white"}, {"name": 'misp-galaxy:malpedia="Cobalt Strike"'}]
    found = parse(
        event(
            attribute("domain", "Evil.example", comment="2nd  stage"),
            info="Chiến dịch", date="2026-03-12", Orgc={"name": "NCSC"}, Tag=tags,
        )
    )  # fmt: skip
    assert found == [
        Indicator(
            1, "evil.example", kind="c2", family="Cobalt Strike", source="NCSC", listed="2026-03-12",
            note="Chiến dịch: 2nd stage", place="event 7 attribute 1",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        ("domain", "a.example", [("a.example", 0)]),
        ("hostname", "a.b.example", [("a.b.example", 0)]),
        ("ip-dst", "203.0.113.4", [("203.0.113.4", 0)]),
        ("ip-src", "2001:db8::5", [("2001:db8::5", 0)]),
        ("ip-dst", "203.0.113.0/24", [("203.0.113.0/24", 0)]),
        ("domain|ip", "a.example|203.0.113.4", [("a.example", 0), ("203.0.113.4", 0)]),
        ("ip-dst|port", "203.0.113.4|443", [("203.0.113.4", 443)]),
        ("ip-src|port", "2001:db8::5|8080", [("2001:db8::5", 8080)]),
        ("hostname|port", "a.example|443", [("a.example", 0)]),
        ("url", "https://a.example/", [("a.example", 0)]),
        ("url", "hxxp://203.0.113.4:81", [("203.0.113.4", 81)]),
    ],
)
def test_types(kind, value, taken):
    found = parse(event(attribute(kind, value)))
    assert [(one.name or one.address, one.port) for one in found] == taken


@pytest.mark.parametrize(
    ("one", "reason", "unsupported"),
    [
        (attribute("domain", "a.example", to_ids=False), UNMARKED, True),
        (attribute("ip-dst", "203.0.113.4", to_ids="0"), UNMARKED, True),
        (attribute("domain", "a.example", deleted=True), "deleted by who sent it", True),
        (attribute("sha256", "ab"), "sha256: nothing that a question for a name could show", True),
        (attribute("", "ab"), "no type: nothing that a question for a name could show", True),
        (attribute("url", "http://203.0.113.4/x.php?a=1"), ON_AN_ADDRESS, False),
        (attribute("domain", "not a name"), "more than one word: no single name or address", False),
        (attribute("domain", ["a"]), "empty", False),
        (attribute("ip-dst", "300.1.1.1"), "no valid IP address", False),
        (attribute("ip-dst|port", "203.0.113.4|99999999999"), "not an address with a port", False),
    ],
)
def test_what_is_not_taken_has_its_reason_and_place(one, reason, unsupported):
    found = parse(event(attribute("domain", "good.example"), one))
    assert found[0].name == "good.example"
    assert [(bad.line, bad.reason, bad.unsupported, bad.place) for bad in found[1:]] == [
        (2, reason, unsupported, "event 7 attribute 2")
    ]


@pytest.mark.parametrize("value", ["a.example|", "a.example"])
def test_half_a_pair_is_taken_and_the_other_half_told(value):
    assert [type(one) for one in parse(event(attribute("domain|ip", value)))] == [Indicator, BadLine]


def test_attributes_of_objects_are_numbered_on():
    objects = [
        {"name": "domain-ip", "Attribute": [attribute("domain", "b.example"), attribute("ip-dst", "203.0.113.4")]}
    ]
    found = parse(event(attribute("domain", "a.example"), Object=objects))
    assert [(one.line, one.name or one.address, one.place) for one in found] == [
        (1, "a.example", "event 7 attribute 1"),
        (2, "b.example", "event 7 attribute 2"),
        (3, "203.0.113.4", "event 7 attribute 3"),
    ]


def test_wrappings():
    one, two = event(attribute("domain", "a.example")), event(attribute("domain", "b.example"), id="8")
    for whole in (
        {"response": [one, two]},
        [one, two],
        [one["Event"], two["Event"]],
        {"response": [one["Event"], two]},
    ):
        found = parse(whole)
        assert [(each.line, each.name, each.place) for each in found] == [
            (1, "a.example", "event 7 attribute 1"),
            (2, "b.example", "event 8 attribute 1"),
        ]
    (alone,) = parse({"response": {"Attribute": [attribute("domain", "a.example")]}})
    assert alone.place == "event 1 attribute 1"
    assert parse(b"\xef\xbb\xbf" + json.dumps(one).encode())[0].name == "a.example"


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ({}, "c2"),
        ({"category": "Payload delivery"}, "delivery"),
        ({"category": "External analysis"}, ""),
        ({"category": 5}, ""),
        ({"Tag": [{"name": 'rsit:fraud="phishing"'}]}, "phishing"),
        ({"Tag": [{"name": "kill-chain:Command and Control"}], "category": "Payload delivery"}, "c2"),
        ({"Tag": [{"name": 'misp-galaxy:mitre-attack-pattern="Phishing - T1566"'}]}, "c2"),
    ],
)
def test_kinds(others, kind):
    assert parse(event(attribute("domain", "a.example", **others)))[0].kind == kind


def test_families_are_told_only_where_there_is_one():
    galaxy = {"type": "mitre-malware", "GalaxyCluster": [{"value": "Emotet - S0367"}]}
    same = {"name": 'misp-galaxy:malpedia="emotet"'}
    other = {"name": 'misp-galaxy:tool="Mimikatz"'}
    actor = {"name": 'misp-galaxy:threat-actor="APT32"'}

    def family(tags: list, **others: object) -> str:
        return parse(event(attribute("domain", "a.example", **others), Tag=tags, Galaxy=[galaxy]))[0].family

    assert family([]) == "Emotet"
    assert family([same, actor]) == "emotet"
    assert family([other]) == ""
    assert family([other], Tag=[same]) == "emotet"


def test_an_event_without_any_mark_is_told():
    found = parse(event(attribute("domain", "a.example", to_ids=False), attribute("sha1", "x", to_ids=False)))
    assert [one.reason for one in found[:2]] == [UNMARKED, "sha1: nothing that a question for a name could show"]
    assert isinstance(found[2], Remark)
    assert found[2].text.startswith("none of the 1 names and addresses is marked for detection (to_ids)")


def test_one_bad_piece_costs_itself():
    content = json.dumps(event(attribute("domain", "a.example"), "x", 7, Object=[1, {"Attribute": 2}])).encode()
    found = parse(content)
    assert [(type(one), one.line, one.place) for one in found] == [
        (Indicator, 1, "event 7 attribute 1"),
        (BadLine, 2, "event 1 attribute 2"),
        (BadLine, 3, "event 1 attribute 3"),
        (BadLine, 4, "event 1 attribute 4"),
        (BadLine, 5, "event 1 attribute 5"),
    ]
    assert [type(one) for one in parse({"response": [{"Event": 5}, event(attribute("domain", "a.example"))]})] == [
        BadLine, Indicator,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"Event":',
        b"nonsense",
        b"5",
        b"[" * 1_000_000,
        b'{"a":' * 300_000,
        b'{"Event": {"Attribute": [1,]}}',
    ],
)
def test_what_is_no_json_of_misp_is_unreadable(content):
    with pytest.raises(Unreadable, match="no JSON of MISP"):
        parse(content)


def test_depth_and_size_end_only_their_reader(monkeypatch):
    with pytest.raises(Unreadable):
        list(confined.items("misp", io.BytesIO(b'{"Event":{"Attribute":[' + b"0," * 30_000_000 + b"0]}}")))
    monkeypatch.setattr(jsonfile, "MAX_FILE", 10)
    with pytest.raises(Unreadable, match="where 10 are the most"):
        parse(b" " * 11)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("a.example"),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["Event", "response", "Attribute", "Object", "type", "value", "to_ids", "Tag", "Galaxy"])
        | st.text(max_size=3),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_JSON)
def test_any_json_gives_rows_or_unreadable(content):
    for whole in (
        content,
        {"Event": content},
        {"Event": {"Attribute": [content]}},
        event({"type": "domain", "value": content}),
    ):
        try:
            found = parse(json.dumps(whole).encode())
        except Unreadable:
            continue
        assert all(isinstance(one, Indicator | BadLine | Remark) for one in found)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_give_rows_or_unreadable(noise, at):
    base = json.dumps(event(attribute("domain", "a.example"), attribute("ip-dst", "203.0.113.4"))).encode()
    for content in (noise, base[:at] + noise + base[at:], base[:at] + noise):
        try:
            found = parse(content)
        except Unreadable:
            continue
        assert all(isinstance(one, Indicator | BadLine | Remark) for one in found)


# file, attributes, names and addresses that are not marked, other types
REAL = [
    ("eset-oceanlotus-macOS", 9, 3),
    ("eset-oceanlotus-rtf_ocx_campaigns", 61, 22),
    ("eset-oceanlotus-wateringhole-2018", 75, 71),
    ("eset-oceanlotus", 111, 87),
]


@pytest.mark.parametrize(("name", "attributes", "unmarked"), REAL)
def test_real_events_have_no_mark_and_are_told(shared_data, name, attributes, unmarked):
    with (shared_data / "misp" / f"{name}.misp.event.json").open("rb") as file:
        found = list(confined.items("misp", file))
    assert all(isinstance(one, BadLine) and one.unsupported for one in found[:-1])
    assert len(found) - 1 == attributes
    assert sum(1 for one in found[:-1] if one.reason == UNMARKED) == unmarked
    assert isinstance(found[-1], Remark)


def test_a_real_event_as_if_it_were_marked(shared_data):
    text = (shared_data / "misp" / "eset-oceanlotus-wateringhole-2018.misp.event.json").read_text()
    found = parse(text.replace('"to_ids": false', '"to_ids": true').replace('"to_ids":false', '"to_ids":true').encode())
    taken = [one for one in found if isinstance(one, Indicator)]
    assert Counter(bool(one.name) for one in taken) == {True: 21 + 49 + 1, False: 49}
    assert [one.name for one in taken if one.reduced] == ["www.welivesecurity.com"]
    facts = {(one.kind, one.source, one.listed, one.family) for one in taken if not one.reduced}
    assert facts == {("c2", "ESET", "2018-11-19", "")}
    assert "OceanLotus - WateringHole - Framework B 2018: Compromised website" in {one.note for one in taken}
    assert Counter(one.reason for one in found if isinstance(one, BadLine)) == {
        "comment: nothing that a question for a name could show": 2,
        "sha1: nothing that a question for a name could show": 2,
    }

"""Segments and the manifest: what is written is found again, and what is damaged is refused before it is used."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import names
from contracts.policy import Manifest, ManifestEntry, PolicyFolder
from contracts.segment import (
    BadPolicy,
    Labels,
    Listed,
    Rule,
    Segment,
    file_digest,
    name_listed,
    stable_hash,
    write_segment,
)


def listed(text, subdomains=True, line=1, kind="c2", family="", letter="", source="", **rule):
    labels = Labels(kind, family, letter, source)
    return Listed(names.search_key(names.to_wire(text)), line, Rule(labels, **rule), True, subdomains)


def look_up(segment, name):
    """What the segment says about a wire name."""
    return segment.find(name, names.search_key(name))


def find(segment, text):
    """The listed name that covers `text`, None when there is none."""
    match = look_up(segment, names.to_wire(text))
    return match and names.to_text(match.indicator)


@pytest.fixture
def segment(tmp_path):
    path = tmp_path / "one.seg"
    write_segment(
        path,
        "letter-7",
        3,
        [
            listed("evil.example", line=2, family="emotet", letter="7/CV-Sở"),
            listed("deep.x.evil.example", line=3, kind="phishing"),
            listed("only.example", subdomains=False, line=4),
            listed("sub.only.example", subdomains=False, line=5),
            listed("vn", subdomains=False, line=6),
            listed("EVIL.example", line=99, family="second of equal names"),
        ],
    )
    return Segment(path)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("evil.example", "evil.example"),
        ("EVIL.Example", "evil.example"),
        ("a.b.evil.example", "evil.example"),
        ("x.evil.example", "evil.example"),
        ("deep.x.evil.example", "deep.x.evil.example"),  # the longest wins
        ("a.deep.x.evil.example", "deep.x.evil.example"),
        ("notevil.example", None),
        ("example", None),
        (".", None),
        ("only.example", "only.example"),
        ("a.only.example", None),
        ("sub.only.example", "sub.only.example"),
        ("a.sub.only.example", None),
        ("vn", "vn"),
        ("gov.vn", None),
    ],
)
def test_exact_names_subdomains_and_the_longest(segment, asked, found):
    assert find(segment, asked) == found


def test_an_exact_name_never_hides_a_parent_with_subdomains(tmp_path):
    write_segment(tmp_path / "s", "l", 1, [listed("evil.example"), listed("a.evil.example", subdomains=False)])
    assert find(Segment(tmp_path / "s"), "x.a.evil.example") == "evil.example"
    assert find(Segment(tmp_path / "s"), "a.evil.example") == "a.evil.example"


def test_a_match_says_where_it_comes_from(segment):
    match = look_up(segment, names.to_wire("x.evil.example"))
    assert match.subdomains
    assert (match.line, *match.labels) == (2, "c2", "emotet", "7/CV-Sở", "")
    assert match.hash32 == stable_hash(names.to_wire("evil.example"))
    assert (segment.list, segment.version, len(segment)) == ("letter-7", 3, 5)
    assert {names.to_text(name) for name in segment} == {
        "evil.example", "deep.x.evil.example", "only.example", "sub.only.example", "vn"
    }  # fmt: skip


def test_the_hash_is_the_same_for_ever():
    # Written down: a pool address means an indicator on every machine and in every old ledger.
    assert stable_hash(names.to_wire("evil.example")) == 1394930661


LABEL = st.sampled_from([b"\1a", b"\1b", b"\2ab", b"\3com", b"\2\0\xff", b"\1."])
NAME = st.lists(LABEL, min_size=1, max_size=5).map(lambda labels: b"".join(labels) + b"\0")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.dictionaries(NAME, st.booleans(), max_size=20), st.lists(NAME, min_size=1, max_size=20))
def test_find_is_what_the_slow_way_says(tmp_path, indicators, asked):
    path = tmp_path / "any.seg"
    path.unlink(missing_ok=True)
    labels = Labels("c2", "", "", "")
    write_segment(path, "l", 1, [name_listed(name, sub, 1, labels) for name, sub in indicators.items()])
    segment = Segment(path)
    assert set(segment) == set(indicators)
    for name in asked:
        covering = [one for one in names.parents(name) if one in indicators and (one == name or indicators[one])]
        match = look_up(segment, name)
        assert (match and match.indicator) == (covering[0] if covering else None)


def test_an_empty_list_is_a_segment(tmp_path):
    write_segment(tmp_path / "s", "l", 1, [])
    assert find(Segment(tmp_path / "s"), "a.example") is None
    assert list(Segment(tmp_path / "s")) == []


def test_equal_input_gives_equal_files(tmp_path):
    first = write_segment(tmp_path / "a", "l", 1, [listed(f"n{at}.example", line=at) for at in range(500)])
    again = write_segment(tmp_path / "b", "l", 1, [listed(f"n{at}.example", line=at) for at in range(500)])
    assert first == again == file_digest(tmp_path / "b")


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "big.seg"
    digest = write_segment(path, "l", 1, [listed(f"n{at}.example", line=at) for at in range(300)])
    return path, digest


@pytest.mark.parametrize("keep", [0, 1, 31, 32, 100, 1000, -1, -33])
def test_a_truncated_segment_is_refused(written, keep):
    path, digest = written
    with path.open("r+b") as file:
        file.truncate(keep if keep >= 0 else path.stat().st_size + keep)
    with pytest.raises(BadPolicy, match=r"big\.seg"):
        Segment(path)
    with pytest.raises(BadPolicy, match="does not match"):
        Segment(path, digest)


@pytest.mark.parametrize("at", [0, 40, 600, -40, -20, -1])
def test_one_changed_octet_is_refused_by_digest(written, at):
    path, digest = written
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0x10
    path.write_bytes(raw)
    with pytest.raises(BadPolicy, match="content does not match the manifest's digest"):
        Segment(path, digest)


def test_bytes_behind_the_footer_are_refused(written):
    path, _ = written
    with path.open("ab") as file:
        file.write(b"\0" * 8)
    with pytest.raises(BadPolicy, match="no segment, or of another format"):
        Segment(path)


def entry(list_name, digest="00", version=1, segment="x.seg"):
    return ManifestEntry(list_name, version, "enforce", "", segment, digest, 1, 0)


def test_publish_is_read_back_and_replaces(tmp_path):
    folder = PolicyFolder(tmp_path / "policy")
    assert folder.read() is None
    for serial in (1, 2):
        manifest = Manifest(serial, 1_790_000_000.5, (entry("b"), entry("a")))
        folder.publish(manifest)
        assert folder.read() == manifest  # entries in the order given
    assert sorted(os.listdir(folder.folder)) == ["policy.json", "segments"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"serial": 1}', '{"serial": 1, "made": 0, "entries": [], "format": 1}',
             '{"serial": 1, "made": 0, "entries": [], "extra": 1}'],
)  # fmt: skip
def test_a_manifest_that_cannot_be_understood(tmp_path, text):
    folder = PolicyFolder(tmp_path)
    folder.manifest.write_text(text)
    with pytest.raises(BadPolicy, match=r"policy\.json"):
        folder.read()


def test_open_checks_and_reuses(tmp_path):
    folder = PolicyFolder(tmp_path)
    folder.segments.mkdir()
    digests = [
        write_segment(folder.segments / f"{name}.seg", name, 1, [listed(f"{name}.example")]) for name in ("a", "b")
    ]
    named = list(zip("ab", digests, strict=True))
    manifest = Manifest(1, 0.0, tuple(entry(name, digest, 1, f"{name}.seg") for name, digest in named))
    opened = folder.open(manifest)
    assert all(find(opened[digest], f"{name}.example") for name, digest in named)
    (folder.segments / "a.seg").unlink()
    assert folder.open(manifest, opened)[digests[0]] is opened[digests[0]]  # taken over, not read again
    with pytest.raises(OSError, match="No such file"):
        folder.open(manifest)


def test_open_refuses_a_segment_of_another_list(tmp_path):
    folder = PolicyFolder(tmp_path)
    folder.segments.mkdir()
    digest = write_segment(folder.segments / "a.seg", "a", 2, [])
    with pytest.raises(BadPolicy, match="holds a version 2"):
        folder.open(Manifest(1, 0.0, (entry("a", digest, 1, "a.seg"),)))


def test_a_manifest_cannot_name_files_outside_its_folder(tmp_path):
    folder = PolicyFolder(tmp_path / "policy")
    folder.segments.mkdir(parents=True)
    digest = write_segment(tmp_path / "outside.seg", "a", 1, [])
    with pytest.raises(OSError, match="No such file"):
        folder.open(Manifest(1, 0.0, (entry("a", digest, 1, "../../outside.seg"),)))


def test_a_mapped_segment_outlives_its_file(written):
    path, _ = written
    segment = Segment(path)
    path.unlink()
    assert find(segment, "n7.example") == "n7.example"


def test_a_reader_never_sees_half_a_manifest(tmp_path):
    """Another process publishes as fast as it can: every read here is whole."""
    folder = PolicyFolder(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom contracts.policy import *\n"
        "folder = PolicyFolder(Path(sys.argv[1]))\n"
        "many = tuple(ManifestEntry(f'l{at}', 1, 'enforce', '', 's', '0' * 64, 1, 0) for at in range(50))\n"
        "for serial in range(1, 60): folder.publish(Manifest(serial, 0.0, many[: 1 + serial % 50]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path]) as writer:
        last, reads = 0, 0
        while writer.poll() is None or last < 59:
            manifest = folder.read()
            reads += 1
            if manifest is not None:
                assert manifest.serial >= last
                assert len(manifest.entries) == 1 + manifest.serial % 50
                last = manifest.serial
            assert writer.poll() in {None, 0}
    assert reads > 59


def test_the_manifest_is_readable_by_people(tmp_path):
    folder = PolicyFolder(tmp_path)
    folder.publish(Manifest(7, 0.0, (entry("letter-7"),)))
    assert '\n "serial": 7' in folder.manifest.read_text()
    assert msgspec.json.decode(folder.manifest.read_bytes())["entries"][0]["list"] == "letter-7"

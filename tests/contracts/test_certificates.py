"""Files of certificates as people make them: whole, empty, cut off, damaged."""

from __future__ import annotations

import pytest
from OpenSSL import crypto

from contracts import certificates
from tests.resolver.upstream.servers import Authority

DAMAGED = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The text of one certificate."""
    return Authority("one of ours").write(tmp_path_factory.mktemp("ca") / "ca.pem").read_text()


def test_every_certificate_is_read_and_what_stands_between_them_is_not(tmp_path, good):
    file = tmp_path / "ca.pem"
    file.write_text(f"# ours\n{good}\nanother:\n{good}")
    assert [one.to_cryptography().subject.rfc4514_string() for one in certificates.read(file)] == ["CN=one of ours"] * 2


def bad_files(good):
    """What is wrong: (the file's text, what is said)."""
    lines = good.splitlines(keepends=True)
    return {
        "empty": ("", "no certificate in it"),
        "another thing": (good.replace("CERTIFICATE", "PRIVATE KEY"), "no certificate in it"),
        "no base64": (good + DAMAGED.format("####"), rf"in line {len(lines) + 1} is damaged \(bad base64 decode\)"),
        "no certificate": (DAMAGED.format("bm9uZQ=="), r"in line 1 is damaged \(too long"),
        "nothing inside": (DAMAGED.format(""), "in line 1 is damaged"),
        "a line is missing": ("".join([good, *lines[:2], *lines[3:]]), f"in line {len(lines) + 1} is damaged"),
        "copied in part": (good + "".join(lines[:4]), rf"in line {len(lines) + 1} is damaged \(it has no end\)"),
        "the end of one is missing": ("".join(lines[:4]) + good, "in line 1 is damaged"),
    }


@pytest.mark.parametrize("case", bad_files(""))
def test_a_file_that_cannot_be_used_is_refused_with_its_place(tmp_path, good, case):
    text, said = bad_files(good)[case]
    file = tmp_path / "ca.pem"
    file.write_text(text)
    with pytest.raises(OSError, match=rf"ca\.pem: .*{said}"):
        certificates.read(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        certificates.read(tmp_path / "ca.pem")


def test_reasons_are_one_line_whoever_gives_them():
    assert certificates.reason(crypto.Error([("a", "b", "first"), ("a", "b", "second")])) == "first, second"
    assert certificates.reason(crypto.Error([])) == "Error"
    assert certificates.reason(ValueError()) == "ValueError"
    assert certificates.reason(ValueError("no such name")) == "no such name"

"""`sinkhole check-config`: fine files, wrong files, files that are fine but not on this machine."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_main import run
from tests.conftest import REPO
from tests.resolver.upstream.servers import Authority

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def test_a_fine_file_is_explained(settings_file):
    ran = run("check-config", settings_file)
    assert ran.exit_code == 0
    assert f"{settings_file}: fine" in ran.stdout
    for said in ("127.0.0.1:1153 with 2 worker(s)", "127.0.0.1:1154", "65 536 addresses", "1: so-mau", "lists"):
        assert said in ran.stdout


def test_the_shipped_file_is_fine():
    ran = run("--config", REPO / "config.yaml", "check-config", "--json")
    told = json.loads(ran.stdout)
    # A machine without any resolver has no upstream for `system`: that is the one thing that may be wrong with it.
    assert [problem for problem in told["problems"] if "`system` finds no resolver" not in problem] == []
    assert told["meaning"]["lists"] == ["sample"]


def test_every_error_at_once_with_its_place(settings_file):
    settings_file.write_text("dns:\n  listen: []\n  workers: two\n  colour: red\nadmin:\n  listen: here\n")
    ran = run("check-config", settings_file)
    assert ran.exit_code == 2
    assert ran.stdout == ""
    places = [line.split(": ")[1:3] for line in ran.stderr.splitlines()]
    assert places == [
        ["line 1", "sinkhole"],
        ["line 2", "dns.listen"],
        ["line 3", "dns.workers"],
        ["line 4", "dns.colour"],
        ["line 6", "admin.listen"],
    ]


def test_a_list_file_that_is_not_there_is_a_problem(settings_file):
    text = settings_file.read_text()
    settings_file.write_text(text + "lists:\n  - name: letter-7\n    path: letters/7.csv\n")
    ran = run("check-config", settings_file, "--json")
    assert ran.exit_code == 2
    (problem,) = json.loads(ran.stdout)["problems"]
    line = text.count("\n") + 3
    assert problem == f"{settings_file}: line {line}: lists[0].path: no such file, saw 'letters/7.csv'"
    (settings_file.parent / "letters").mkdir()
    (settings_file.parent / "letters" / "7.csv").write_text("domain\nevil.example\n")
    assert run("check-config", settings_file).exit_code == 0


def test_system_without_any_other_resolver_is_a_problem(settings_file, monkeypatch):
    monkeypatch.setattr("admin.cli.check_config.system_upstreams", lambda _listen: [])
    settings_file.write_text(settings_file.read_text().replace('"127.0.0.1:1154"', "system"))
    ran = run("check-config", settings_file)
    assert ran.exit_code == 2
    assert "line 5: dns.upstreams.servers: `system` finds no resolver" in ran.stderr


def trusting(settings_file, text):
    """The settings with a CA file that holds `text`; the number of their line that names it."""
    settings_file.with_name("ca.pem").write_text(text)
    lines = settings_file.read_text().splitlines()
    number = next(index for index, line in enumerate(lines) if "upstreams:" in line)
    lines.insert(number + 1, "    tls_ca_file: ca.pem")
    settings_file.write_text("\n".join(lines) + "\n")
    return number + 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no certificate in PEM form, saw 'ca.pem'"),
        (f"{BEGIN}\nbm9uZQ==\n{END}\n", "ca.pem: the certificate in line 1 is damaged (too long"),
        (f"\n{BEGIN}\nMIIB", "ca.pem: the certificate in line 2 is damaged (it has no end)"),
    ],
    ids=["empty", "damaged", "copied in part"],
)
def test_a_ca_file_that_cannot_be_used_is_a_problem(settings_file, text, said):
    line = trusting(settings_file, text)
    ran = run("check-config", settings_file)
    assert ran.exit_code == 2
    (problem,) = ran.stderr.splitlines()
    assert problem.startswith(f"{settings_file}: line {line}: dns.upstreams.tls_ca_file: ")
    assert said in problem


def test_a_ca_file_that_can_be_used_is_fine(settings_file):
    authority = Authority()
    trusting(settings_file, authority.write(settings_file.with_name("made.pem")).read_text())
    assert run("check-config", settings_file).exit_code == 0


def test_lists_that_are_fetched_are_shown_without_secrets(settings_file):
    text = settings_file.read_text()
    feeds = "feeds: {proxy: 'http://lan:p4ss@10.1.1.1:3128'}\nlists:\n"
    feeds += "  - {name: one, url: 'https://lan:p4ss@lists.example/t0ken/one.txt?key=s3cret'}\n"
    settings_file.write_text(f"{text}{feeds}  - {{name: two, url: 'http://lists.example/two.txt'}}\n")
    ran = run("check-config", settings_file)
    assert ran.exit_code == 0
    for said in (
        "2: one (https://lists.example/…/one.txt), two (http://lists.example/two.txt), through the proxy",
        "note: list two is fetched by http: anybody on the way can change what it lists",
    ):
        assert said in ran.stdout
    everything = ran.stdout + run("check-config", settings_file, "--json").stdout
    assert not any(secret in everything for secret in ("p4ss", "t0ken", "s3cret"))


def test_certificates_for_feeds_that_are_damaged(settings_file):
    (settings_file.parent / "ca.pem").write_text(f"{BEGIN}\nAAAA\n{END}\n")
    settings_file.write_text(settings_file.read_text() + "feeds:\n  ca_file: ca.pem\n")
    ran = run("check-config", settings_file)
    assert ran.exit_code == 2
    assert "feeds.ca_file: " in ran.stderr
    assert "the certificate in line 1 is damaged" in ran.stderr

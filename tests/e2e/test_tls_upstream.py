"""The service before a DNS-over-TLS server that is not ours: Unbound, with a certificate made for the occasion.

What a worker does with connections and certificates is tested beside resolver.upstream.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization

from bench.ports import free_port
from tests.conftest import skip_or_fail
from tests.e2e.service import Service, wait_for
from tests.resolver.upstream.servers import Authority

pytestmark = [pytest.mark.e2e, pytest.mark.peer]
NAME, ANOTHER = "dns.example.vn", "dns.other.example.vn"
CONFIG = """\
server:
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  interface: 127.0.0.1@{port}
  interface: 127.0.0.1@{tls}
  tls-port: {tls}
  tls-service-key: "{folder}/key.pem"
  tls-service-pem: "{folder}/cert.pem"
  access-control: 127.0.0.0/8 allow
  local-zone: secret.example. static
  local-data: "www.secret.example. 300 IN A 192.0.2.1"
  local-data: 'long.secret.example. 300 IN TXT {text}'
remote-control:
  control-enable: no
"""


class Upstream(NamedTuple):
    """Where Unbound listens, by UDP and by TLS, and the file of its CA."""

    port: int
    tls: int
    ca_file: Path


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """Unbound."""
    program = shutil.which("unbound", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        skip_or_fail("unbound is not installed")
    folder: Path = tmp_path_factory.mktemp("unbound")
    authority, port, tls = Authority(), free_port(), free_port()
    serving = authority.serving(NAME)
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(serving.certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        serving.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    text = " ".join(f'"{"x" * 250}"' for _ in range(8))
    (folder / "unbound.conf").write_text(CONFIG.format(folder=folder, port=port, tls=tls, text=text))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-d", "-c", folder / "unbound.conf"], stderr=log)
    try:
        wait_for(lambda: listens(port) and listens(tls), "unbound listens")
        yield Upstream(port, tls, authority.write(folder / "ca.pem"))
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int) -> bool:
    """Whether a connection can be made."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def serving(folder: Path, upstream: Upstream, *servers: str, damaged: bool = False) -> Iterator[Service]:
    """The service with these upstreams; `damaged`: after the settings were checked, the certificates are."""
    service = Service(folder, 1)
    shutil.copy(upstream.ca_file, folder / "ca.pem")
    named = ", ".join(f'"{server}"' for server in servers)
    text = service.config.read_text(encoding="utf-8")
    given = 'servers: ["127.0.0.1:1"]'
    assert given in text
    service.config.write_text(text.replace(given, f"servers: [{named}]\n    tls_ca_file: ca.pem"), encoding="utf-8")
    assert "fine" in service.cli("check-config").stdout
    if damaged:
        (folder / "ca.pem").write_text((folder / "ca.pem").read_text().replace("\nM", "\n#", 1))
        assert "line 1 is damaged" in service.cli("check-config", check=False).stderr
    try:
        yield service.start()
    finally:
        code = service.stop()
    assert code == 0, service.tail()
    assert "Traceback" not in service.tail()


def asked(dig: str, service: Service, *words: str) -> str:
    """What dig shows, SERVFAIL included."""
    return subprocess.run(
        [dig, "@127.0.0.1", "-p", str(service.port), "-b", "127.10.0.5", "+timeout=5", "+tries=1", *words],
        capture_output=True, text=True, timeout=20, check=True,
    ).stdout  # fmt: skip


def test_questions_are_answered_over_tls(tmp_path: Path, upstream: Upstream, dig: str):
    server = f"tls://127.0.0.1:{upstream.tls}#{NAME}"
    with serving(tmp_path, upstream, server) as service:
        for way in ("+notcp", "+tcp"):
            assert asked(dig, service, way, "+short", "www.secret.example").split() == ["192.0.2.1"]
            assert "status: NXDOMAIN" in asked(dig, service, way, "none.secret.example")
            long = asked(dig, service, way, "+short", "long.secret.example", "TXT")  # by UDP dig comes back by TCP
            assert long.count("x" * 250) == 8
            assert asked(dig, service, way, "+short", "evil-sample.example").startswith("127.53.")
        told = service.json("status")
        for name in ("resolver@0", "resolver@1"):
            (about,) = told["processes"][name]["upstreams"]
            assert (about["address"], about["transport"], about["up"]) == (server, "tls", True)
            assert about["problem"] == ""


def test_a_server_with_another_name_gets_no_question_and_status_says_why(tmp_path: Path, upstream: Upstream, dig: str):
    server = f"tls://127.0.0.1:{upstream.tls}#{ANOTHER}"
    with serving(tmp_path, upstream, server) as service:

        def told() -> subprocess.CompletedProcess[str] | None:
            for number in range(4):
                for way in ("+notcp", "+tcp"):
                    said = asked(dig, service, way, f"x{number}.secret.example")
                    assert "status: SERVFAIL" in said
                    assert "EDE: 22 (" in said or "EDE: 13 (" in said, said  # no server; the failure is remembered
            status = service.cli("status", check=False)
            down = [f"problem: {one}: no upstream answers (all names)" in status.stdout for one in workers]
            return status if all(down) else None

        workers = ("resolver@0", "resolver@1")  # each finds out by questions of its own
        status = wait_for(told, "the upstream is down for both")
        assert status.returncode == 1
        why = f": its certificate is not for {ANOTHER} but for {NAME}"
        (note,) = notes(status.stdout)  # once, not for each worker
        assert note.startswith(f"note: upstream {server} (all names) is down for ")
        assert note.endswith(why)
        assert f"upstream {server} cannot be reached{why}" in service.tail(), "the log says so, too"
        assert asked(dig, service, "+short", "evil-sample.example").startswith("127.53."), "lists need no upstream"


def test_the_next_server_answers_behind_one_with_another_name(tmp_path: Path, upstream: Upstream, dig: str):
    bad = f"tls://127.0.0.1:{upstream.tls}#{ANOTHER}"
    with serving(tmp_path, upstream, bad, f"tls://127.0.0.1:{upstream.tls}#{NAME}") as service:
        answers_all(service, dig, bad, f": its certificate is not for {ANOTHER} but for {NAME}")


def test_the_next_server_answers_where_the_certificates_were_damaged(tmp_path: Path, upstream: Upstream, dig: str):
    bad = f"tls://127.0.0.1:{upstream.tls}#{NAME}"
    with serving(tmp_path, upstream, bad, f"127.0.0.1:{upstream.port}", damaged=True) as service:
        answers_all(service, dig, bad, f": {tmp_path}/ca.pem: the certificate in line 1 is damaged")


def notes(said: str) -> list[str]:
    """What `sinkhole status` has noted."""
    return [line for line in said.splitlines() if line.startswith("note: ")]


def answers_all(service: Service, dig: str, bad: str, why: str) -> None:
    """No question fails; status is content, and tells what is wrong with the first server."""

    def told() -> str:
        for number in range(4):
            for way in ("+notcp", "+tcp"):
                assert "status: NXDOMAIN" in asked(dig, service, way, f"x{number}.secret.example")
                assert asked(dig, service, way, "+short", "www.secret.example").split() == ["192.0.2.1"]
        said = service.cli("status").stdout
        return said if why in said else ""

    said = wait_for(told, "status says why")
    (note,) = notes(said)  # once, not for each worker
    assert note.startswith(f"note: upstream {bad} (all names) is ")
    assert said.endswith("no problems; see the notes above\n")

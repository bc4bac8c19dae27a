"""A second opinion: Unbound as the upstream by UDP, TCP and TLS, with connections reused.

Skipped where Unbound is not installed.
"""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from bench.ports import free_port
from tests.conftest import skip_or_fail
from tests.resolver.upstream.servers import Authority
from tests.waiting import until

pytestmark = pytest.mark.peer
NAME = "dns.example.vn"
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
  local-zone: example. redirect
  local-data: "example. 300 IN A 192.0.2.1"
  local-data: 'example. 300 IN TXT {text}'
remote-control:
  control-enable: no
"""


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def unbound(tmp_path_factory):
    """(port, port of TLS, file of the CA)"""
    program = shutil.which("unbound", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        skip_or_fail("unbound is not installed")
    folder = tmp_path_factory.mktemp("unbound")
    authority = Authority()
    serving = authority.serving(NAME)
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(serving.certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        serving.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    port, tls = free_port(), free_port()
    text = " ".join(f'"{"x" * 250}"' for _ in range(8))
    (folder / "unbound.conf").write_text(CONFIG.format(folder=folder, port=port, tls=tls, text=text))
    process = subprocess.Popen([program, "-d", "-c", folder / "unbound.conf"], stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port) and answers(tls), "unbound listens")
        yield port, tls, authority.write(folder / "ca.pem")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_unbound_answers(unbound, asking, reactor, spin, transport):
    port, tls, ca_file = unbound
    address = {"udp": f"127.0.0.1:{port}", "tcp": f"tcp://127.0.0.1:{port}", "tls": f"tls://127.0.0.1:{tls}#{NAME}"}
    pool = asking(address[transport], loop=reactor, ca_file=ca_file, attempts=1)
    for number in range(100):
        assert pool.ask(f"x{number}.example")
    pool.pool.flush()
    spin(lambda: len(pool.delivered) == 100, "answers")
    assert pool.addresses() == [b"\xc0\0\2\1"] * 100
    (status,) = pool.pool.status()
    assert (status["failures"], status["problem"], status["mixed_case"]) == (0, "", transport == "udp")
    assert pool.counters.upstream_queries == 100  # unbound keeps the case: nothing is asked twice
    assert pool.counters.upstream_mismatches == 0


def test_what_is_too_long_comes_by_tcp(unbound, asking, reactor, spin):
    pool = asking(f"127.0.0.1:{unbound[0]}", loop=reactor, attempts=1)
    for number in range(5):
        assert pool.ask(f"x{number}.example", kind=16)
    pool.pool.flush()
    spin(lambda: len(pool.delivered) == 5, "answers")
    assert [answer.records.answers for _key, answer, _waiters in pool.delivered] == [1] * 5
    assert pool.counters.upstream_tcp == 5

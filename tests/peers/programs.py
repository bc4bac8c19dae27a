"""Other people's DNS servers as processes of a test: one configuration each, on loopback, ended by pid.

What they are asked is the tests' business.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from bench.ports import free_port
from tests.conftest import skip_or_fail
from tests.e2e.service import wait_for

HOST = "127.0.0.1"
STOP_SECONDS = 20.0


def program(name: str, package: str) -> str:
    """Path of a program, where a user's or root's programs lie."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        skip_or_fail(f"{name} is not installed (Debian package {package})")
    return str(found)


def ask(port: int, name: str, kind: str = "A", *, host: str = HOST, do: bool = False, cd: bool = False,
        tcp: bool = False, seconds: float = 5.0) -> dns.message.Message:  # fmt: skip
    """One question by dnspython, truncated answers asked again by TCP."""
    query = dns.message.make_query(name, kind, use_edns=0, payload=1232, want_dnssec=do)
    query.flags |= (0x10 if cd else 0) | 0x20
    if tcp:
        return dns.query.tcp(query, host, timeout=seconds, port=port)
    return dns.query.udp_with_fallback(query, host, timeout=seconds, port=port)[0]


def values(answer: dns.message.Message, kind: str = "A") -> list[str]:
    """The data of the answer's records of one type, sorted."""
    wanted = dns.rdatatype.from_text(kind)
    return sorted(item.to_text() for rrset in answer.answer for item in rrset if rrset.rdtype == wanted)


class Peer:
    """One server process on a port of its own, ready when made."""

    def __init__(self, name: str, command: list[str], folder: Path, port: int, ready: Callable[[], object]) -> None:
        self.name = name
        self.port = port
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=folder
            )
        try:
            wait_for(lambda: self._alive() and _quietly(ready), f"{name} answers", 30.0)
        except BaseException as error:
            self.end()
            raise AssertionError(f"{name}: {error}\n{self.tail()}") from error

    def _alive(self) -> bool:
        assert self.process.poll() is None, f"{self.name} ended:\n{self.tail()}"
        return True

    def tail(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3000:]

    def ask(self, name: str, kind: str = "A", **how: bool) -> dns.message.Message:
        """One question to it."""
        return ask(self.port, name, kind, **how)

    def end(self) -> None:
        """Terminate, then kill, then wait."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _quietly(ready: Callable[[], object]) -> bool:
    try:
        return bool(ready())
    except (dns.exception.DNSException, OSError):
        return False


def nsd(folder: Path, zones: dict[str, Path]) -> Peer:
    """NSD with these zones."""
    port = free_port()
    stanzas = "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n' for zone, path in zones.items())
    config = folder / "nsd.conf"
    config.write_text(f"""server:
  server-count: 1
  minimal-responses: no
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  ip-address: {HOST}@{port}
  zonesdir: "{folder}"
  username: ""
  chroot: ""
  pidfile: "{folder}/nsd.pid"
  zonelistfile: "{folder}/nsd.zones"
  xfrdfile: "{folder}/nsd.transfers"
  xfrdir: "{folder}"
remote-control:
  control-enable: no
{stanzas}""")
    first = next(iter(zones))
    return Peer("nsd", [program("nsd", "nsd"), "-d", "-c", str(config)], folder, port,
                lambda: ask(port, first, "SOA", seconds=0.5).answer)  # fmt: skip


def unbound(folder: Path, upstream: int, *, name: str = "unbound", server: str = "", validating: bool = False) -> Peer:
    """Unbound that forwards everything to `upstream`; `server` adds lines to its server clause."""
    port = free_port()
    config = folder / f"{name}.conf"
    config.write_text(f"""server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  interface: {HOST}
  port: {port}
  num-threads: 1
  do-daemonize: no
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "{"validator " if validating else ""}iterator"
  trust-anchor-signaling: no
  root-key-sentinel: no
{server}
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {HOST}@{upstream}
""")
    command = [program("unbound", "unbound"), "-d", "-c", str(config)]
    return Peer(name, command, folder, port, lambda: ask(port, "localhost", seconds=0.5))


def bind(folder: Path, upstream: int, *, name: str = "bind", source: str = HOST, options: str = "dnssec-validation no;",
         clauses: str = "") -> Peer:  # fmt: skip
    """BIND that forwards everything to `upstream`."""
    port = free_port()
    home = folder / name
    home.mkdir()
    config = home / "named.conf"
    config.write_text(f"""options {{
  directory "{home}";
  listen-on port {port} {{ {HOST}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  recursion yes;
  allow-query {{ 127.0.0.0/8; }};
  forward only;
  forwarders {{ {HOST} port {upstream}; }};
  query-source address {source};
  {options}
}};
controls {{ }};
{clauses}
""")
    command = [program("named", "bind9"), "-g", "-n", "1", "-c", str(config)]
    return Peer(name, command, folder, port, lambda: ask(port, "localhost", seconds=0.5))


def dnsmasq(folder: Path, upstream: int, *, source: str, more: Iterable[str] = ()) -> Peer:
    """dnsmasq that forwards everything to `upstream`."""
    port = free_port()
    command = [program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", f"--port={port}",
               f"--listen-address={HOST}", "--bind-interfaces", "--no-resolv", "--no-hosts", "--user=root",
               "--pid-file=", "--log-facility=-", f"--server={HOST}#{upstream}@{source}", *more]  # fmt: skip
    return Peer("dnsmasq", command, folder, port, lambda: ask(port, "ready.invalid", seconds=0.5))


def dnsdist(folder: Path, upstream: int, *, source: str, server: str = "useProxyProtocol = true") -> Peer:
    """dnsdist that hands everything to `upstream`; `server` is more of its server's table."""
    port = free_port()
    config = folder / "dnsdist.conf"
    config.write_text(f"""setLocal("{HOST}:{port}")
setACL("127.0.0.0/8")
setSecurityPollSuffix("")
newServer({{address = "{HOST}:{upstream}", source = "{source}", checkName = "h1.good.example.", {server}}})
""")
    command = [program("dnsdist", "dnsdist"), "--supervised", "--disable-syslog", "-C", str(config)]
    return Peer("dnsdist", command, folder, port, lambda: ask(port, "h1.good.example", seconds=0.5).answer)


def pdns(folder: Path, upstream: int, *, source: str) -> Peer:
    """PowerDNS Recursor that forwards everything to `upstream`."""
    port = free_port()
    home = folder / "pdns"
    home.mkdir()
    command = [program("pdns_recursor", "pdns-recursor"), f"--config-dir={home}", f"--socket-dir={home}", "--daemon=no",
               "--write-pid=no", f"--local-address={HOST}:{port}", "--allow-from=127.0.0.0/8", "--threads=1",
               f"--forward-zones-recurse=.={HOST}:{upstream}", "--dont-query=", f"--query-local-address={source}",
               "--dnssec=process-no-validate", "--disable-syslog=yes", "--quiet=yes", "--hint-file=no",
               "--security-poll-suffix=",
               "--setuid=", "--setgid="]  # fmt: skip
    return Peer("pdns", command, folder, port, lambda: ask(port, "localhost", seconds=0.5))

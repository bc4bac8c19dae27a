"""Run in a network of its own: what our reader makes of the MAC that dnsmasq (its path is given) adds in each form.

Exit code 77: such a network cannot be made here.
"""

from __future__ import annotations

import socket
import subprocess
import sys

import dns.message

from resolver.wire.claims import mac_of

SETUP = """\
set -e
ip link set lo up
ip link add here type veth peer name there
ip addr add 10.9.0.1/24 dev here
ip addr add 10.9.0.5/32 dev lo
ip link set here up
ip link set there up
ip neigh add 10.9.0.5 lladdr 00:11:22:aa:bb:cc dev here nud permanent
"""


def main() -> None:
    made = subprocess.run(["sh", "-c", SETUP], capture_output=True, text=True, check=False)
    if made.returncode:
        print(made.stderr, file=sys.stderr)
        sys.exit(77)
    for number, form in enumerate(("--add-mac", "--add-mac=text", "--add-mac=base64")):
        print(mac_of(asked(form, 5300 + number)).hex())


def asked(form: str, port: int) -> dict[int, bytes | None]:
    """The options that the upstream gets when 10.9.0.5 asks."""
    command = [sys.argv[1], "--keep-in-foreground", "--conf-file=/dev/null", f"--port={port + 100}", "--no-resolv",
               "--no-hosts", "--user=root", "--pid-file=", f"--server=127.0.0.1#{port}", "--listen-address=10.9.0.1",
               "--bind-interfaces", form]  # fmt: skip
    with socket.socket(type=socket.SOCK_DGRAM) as upstream, socket.socket(type=socket.SOCK_DGRAM) as client:
        upstream.bind(("127.0.0.1", port))
        upstream.settimeout(0.5)
        client.bind(("10.9.0.5", 0))
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            for _try in range(20):
                client.sendto(
                    dns.message.make_query("mac.example", "A", use_edns=0).to_wire(), ("10.9.0.1", port + 100)
                )
                try:
                    wire = upstream.recv(4096)
                except TimeoutError:
                    continue
                return {int(one.otype): one.to_wire() for one in dns.message.from_wire(wire).options}
        finally:
            server.terminate()
            server.wait()
    return {}


if __name__ == "__main__":
    main()

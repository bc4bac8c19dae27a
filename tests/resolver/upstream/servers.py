"""Upstreams of the tests' own on loopback: datagrams, TCP, TLS with a CA made for the occasion; and who asks them.

No tests here.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int16StringReceiver
from zope.interface import implementer

from bench.ports import free_port
from contracts import names
from contracts.networks import UpstreamAddress
from contracts.settings import Upstreams
from resolver.counters import Counters
from resolver.upstream.pool import Pool
from tests.resolver.loop import Loop
from tests.resolver.making import answer_to, settings


class Upstream:
    """A UDP upstream on loopback that the test answers for."""

    def __init__(self, host="127.0.0.1", port=0):
        self.link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.port = port or free_port(host)
        self.link.bind((host, self.port))
        self.link.settimeout(5)
        self.endpoint = UpstreamAddress(f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}")

    def take(self):
        """(question, where it came from)"""
        packet, client = self.link.recvfrom(4096)
        return packet, client

    def asked_nothing(self):
        self.link.setblocking(False)
        try:
            self.link.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.link.settimeout(5)
        return False

    def answer(self, *records, **how):
        """Take a question and answer it."""
        packet, client = self.take()
        self.link.sendto(answer_to(packet, *records, **how).to_wire(), client)
        return client

    def answer_all(self, say=answer_to):
        """Answer what stands there, with what `say` makes of it (None: nothing); how many that were."""
        count = 0
        self.link.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                packet, client = self.take()
                count += 1
                message = say(packet)
                if message is not None:
                    self.link.sendto(message.to_wire(), client)
        self.link.settimeout(5)
        return count


class Conversation(Int16StringReceiver):
    """One connection to an upstream of streams."""

    def connectionMade(self):
        self.factory.open.append(self)
        self.factory.connections += 1

    def connectionLost(self, reason=None):
        self.factory.open.remove(self)

    def stringReceived(self, string):
        self.factory.asked.append(string)
        said = self.factory.say(string)
        if said is None:
            self.transport.loseConnection()
        for message in said or ():
            self.sendString(message)


class StreamUpstream(Factory):
    """Says `say(question)`: a list of messages, None to hang up."""

    noisy = False
    protocol = Conversation

    def __init__(self, say=None):
        self.say = say or (lambda packet: [answer_to(packet).to_wire(max_size=65535)])
        self.asked, self.open, self.connections = [], [], 0


@implementer(IOpenSSLServerConnectionCreator)
class Serving:
    """The server's side of TLS, for Twisted."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    def serverConnectionForTLS(self, _protocol):
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate(self.certificate)
        context.use_privatekey(self.key)
        return SSL.Connection(context, None)


class Authority:
    """A CA of the test's own."""

    def __init__(self, name="test CA"):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key(), None)

    def _sign(self, subject, public, names, *, ended=False):
        now = datetime.datetime.now(datetime.UTC)
        until = now - datetime.timedelta(days=1) if ended else now + datetime.timedelta(days=1)
        building = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        )
        if names is not None:
            building = building.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return building.sign(self._key, hashes.SHA256())

    def write(self, file):
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def serving(self, *valid_for, ended=False):
        """The server's side of TLS, with a certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [
            x509.IPAddress(ipaddress.ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in valid_for
        ]  # fmt: skip
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, valid_for[0])])
        certificate = self._sign(subject, key.public_key(), names, ended=ended)
        return Serving(certificate, key)


class Asking:
    """A pool in a loop of its own, with what it delivered."""

    def __init__(self, *addresses, loop=None, zones=(), clock=None, ca_file=None, **limits):
        self.loop = loop or Loop()
        self.counters = Counters()
        self.delivered = []
        self.late = []
        self.flushed = 0
        self.now = 100.0  # with a real reactor: time-outs are the test's
        self.pool = Pool(
            self.loop, [UpstreamAddress(address) for address in addresses],
            settings(upstreams=Upstreams(**limits), forward_zones=tuple(zones)), self.counters,
            lambda key, answer, waiters: self.delivered.append((key, answer, waiters)), self._after,
            self.guard, clock or self.loop.seconds, self._late, ca_file,
        )  # fmt: skip
        self.pool.start()

    def _late(self, key, waiters):
        self.late.append((key, waiters))
        return []

    def _after(self):
        self.flushed += 1

    @staticmethod
    def guard(action, *given):
        """Here nothing is survived: a bug fails the test."""
        action(*given)

    def ask(self, name="www.example", waiter="client", kind=1):
        return self.pool.ask((names.to_wire(name) + bytes((0, kind, 0, 1)), 0), waiter)

    def until_delivered(self, count=1):
        self.loop.until(lambda: len(self.delivered) >= count, f"{count} answers")

    def addresses(self):
        """The last octets of each answer, None for failures."""
        return [answer and answer.records.data[-4:] for _key, answer, _waiters in self.delivered]

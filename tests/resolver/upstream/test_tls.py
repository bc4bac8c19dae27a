"""DNS over TLS towards real servers with certificates of the test's own CA: strict (RFC 8310), reused, padded."""

from __future__ import annotations

import dns.message
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import crypto

from resolver.upstream.trust import Trust
from tests.resolver.making import answer_to
from tests.resolver.upstream.servers import Authority, Serving

NAME = "dns.example.vn"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def ca_file(authority, tmp_path):
    return authority.write(tmp_path / "ca.pem")


def ask(pool, spin, *names):
    """Ask and wait for the answers."""
    count = len(pool.delivered)
    for name in names:
        assert pool.ask(name)
    pool.pool.flush()
    spin(lambda: len(pool.delivered) >= count + len(names), "answers")
    return [answer is not None for _key, answer, _waiters in pool.delivered[count:]]


def test_asks_by_one_connection_with_padding(streaming, asking, reactor, spin, authority, ca_file):
    server, port = streaming(serving=authority.serving(NAME))
    pool = asking(f"tls://127.0.0.1:{port}#{NAME}", loop=reactor, ca_file=ca_file)
    assert ask(pool, spin, "one.example") == [True]
    assert ask(pool, spin, "two.example", "x" * 60 + ".three.example") == [True] * 2
    assert server.connections == 1
    assert [len(asked) % 128 for asked in server.asked] == [0, 0, 0]
    assert [dns.message.from_wire(asked).question[0].name.to_text() for asked in server.asked][:2] == [
        "one.example.", "two.example."
    ]  # fmt: skip
    assert pool.pool.status()[0]["srtt_ms"] is not None


def test_a_certificate_for_the_address_counts_where_the_address_is_named(
    streaming, asking, reactor, spin, authority, ca_file
):
    _server, port = streaming(serving=authority.serving("127.0.0.1"))
    pool = asking(f"tls://127.0.0.1:{port}#127.0.0.1", loop=reactor, ca_file=ca_file)
    assert ask(pool, spin, "one.example") == [True]


@pytest.mark.parametrize("case", ["another name", "another CA", "ended", "self-signed", "no TLS"])
def test_a_server_that_does_not_prove_its_name_gets_no_question(
    streaming, asking, reactor, spin, authority, ca_file, case
):
    serving = {
        "another name": lambda: authority.serving("other.example.vn"),
        "another CA": lambda: Authority().serving(NAME),
        "ended": lambda: authority.serving(NAME, ended=True),
        "self-signed": lambda: Authority(NAME).serving(NAME),
        "no TLS": lambda: None,
    }[case]()
    server, port = streaming(serving=serving)
    pool = asking(f"tls://127.0.0.1:{port}#{NAME}", loop=reactor, ca_file=ca_file, attempts=2)
    assert ask(pool, spin, "secret.example") == [False]
    assert not any(b"secret" in asked for asked in server.asked)
    status = pool.pool.status()[0]
    assert status["failures"] == 2
    assert status["problem"]
    if case == "another name":
        assert status["problem"] == f"its certificate is not for {NAME} but for other.example.vn"


@pytest.mark.parametrize(
    "names",
    [
        None,
        [x509.RFC822Name("somebody@example.vn")],
        [x509.DNSName("*")],
        [x509.DNSName("10.0.0.1")],
        [x509.DNSName(NAME), x509.DNSName("*.*.vn")],
        [x509.UniformResourceIdentifier("nothing")],
    ],
    ids=["a CA", "mail", "any", "an address", "ours beside a broken one", "a broken URI"],
)
@pytest.mark.parametrize("asked", [NAME, "127.0.0.1"])
def test_a_certificate_whose_names_cannot_be_checked_proves_nothing(
    streaming, asking, reactor, spin, authority, ca_file, names, asked
):
    """Twisted lets it pass: where its check of the name ends with an error, nothing was checked."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = authority._sign(subject, key.public_key(), names)
    server, port = streaming(serving=Serving(certificate, key))
    pool = asking(f"tls://127.0.0.1:{port}#{asked}", loop=reactor, ca_file=ca_file, attempts=1)
    assert ask(pool, spin, "secret.example") == [False]
    assert server.asked == []
    assert pool.pool.status()[0]["problem"].startswith("its certificate proves no name: ")


def test_of_the_names_in_a_certificate_a_few_are_told(streaming, asking, reactor, spin, authority, ca_file):
    """And none of them whole when it is long."""
    names = ["10.1.1.1", *(f"x{number}.example.vn" for number in range(8)), f"{'a' * 60}.{'b' * 60}.example.vn"]
    for given, told in (
        (names[:1], "10.1.1.1"),
        (names, "x0.example.vn, x1.example.vn, x2.example.vn, x3.example.vn and 6 more"),
        (names[:1] + names[-1:], f"{names[-1][:100]}, 10.1.1.1"),
    ):
        _server, port = streaming(serving=authority.serving(*given))
        pool = asking(f"tls://127.0.0.1:{port}#{NAME}", loop=reactor, ca_file=ca_file, attempts=1)
        assert ask(pool, spin, "one.example") == [False]
        assert pool.pool.status()[0]["problem"] == f"its certificate is not for {NAME} but for {told}"


def test_the_next_is_asked_when_a_certificate_is_wrong(streaming, asking, reactor, spin, authority, ca_file):
    wrong, wrong_port = streaming(serving=Authority().serving(NAME))
    right, right_port = streaming(serving=authority.serving(NAME))
    addresses = [f"tls://127.0.0.1:{port}#{NAME}" for port in (wrong_port, right_port)]
    pool = asking(*addresses, loop=reactor, ca_file=ca_file)
    assert ask(pool, spin, *(f"x{number}.example" for number in range(10))) == [True] * 10
    assert wrong.asked == []
    assert len(right.asked) >= 10


def test_a_connection_that_the_server_closes_is_replaced(streaming, asking, reactor, spin, authority, ca_file):
    server, port = streaming(serving=authority.serving(NAME))
    pool = asking(f"tls://127.0.0.1:{port}#{NAME}", loop=reactor, ca_file=ca_file, attempts=1)
    assert ask(pool, spin, "one.example") == [True]
    server.open[0].transport.loseConnection()
    assert ask(pool, spin, "two.example") == [True]
    assert pool.pool.status()[0]["failures"] == 0


def test_the_systems_certificates_do_not_know_our_ca(streaming, asking, reactor, spin, authority):
    server, port = streaming(serving=authority.serving(NAME))
    pool = asking(f"tls://127.0.0.1:{port}#{NAME}", loop=reactor, attempts=1)
    assert ask(pool, spin, "one.example") == [False]
    assert server.asked == []


def test_a_file_that_cannot_be_used_is_told_and_other_upstreams_go_on(streaming, asking, reactor, spin, tmp_path):
    server, port = streaming(lambda packet: [answer_to(packet).to_wire()])
    pool = asking(
        f"tls://127.0.0.1:1#{NAME}", f"tcp://127.0.0.1:{port}", loop=reactor, ca_file=tmp_path / "none.pem"
    )  # fmt: skip
    assert ask(pool, spin, "one.example") == [True]
    assert "No such file" in pool.pool.status()[0]["problem"]
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["-a.example", "xn--a.example", "123"], ids=["idna", "A-label", "service identity"])
def test_a_name_that_tls_refuses_is_told_and_the_next_is_asked(
    streaming, asking, reactor, spin, authority, ca_file, name
):
    """The settings refuse these names; what gets past them must not cost a question."""
    server, port = streaming(serving=authority.serving(NAME))
    dead = streaming(serving=authority.serving(NAME))[1]
    pool = asking(*(f"tls://127.0.0.1:{one}#{NAME}" for one in (dead, port)), loop=reactor, ca_file=ca_file)
    pool.pool._scopes.general.servers[0].address.name = name
    assert ask(pool, spin, "one.example") == [True]
    assert f"TLS to {name} is impossible: " in pool.pool.status()[0]["problem"]
    assert len(server.asked) == 1


def test_certificates_that_openssl_does_not_take_are_told(monkeypatch, ca_file):
    """No file is known that can be read and not used; OpenSSL says that there may be."""

    def refuse(_self, _certificate):
        raise crypto.Error([("x509 routines", "", "unsupported algorithm")])

    monkeypatch.setattr(crypto.X509Store, "add_cert", refuse)
    with pytest.raises(OSError, match=f"TLS to {NAME} is impossible: unsupported algorithm"):
        Trust(ca_file).wrapped(None, NAME, object())


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"], ids=["empty", "damaged"]
)
def test_bad_certificate_files(tmp_path, text):
    file = tmp_path / "ca.pem"
    file.write_text(text)
    with pytest.raises(OSError, match=r"ca\.pem"):
        Trust(file).wrapped(None, NAME, object())


def test_a_file_that_was_made_good_is_used(tmp_path, authority):
    trust = Trust(tmp_path / "ca.pem")
    for _ in range(2):
        with pytest.raises(OSError, match="No such file"):
            trust.wrapped(None, NAME, object())
    authority.write(tmp_path / "ca.pem")
    assert trust.wrapped(None, NAME, object())


def test_several_certificates_in_one_file(streaming, asking, reactor, spin, authority, tmp_path):
    other = Authority("another CA")
    file = tmp_path / "ca.pem"
    file.write_bytes(
        other.write(tmp_path / "a.pem").read_bytes() + authority.write(tmp_path / "b.pem").read_bytes()
    )  # fmt: skip
    ports = [streaming(serving=one.serving(NAME))[1] for one in (authority, other)]
    pool = asking(*(f"tls://127.0.0.1:{port}#{NAME}" for port in ports), loop=reactor, ca_file=file)
    ask(pool, spin, "one.example")
    spin(lambda: all(server["srtt_ms"] is not None for server in pool.pool.status()), "both have answered")

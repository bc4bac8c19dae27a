"""Fetching from servers that do what they should, and from those that do not."""

# ruff: noqa: E501  a table is read by its lines

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import threading

import pytest

from blocklists.feeds.dialling import Deadline
from blocklists.feeds.fetching import FetchError, How, fetch, fetch_checksum
from tests.blocklists.feeds.serving import TEXT, certified, serving
from tests.resolver.upstream.servers import Authority

HOW = How(1_000_000)


def got(url, how=HOW, seconds=10.0, **conditions):
    """(what fetch says, the octets)"""
    into = io.BytesIO()
    return fetch(url, into, how, Deadline(seconds), **conditions), into.getvalue()


def refused(url, how=HOW, seconds=10.0):
    """The sentence of a fetch that fails."""
    with pytest.raises(FetchError) as caught:
        got(url, how, seconds)
    return str(caught.value)


def test_a_file_comes_with_what_asks_for_less_next_time():
    with serving(lambda one: one.reply(ETag='"v1"', Last_Modified="Mon, 02 Mar 2026 00:00:00 GMT")) as server:
        found, text = got(server.url())
    assert text == TEXT
    assert (found.size, found.etag, found.modified) == (len(TEXT), '"v1"', "Mon, 02 Mar 2026 00:00:00 GMT")
    assert found.sha256 == hashlib.sha256(TEXT).hexdigest()
    ((path, headers),) = server.asked
    assert (path, headers["Accept-Encoding"], headers["Authorization"]) == ("/list.txt", "identity", None)


def test_nothing_comes_where_nothing_changed():
    with serving(lambda one: one.reply(b"", 304)) as server:
        assert got(server.url(), etag='"v1"', modified="then") == (None, b"")
        assert "answers HTTP 304 Not Modified" in refused(server.url())
    headers = server.asked[0][1]
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"v1"', "then")


def test_headers_that_cannot_be_sent_back_are_not_kept():
    with serving(lambda one: one.reply(ETag='"\xe9"', Last_Modified="x" * 400)) as server:
        found, _text = got(server.url())
    assert (found.etag, found.modified) == ("", "")


def test_a_file_in_chunks_or_until_the_end_of_the_connection():
    head = b"HTTP/1.1 200 OK\r\n"
    for answer in (
        head + b"Transfer-Encoding: chunked\r\n\r\n4\r\na.ex\r\n10\r\nample\nb.example\n\r\n0\r\n\r\n",
        head + b"Connection: close\r\n\r\n" + TEXT,
    ):
        with serving(lambda one, answer=answer: one.raw(answer)) as server:
            assert got(server.url())[1] == TEXT


BAD = [
    ("not there", lambda one: one.reply(b"no", 404), "answers HTTP 404 Not Found"),
    ("broken", lambda one: one.reply(b"", 500), "answers HTTP 500 Internal Server Error"),
    ("a status of their own", lambda one: one.reply(b"", 799), "answers HTTP 799"),
    ("a part", lambda one: one.reply(status=206), "answers HTTP 206 Partial Content"),
    ("empty", lambda one: one.reply(b""), "sends an empty file"),
    ("blank", lambda one: one.reply(b"\xef\xbb\xbf \r\n\n"), "sends an empty file"),
    ("a page", lambda one: one.reply(b"\n <!DOCTYPE html><html>login"), "a page (HTML) came"),
    ("too large, as said", lambda one: one.reply(b"x" * 2000), "too large: 2000 octets are announced"),
    ("too large, unsaid", lambda one: one.raw(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 2000), "too large: more than max_size"),
    ("too large, in chunks", lambda one: one.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n", b"x" * 2000), "too large: more than max_size"),
    ("cut off", lambda one: one.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", TEXT), "cut off: 20 of 500 octets"),
    ("a chunk cut off", lambda one: one.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n", TEXT), "cut off"),
    ("no chunk", lambda one: one.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", TEXT), "cut off"),
    ("compressed", lambda one: one.reply(gzip.compress(b"\0" * 900_000), Content_Encoding="gzip"), "compressed, which was not asked for"),
    ("hangs up", lambda _one: None, "closed the connection without an answer"),
    ("no HTTP", lambda one: one.raw(b"220 mail ready\r\n"), "in no HTTP that can be read"),
    ("endless header", lambda one: one.raw(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 200, b"\r\n"), "in no HTTP that can be read"),
    ("a loop", lambda one: one.reply(b"", 302, Location=one.path), "redirects more than 5 times"),
    ("to nowhere", lambda one: one.reply(b"", 302), "redirects to nowhere"),
    ("to a file", lambda one: one.reply(b"", 301, Location="file:///etc/passwd"), "no address of http or https"),
    ("to rubbish", lambda one: one.reply(b"", 301, Location="http://[::1"), "no address of http or https"),
    ("to a bad port", lambda one: one.reply(b"", 301, Location="//127.0.0.1:0/"), "no address of http or https"),
]  # fmt: skip


@pytest.mark.parametrize(("say", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_sentence_for_what_servers_do(say, words):
    with serving(say) as server:
        said = refused(server.url("t0ken/list.txt?key=s3cret", "lan:p4ss@"), How(1000))
    assert words in said
    assert not any(secret in said for secret in ("s3cret", "p4ss", "t0ken"))


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["line", "header", "body"]
)
def test_a_slow_drip_ends_at_the_deadline(head):
    with serving(lambda one: one.drip(head)) as server:
        assert refused(server.url(), seconds=0.4).startswith("timed out: ")


def test_who_says_nothing_or_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"127.0.0.1:{silent.getsockname()[1]}/"
        assert refused(f"http://{url}", seconds=0.2).startswith("timed out: ")
        assert refused(f"https://{url}", seconds=0.2).startswith("timed out: ")
    assert refused(f"http://{url}").endswith("refused the connection")


def test_a_name_that_is_not_found(monkeypatch):
    def nothing(*_args, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    assert refused("http://gone.example/x") == "the name of gone.example is not found"
    assert refused(f"http://{'x' * 70}.example/").endswith(" is not found")


def test_a_fetch_is_ended_from_outside():
    deadline = Deadline(60)
    started = threading.Event()

    def say(one):
        started.set()
        one.drip(b"HTTP/1.1 200 OK\r\n\r\n")

    with serving(say) as server:
        ending = threading.Thread(target=lambda: (started.wait(10), deadline.end()))
        ending.start()
        with pytest.raises(FetchError):
            fetch(server.url(), io.BytesIO(), HOW, deadline)
        ending.join()


def test_redirects_are_followed_and_passwords_stay_where_they_belong():
    with serving() as last:

        def say(one):
            there = "/next?a b" if one.path == "/list.txt" else last.url("end")
            one.reply(b"", 302, Location=there)

        with serving(say) as first:
            assert got(first.url(user="lan:p%40ss@"))[1] == TEXT
    assert [headers["Authorization"] for _path, headers in first.asked] == ["Basic bGFuOnBAc3M="] * 2
    assert first.asked[1][0] == "/next?a%20b"
    assert last.asked[0][1]["Authorization"] is None


# TLS


@pytest.fixture
def authority(tmp_path):
    made = Authority()
    made.write(tmp_path / "ca.pem")
    return made


def test_a_certificate_is_checked(authority, tmp_path):
    trusting = HOW._replace(ca_file=tmp_path / "ca.pem")
    with serving(tls=certified(tmp_path, authority, "127.0.0.1")) as server:
        assert got(server.url(), trusting)[1] == TEXT
        assert "is not accepted: unable to get local issuer certificate" in refused(server.url())
        (tmp_path / "ca.pem").write_text("nothing")
        assert refused(server.url(), trusting).startswith("no certificates to trust servers by can be read: ")
        assert refused(server.url(), HOW._replace(ca_file=tmp_path / "gone.pem")).endswith("No such file or directory")
    Authority().write(tmp_path / "ca.pem")
    with serving(tls=certified(tmp_path, authority, "127.0.0.1")) as server:
        assert "is not accepted" in refused(server.url(), trusting)


def test_a_certificate_for_another(authority, tmp_path):
    with serving(tls=certified(tmp_path, authority, "lists.example")) as server:
        said = refused(server.url(), HOW._replace(ca_file=tmp_path / "ca.pem"))
    assert "is not accepted: ip address mismatch" in said


def test_no_way_from_https_to_http(authority, tmp_path):
    with serving() as plain:
        tls = certified(tmp_path, authority, "127.0.0.1")
        with serving(lambda one: one.reply(b"", 302, Location=plain.url("x?key=s3cret")), tls) as server:
            said = refused(server.url(), HOW._replace(ca_file=tmp_path / "ca.pem"))
    assert "redirects from https to http" in said
    assert "s3cret" not in said
    assert plain.asked == []


def test_an_end_that_tls_does_not_announce_is_a_cut(authority, tmp_path):
    tls = certified(tmp_path, authority, "127.0.0.1")
    with serving(lambda one: one.raw(b"HTTP/1.1 200 OK\r\n\r\n", TEXT), tls) as server:
        assert refused(server.url(), HOW._replace(ca_file=tmp_path / "ca.pem")).startswith("cut off: ")


def test_no_tls_at_all(authority, tmp_path):
    with serving() as server:
        said = refused(server.url().replace("http:", "https:"), HOW._replace(ca_file=tmp_path / "ca.pem"))
    assert said.startswith("no TLS with 127.0.0.1:")


# A proxy


def test_https_through_a_proxy(authority, tmp_path):
    with serving() as proxy, serving(tls=certified(tmp_path, authority, "127.0.0.1")) as server:
        how = How(1000, proxy.url("", "lan:p4ss@"), tmp_path / "ca.pem")
        assert got(server.url(user="me:mine@"), how)[1] == TEXT
    ((path, headers),) = proxy.asked
    assert server.url() == f"https://{path}/list.txt"
    assert headers["Proxy-Authorization"] == "Basic bGFuOnA0c3M="
    assert headers["Authorization"] is None
    assert server.asked[0][1]["Proxy-Authorization"] is None


def test_http_through_a_proxy():
    with serving() as proxy:
        assert got("http://lists.example/a?b=c", How(1000, proxy.url("")))[1] == TEXT
    assert proxy.asked[0][0] == "http://lists.example/a?b=c"
    assert proxy.asked[0][1]["Host"] == "lists.example"


def test_a_proxy_that_says_no_or_is_not_there(tmp_path):
    with serving(tunnels=407) as proxy:
        how = How(1000, proxy.url("", "lan:p4ss@"))
        said = refused("https://lists.example/", how)
    assert said.endswith("opens no way to lists.example: HTTP 407 Proxy Authentication Required")
    assert "p4ss" not in said + refused("https://lists.example/", how)
    assert refused("https://lists.example/", how).startswith("the proxy 127.0.0.1:")


# Checksums


A, B = "a" * 64, "B" * 64


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (A, A),
        (f"{A}  other.txt\n{B} *list.txt\n", B.lower()),
        (f"SHA256 (list.txt) = {B}\nSHA256 (other.txt) = {A}\n", B.lower()),
        (f"# of today\n{A} -\n", A),
    ],
)
def test_a_file_of_checksums(text, found):
    with serving(lambda one: one.reply(text.encode())) as server:
        assert fetch_checksum(server.url(), "list.txt", io.BytesIO(), HOW, Deadline(10)) == found


@pytest.mark.parametrize("text", [f"{A} x\n{B} y\n", "a" * 63, "a" * 65, "none\n", "<html>"])
def test_a_file_that_holds_no_checksum_for_it(text):
    with serving(lambda one: one.reply(text.encode())) as server, pytest.raises(FetchError, match=r"^the checksum: "):
        fetch_checksum(server.url(), "list.txt", io.BytesIO(), HOW, Deadline(10))

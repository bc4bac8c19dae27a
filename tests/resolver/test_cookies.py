"""The cookie jar: one secret for all workers in a file, rolled by renaming it; and trouble with it stops nobody."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from twisted.internet.task import Clock

from resolver.cookies import CookieJar

CLIENT = b"\x7f\x0a\0\5"
OURS = b"clientck"


class Seconds:
    """Unix seconds that the test sets."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def jar(tmp_path, clock):
    return CookieJar(tmp_path, clock)


def test_the_secret_is_nobody_elses_to_read(jar, tmp_path):
    (file,) = tmp_path.iterdir()
    assert file.name == "cookie.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(bytes.fromhex(file.read_text())) == 32
    assert jar.problem == ""


def test_workers_that_start_together_have_one_secret(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        jars = list(pool.map(lambda _number: CookieJar(tmp_path / "new"), range(64)))
    assert len({jar._secrets[0] for jar in jars}) == 1
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["cookie.key"]


def test_what_one_worker_gives_another_knows(jar, tmp_path, clock):
    full, verified = jar.renew(OURS, CLIENT)
    assert (len(full), full[:8], verified) == (24, OURS, False)
    assert CookieJar(tmp_path, clock).renew(full, CLIENT) == (full, True)


@pytest.mark.parametrize(
    ("later", "verified", "renewed"),
    [(0, True, False), (1800, True, False), (1801, True, True), (3600, True, True), (3601, False, True),
     (-300, True, False), (-301, False, True)],
)  # fmt: skip
def test_it_is_renewed_when_it_is_old(jar, clock, later, verified, renewed):
    full, _verified = jar.renew(OURS, CLIENT)
    clock.now += later
    given, known = jar.renew(full, CLIENT)
    assert (known, given != full) == (verified, renewed)
    assert jar.renew(given, CLIENT) == (given, True)


@pytest.mark.parametrize("given", [OURS + b"x" * 8, OURS + b"x" * 16, OURS + b"x" * 32])
def test_what_another_server_made_gets_a_fresh_one(jar, given):
    full, verified = jar.renew(given, CLIENT)
    assert (len(full), full[:8], verified) == (24, OURS, False)
    assert jar.renew(full, CLIENT) == (full, True)


def test_the_secret_is_rolled_by_renaming_it(jar, tmp_path):
    reactor = Clock()
    jar.start(reactor)
    old, _verified = jar.renew(OURS, CLIENT)
    (tmp_path / "cookie.key").rename(tmp_path / "cookie.previous.key")
    reactor.advance(10)
    new, verified = jar.renew(old, CLIENT)
    assert verified
    assert new != old, "made with the new secret"
    (tmp_path / "cookie.previous.key").unlink()
    reactor.advance(10)
    assert jar.renew(old, CLIENT)[1] is False
    assert jar.renew(new, CLIENT) == (new, True)
    jar.stop()
    jar.stop()
    assert not reactor.getDelayedCalls()


@pytest.mark.parametrize("content", [b"", b"abcd\n", b"\xff\xfe", b"0" * 63, b"g" * 64, b"0" * 66])
def test_a_file_that_holds_no_secret_is_told_once_and_not_used(tmp_path, caplog, content):
    (tmp_path / "cookie.key").write_bytes(content)
    jar = CookieJar(tmp_path)
    full, _verified = jar.renew(OURS, CLIENT)
    jar.look()
    assert jar.renew(full, CLIENT) == (full, True), "a secret of its own"
    assert "cookie.key" in jar.problem
    assert len(caplog.records) == 1
    (tmp_path / "cookie.key").unlink()
    jar.look()
    assert jar.problem == ""
    assert jar.renew(full, CLIENT)[1] is False


def test_a_previous_secret_that_is_none(jar, tmp_path):
    full, _verified = jar.renew(OURS, CLIENT)
    (tmp_path / "cookie.previous.key").write_text("?")
    jar.look()
    assert "cookie.previous.key" in jar.problem
    assert jar.renew(full, CLIENT) == (full, True)


def test_a_folder_that_cannot_be_written_to(tmp_path):
    """As root nothing is forbidden: a file stands where the folder should."""
    (tmp_path / "file").write_text("")
    jar = CookieJar(tmp_path / "file")
    assert jar.problem
    assert len(jar.renew(OURS, CLIENT)[0]) == 24

"""Server cookies: good for one client, one client cookie, one secret and one hour; everything else is not ours."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.wire import cookie

SECRET = b"s" * 32
CLIENT = b"\x7f\x0a\0\5"
OURS = b"clientck"
NOW = 1_800_000_000


def test_what_it_is_made_of():
    """RFC 9018 section 4: version 1, three reserved octets, the time; a keyed hash over all and the address."""
    made = cookie.make(SECRET, OURS, CLIENT, NOW)
    assert made[:16] == OURS + b"\1\0\0\0" + NOW.to_bytes(4, "big")
    assert made[16:] == hashlib.blake2s(made[:16] + CLIENT, key=SECRET, digest_size=8).digest()


@given(st.binary(min_size=8, max_size=8), st.sampled_from([4, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
       st.integers(0, 2**33), st.integers(-5000, 5000))  # fmt: skip
def test_it_is_good_for_an_hour_and_for_five_minutes_before(client_cookie, client, made_at, later):
    """The second is 32 bits that go round in 2106 (RFC 1982)."""
    full = cookie.make(SECRET, client_cookie, client, made_at)
    assert cookie.age(SECRET, full, client, made_at + later) == (later if -300 <= later <= 3600 else None)


@given(st.integers(0, 23), st.integers(1, 255))
def test_one_changed_octet_makes_it_another(place, change):
    full = bytearray(cookie.make(SECRET, OURS, CLIENT, NOW))
    full[place] ^= change
    assert cookie.age(SECRET, bytes(full), CLIENT, NOW) is None


@given(st.binary(max_size=60))
def test_any_octets_are_no_cookie_of_ours(data):
    assert cookie.age(SECRET, data, CLIENT, NOW) is None


def test_it_is_another_clients_or_another_secrets():
    full = cookie.make(SECRET, OURS, CLIENT, NOW)
    assert cookie.age(SECRET, full, CLIENT[:-1] + b"\6", NOW) is None
    assert cookie.age(b"t" * 32, full, CLIENT, NOW) is None
    assert cookie.age(SECRET, full, b"\0" * 10 + b"\xff\xff" + CLIENT, NOW) == 0, "the same machine by an IPv6 socket"


@pytest.mark.parametrize("length", range(60))
def test_lengths(length):
    """RFC 7873 section 4: 8, or 16 to 40; what another server made may have any of these."""
    assert cookie.well_formed(b"x" * length) == (length == 8 or 16 <= length <= 40)

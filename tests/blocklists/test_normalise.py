"""Text from lists to names and addresses: cases from real letters, then anything at all."""

from __future__ import annotations

import contextlib
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocklists.normalise import Target, Unusable, plain_name, target, visible
from contracts.names import to_wire

NAMES = [
    ("evil.example", "evil.example"),
    ("EVIL.Example", "evil.example"),
    ("evil.example.", "evil.example"),
    ("  evil.example\t", "evil.example"),
    ('"evil.example"', "evil.example"),
    ("evil.example,", "evil.example"),
    ("*.evil.example", "evil.example"),
    (".evil.example", "evil.example"),
    ("_dmarc.evil_host.example", "_dmarc.evil_host.example"),
    ("-odd.example", "-odd.example"),
    # defanged
    ("evil[.]example", "evil.example"),
    ("evil(.)example", "evil.example"),
    ("evil{.}example", "evil.example"),
    ("evil[dot]example", "evil.example"),
    ("evil (dot) example", "evil.example"),
    ("evil[ . ]example", "evil.example"),
    ("evil\\.example", "evil.example"),
    ("hxxp://evil[.]example", "evil.example"),
    ("hXXps[:]//evil[.]example/", "evil.example"),
    ("hxxps://user:secret@evil[.]example:8443/", "evil.example"),
    ("fxp://evil.example", "evil.example"),
    ("http://evil.example", "evil.example"),
    ("evil.example/", "evil.example"),
    ("evil.example:8080", "evil.example"),
    # hidden characters
    ("ev\u200bil.example", "evil.example"),
    ("\ufeffevil.example", "evil.example"),
    ("evil\u00ad.example", "evil.example"),
    ("\u00a0evil.example\u00a0", "evil.example"),
    ("\u202eevil.example\u202c", "evil.example"),
    # internationalised
    ("việtcombank.example", "xn--vitcombank-dv3e.example"),
    ("vie\u0323\u0302tcombank.example", "xn--vitcombank-dv3e.example"),
    ("VIỆTCOMBANK[.]example", "xn--vitcombank-dv3e.example"),
    ("xn--vitcombank-dv3e.example", "xn--vitcombank-dv3e.example"),
    ("xấu.example", "xn--xu-r5s.example"),
    ("đăng-nhập.vn", "xn--ng-nhp-h0a5i0412a.vn"),
    ("evil。example", "evil.example"),
    ("ｅｖｉｌ.example", "evil.example"),
    ("faß.example", "xn--fa-hia.example"),
]

ADDRESSES = [
    ("203.0.113.5", "203.0.113.5", 0),
    ("203[.]0[.]113[.]5", "203.0.113.5", 0),
    ("203.0.113.5:443", "203.0.113.5", 443),
    ("hxxp://203.0.113.5:8080/", "203.0.113.5", 8080),
    ("203.0.113.0/24", "203.0.113.0/24", 0),
    ("203.0.113.5/32", "203.0.113.5", 0),
    ("2001:DB8::1", "2001:db8::1", 0),
    ("[2001:db8::1]:443", "2001:db8::1", 443),
    ("[2001:db8::1]", "2001:db8::1", 0),
    ("2001:db8::/32", "2001:db8::/32", 0),
    ("::ffff:203.0.113.5", "203.0.113.5", 0),
]

PATHS = [
    ("hxxp://evil[.]example/setup.exe", Target("evil.example", path=True)),
    ("http://evil.example?x=1", Target("evil.example", path=True)),
    ("evil.example/login", Target("evil.example", path=True)),
    ("hxxp://203.0.113.80:8080/bot.sh", Target("", "203.0.113.80", 8080, path=True)),
    ("hxxp://user:pass@evil[.]example:8080/a?b=http://ok.example/", Target("evil.example", path=True)),
    ("evil.example/@eaDir/x", Target("evil.example", path=True)),
    ("http://evil.example/", Target("evil.example")),
    ("http://evil.example\\@good.example", Target("evil.example", path=True)),
]

UNUSABLE = [
    ("", "empty"),
    ("\u200b", "empty"),
    ("N/A", "no name or address"),
    ("someone@evil.example", "e-mail"),
    ("someone@evil.example/x", "e-mail"),
    ("tên miền: evil.example", "more than one word"),
    ("evil.example other.example", "more than one word"),
    ("evil..example", "empty label"),
    ("-bad-.example-", "no top-level domain"),
    ("evil.123", "no top-level domain"),
    ("203.0.113", "no valid IP address"),
    ("203.0.113.256", "no valid IP address"),
    ("203.0.113.05", "no valid IP address"),
    ("203.0.113.5/24", "bits set behind its prefix"),
    ("evil.example:99999", "port"),
    ("evil!.example", "a character no host name has"),
    ("=cmd|'/c calc'!A1", "more than one word"),
    ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hash"),
    (f"{'a' * 64}.example", "label longer than 63"),
    (f"{'a.' * 130}example", "longer than 253"),
    ("a" * 5000, "longer than 2000"),
    ("\U0001f4a9.example", "internationalised"),
    ("a.*.example", "a character no host name has"),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_names(text, name):
    assert target(text) == Target(name)


@pytest.mark.parametrize(("text", "address", "port"), ADDRESSES)
def test_addresses(text, address, port):
    assert target(text) == Target("", address, port)


@pytest.mark.parametrize(("text", "found"), PATHS)
def test_a_url_with_a_path_gives_its_host_and_says_that_there_was_more(text, found):
    assert target(text) == found


@pytest.mark.parametrize(("text", "reason"), UNUSABLE)
def test_unusable_text_has_its_reason(text, reason):
    with pytest.raises(Unusable, match=reason):
        target(text)


def test_a_single_label_is_a_name_for_the_guard_to_refuse():
    assert target("com").name == "com"


def test_the_quick_way_agrees_with_the_careful_one():
    assert plain_name(" Evil.EXAMPLE ") == "evil.example"
    assert plain_name("evil[.]example") == ""
    assert plain_name("203.0.113.5") == ""


@given(
    st.one_of(st.text(), st.from_regex(r"[a-zđêộ0-9.*:/\[\](){}\\ _-]{0,40}"), st.sampled_from([n for n, _ in NAMES]))
)
@example("[::]:1")
@example("xn--a.example")
@example("\u0378.example")
@example("1.2.3.4/0")
@example("a\u06dd.example")
def test_anything_is_unusable_or_comes_out_clean_and_stays_so(text):
    try:
        found = target(text)
    except Unusable as error:
        assert str(error)  # noqa: PT017  refusing is right, too
        return
    assert bool(found.name) != bool(found.address)
    again = found.name or found.address
    assert target(again)[:2] == found[:2]
    if found.name:
        assert to_wire(found.name)
        assert found.name == found.name.lower()


def quickest(text: str) -> float:
    """Seconds for one text, the best of several."""
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        with contextlib.suppress(Unusable):
            target(text)
        taken.append(time.perf_counter() - began)
    return min(taken)


@pytest.mark.parametrize("text", ["a" + " " * 1990 + "b", "[" + " " * 1990 + "b", " [ " * 600, "a [" + " \t" * 900])
def test_much_space_takes_hardly_longer_than_many_letters(text):
    assert quickest(text) < 30 * quickest("a b" * 600)  # it was a thousand times


def test_marks_are_sorted_in_short_pieces(monkeypatch):
    """A run of marks is put in order in time with its square: 60 kB of them took ten seconds."""
    sizes = []
    normalize = unicodedata.normalize

    def noted(form: str, text: str) -> str:
        sizes.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", noted)
    marks = "a" + "\u0300" * 900 + "\u0316" * 900
    for text in (marks * 20, marks):
        assert visible(text)
        with pytest.raises(Unusable):
            target(text)
    assert max(sizes) <= 256
    assert visible("e\u0302\u0301") == "ế"

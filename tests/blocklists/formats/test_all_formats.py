"""What holds for every format of text: no exception, places that are right, time that grows as the line does."""

from __future__ import annotations

import io
import time
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.audit_words import VALUES
from admin.cli.lists import import_command
from blocklists.formats import confined
from blocklists.formats.detect import LOOK, PARSERS, Unsupported, detect
from blocklists.formats.lines import raw_lines
from blocklists.formats.look import Origin
from blocklists.formats.maltrail import family_of
from blocklists.indicator import BadLine, Indicator
from blocklists.service import ImportOptions
from contracts.settings import ListSource

NEW = ("adblock", "dnsmasq", "unbound", "maltrail", "text")
PIECES = [
    *("||", "^", "@@", "$", "important", ",", "domain=", "##", "!", "[Adblock]", "*", "address=/", "local=/", "/", "#"),
    *(
        "bogus-nxdomain=",
        "local-zone:",
        "local-data:",
        '"',
        "'",
        "static",
        " A ",
        "0.0.0.0",
        "server:",
        "# Reference: ",
    ),
    *(
        "# Aliases: ",
        "evil.example",
        "hxxp://",
        "[.]",
        "203.0.113.5",
        ":443",
        " ",
        "\n",
        "\r",
        "\0",
        "\t",
        "ệ",
        "\ufeff",
    ),
]


@given(st.sampled_from(NEW), st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_gives_rows_or_bad_lines_in_their_order(format_name, text):
    content = text.encode("utf-8", "surrogatepass")
    for one in PARSERS[format_name](raw_lines(io.BytesIO(content))):
        assert isinstance(one, Indicator | BadLine)
        assert 1 <= one.line <= content.count(b"\n") + 1
        if isinstance(one, Indicator):
            assert bool(one.name) != bool(one.address)
        else:
            assert one.reason


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_is_of_some_format(text):
    try:
        found = detect(text.encode())
    except Unsupported as error:
        assert str(error)  # noqa: PT017  a reason is an answer
        return
    assert found.format in PARSERS
    assert found.reason


@given(st.text(max_size=50))
def test_any_file_name_gives_a_family(name):
    assert len(family_of(Origin(name).file)) <= 300


@pytest.mark.parametrize("format_name", PARSERS)
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a.",
            "a.com/",
            "||",
            "*",
            "^",
            "$a,",
            "#",
            " #",
            "@",
            '"x" ',
            '" ',
            "[",
            "( ",
            "[.]",
            "=",
            ":",
            "/",
            "\\",
            "ệ",
        ),
        *("\u0300", "\u200b", "1.", "a-", "#@", "@$", "://", "a:", "| ", "hxxp", " \t"),
    ],
)
def test_time_grows_as_a_line_does(format_name, piece):
    """Whatever a line of 64 kB repeats: a pattern that looks again from each place would take minutes."""
    started = time.monotonic()
    for head in ("", "||", "address=/", "local-zone: ", "# Reference:", "0.0.0.0 "):
        line = (head + piece * 65_000).encode()[:65_000] + b"\n"
        for _ in PARSERS[format_name]([line]):
            pass
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "piece", ["a.", "||a^", "a b ", "[.]", "#@", ", ", '"', "# Reference: x\n", "a\n", "local-zone: \n"]
)
def test_a_look_at_long_lines_takes_hardly_any_time(piece):
    started = time.monotonic()
    detect((piece * LOOK).encode()[: LOOK + 1])
    assert time.monotonic() - started < 10


def test_settings_commands_and_pages_know_the_same_formats():
    said = {"auto", *PARSERS, *confined.FORMATS}
    assert set(get_args(get_type_hints(ImportOptions)["format"])) == said
    assert set(get_args(get_type_hints(ListSource)["format"])) == said
    (option,) = (one for one in import_command.params if one.name == "format_name")
    assert set(option.type.choices) == said
    assert set(VALUES["format"]) >= {*PARSERS, *confined.FORMATS}

"""Hosts files."""

from __future__ import annotations

import io

import pytest

from blocklists.formats import hosts
from blocklists.formats.lines import raw_lines
from blocklists.indicator import BadLine, Indicator

FILE = b"""\
# A hosts file
127.0.0.1 localhost
127.0.0.1 localhost.localdomain
255.255.255.255 broadcasthost
::1 localhost ip6-localhost
fe80::1%lo0 localhost
ff02::1 ip6-allnodes
0.0.0.0 0.0.0.0
#[ads]
0.0.0.0 ads.example
0.0.0.0 A.Example B.example # two
127.0.0.1\ttabbed.example
::1 six.example
203.0.113.9 mapped.example
lonely.example
0.0.0.0 bad!.example good.example
0.0.0.0 203.0.113.1
"""


def test_a_file():
    found = list(hosts.parse(raw_lines(io.BytesIO(FILE))))
    names = [(one.line, one.name) for one in found if isinstance(one, Indicator)]
    assert names == [
        (10, "ads.example"), (11, "a.example"), (11, "b.example"), (12, "tabbed.example"), (13, "six.example"),
        (16, "good.example"),
    ]  # fmt: skip
    bad = {one.line: (one.text, one.reason) for one in found if isinstance(one, BadLine)}
    assert sorted(bad) == [14, 15, 16, 17]
    assert "leads nowhere" in bad[14][1]
    assert "an address and a name" in bad[15][1]
    assert bad[16][0] == "bad!.example"
    assert "an address where a name" in bad[17][1]


@pytest.mark.parametrize(
    ("word", "nowhere"),
    [("0.0.0.0", True), ("127.0.0.53", True), ("::", True), ("0", True), ("203.0.113.1", False), ("example", False)],
)
def test_which_addresses_lead_nowhere(word, nowhere):
    assert hosts.leads_nowhere(word) is nowhere

"""Which names belong to everybody: checked against the library's own list, without a network."""

from __future__ import annotations

import pytest

from casework.suffixes import is_public_suffix


@pytest.mark.parametrize(
    "name", ["vn", "com", "com.vn", "gov.vn", "edu.vn", "net.vn", "co.uk", "github.io", "any.ck", "xn--55qx5d.cn"]
)
def test_names_of_everybody(name):
    assert is_public_suffix(name)


@pytest.mark.parametrize(
    "name", ["agency.gov.vn", "www.agency.gov.vn", "good.net", "good.example", "me.github.io", "www.ck", "a.any.ck"]
)
def test_names_of_somebody(name):
    assert not is_public_suffix(name)

"""Our answers beside Unbound's: some 1,500 questions over the same upstream, every difference explained in a table.

The questions are tests.peers.questions', the comparison tests.peers.comparing's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.service import Service
from tests.peers import comparing, differences, programs, questions
from tests.peers.comparing import Difference
from tests.peers.programs import Peer

pytestmark = [pytest.mark.e2e, pytest.mark.peer]


@pytest.fixture(scope="module")
def unbound(zone_folder, nsd: Peer) -> Iterator[Peer]:
    """Unbound that forwards to the same NSD and does not validate."""
    server = programs.unbound(zone_folder, nsd.port, server="  minimal-responses: no")
    yield server
    server.end()


@pytest.fixture(scope="module")
def found(service: Service, unbound: Peer, began: float) -> list[Difference]:
    """Every difference over all questions."""
    asked = questions.everything()
    assert len(asked) >= 1500
    return comparing.compare_all(asked, service.port, unbound.port, "127.10.0.5", began)


def test_every_difference_is_explained(found: list[Difference]):
    unexplained = [one for one in found if differences.row_of(one) is None]
    counts = Counter((one.aspect, str(one.ours)[:40], str(one.theirs)[:40]) for one in unexplained)
    assert not unexplained, "\n".join([str(counts.most_common(20)), *(str(one)[:400] for one in unexplained[:40])])


def test_every_row_explains_something(found: list[Difference]):
    used = {row.what for one in found if (row := differences.row_of(one))}
    assert {row.what for row in differences.ROWS} - used == set()


def test_a_difference_would_be_seen(service: Service, nsd: Peer, began: float):
    """NSD is authoritative and does not recurse: that must be told apart from us."""
    asked = [question for question in questions.everything()[:200] if question.manner.rd]
    given = comparing.compare_all(asked, service.port, nsd.port, "127.10.0.5", began)
    assert {"AA", "RA"} <= {one.aspect for one in given if differences.row_of(one) is None}


def test_the_page_is_fresh():
    assert differences.PAGE.read_text(encoding="utf-8") == differences.page(), (
        "stale: python -m tests.peers.differences"
    )

"""The hit sender through any course of losses and returns: every hit is recorded exactly once."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.resolver.hits.recorder import Pair


class AnyCourse(RuleBasedStateMachine):
    """Losses at any moment: in the end every hit is recorded exactly once (the recorder knows batches by number)."""

    @initialize()
    def start(self):
        self.folder = FOLDERS.pop()
        self.pair = Pair(self.folder)
        self.pair.sender.start()
        self.made = 0
        self.committed = {}

    def commit(self):
        self.pair.loop.settle()
        self.pair.recorder.read()
        for batch in self.pair.recorder.batches:
            known = self.committed.setdefault(batch.number, batch)
            assert known == batch, "a number stands for one batch, for ever"
        assert sorted(self.committed) == list(range(1, len(self.committed) + 1))
        self.pair.recorder.batches = []

    @rule(facts=st.sampled_from([b"a", b"b", b"c"]), count=st.integers(1, 3))
    def hit(self, facts, count):
        self.pair.hit(facts, count=count)
        self.made += count
        self.pair.sender.flush()

    @rule()
    def come(self):
        if self.pair.recorder is None or self.pair.recorder.link is None:
            self.pair.connect(known=len(self.committed))

    @rule()
    def store(self):
        if self.pair.recorder is not None and self.pair.recorder.link is not None:
            self.commit()

    @rule()
    def store_and_tell(self):
        self.store()
        if self.pair.recorder is not None and self.pair.recorder.link is not None:
            self.pair.recorder.acknowledge(len(self.committed))
            self.pair.loop.settle()

    @rule()
    def die(self):
        if self.pair.recorder is not None and self.pair.recorder.link is not None:
            self.pair.break_off()
            self.pair.recorder.batches = []

    @rule()
    def a_second_passes(self):
        self.pair.seconds += 1

    def teardown(self):
        if hasattr(self, "pair"):
            self.come()
            self.store_and_tell()
            assert self.pair.sender.idle
            assert sum(row[3] for batch in self.committed.values() for row in batch.rows) == self.made
            assert self.pair.sender.acknowledged == self.made
            self.pair.close()


FOLDERS = []


def test_any_course(tmp_path_factory):
    FOLDERS.extend(tmp_path_factory.mktemp("hits") for _ in range(400))
    run_state_machine_as_test(AnyCourse, settings=settings(max_examples=25, stateful_step_count=20, deadline=None))

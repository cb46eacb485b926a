"""What an event changes: in any order, with duplicates, revisions and replays, the buckets hold the same."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.instruments import COUNTED, UNIT
from services.scoring.domain.observations import Deltas, Observation, deltas, observation
from services.scoring.domain.slices import TOTAL, Slice
from services.scoring.domain.windows import Minutes, cover, minute_of
from shared.errors import InvalidEvent
from tests.scoring.events import NOON, Said, event, scores_in

START = minute_of(NOON)
CHANNELS = ("phone", "chat")


class Memory:
    """Observations and buckets in memory: one event at a time, by the rule of `seen`, each batch into its own writer's rows."""

    def __init__(self) -> None:
        self.seen: dict[Any, Observation] = {}
        self.buckets: Counter[tuple[int, Slice, int, int, int]] = Counter()

    def apply(self, batch: Sequence[Said], writer: int) -> None:
        for said in batch:
            new = observation(said.event())
            key = (new.tenant, new.event)
            old = self.seen.get(key)
            if old is None:
                self._add(writer, deltas([new]))
            elif old.revision < new.revision:
                self._add(writer, deltas([], [(new, old)]))
            else:
                continue
            self.seen[key] = new

    def _add(self, writer: int, changes: Deltas) -> None:
        for key, amount in changes.items():
            self.buckets[(writer, *key)] += amount

    def histogram(self, line: Slice, minutes: Minutes) -> Counter[int]:
        counted: Counter[int] = Counter()
        for (_, of, level, start, component), amount in self.buckets.items():
            if of == line and any(span.level == level and span.start <= start < span.end for span in cover(minutes)):
                counted[component] += amount
        return Counter({component: amount for component, amount in counted.items() if amount})


said = st.builds(
    Said,
    id=st.sampled_from("abcdef"),
    revision=st.integers(1, 4),
    minute=st.integers(-3000, 3000),
    channel=st.sampled_from(CHANNELS),
    scores=st.lists(st.integers(0, 10), max_size=3).map(tuple),
)
one_version_of_each_revision = st.lists(said, max_size=12, unique_by=lambda s: (s.id, s.revision))


@given(one_version_of_each_revision, st.data())
def test_any_order_with_duplicates_over_any_partitions_gives_what_an_independent_count_gives(
    spoken: list[Said], data: st.DataObject
) -> None:
    memory = Memory()
    delivered = data.draw(st.permutations(spoken + data.draw(st.lists(st.sampled_from(spoken), max_size=5) if spoken else st.just([]))))
    first = data.draw(st.integers(-3100, 3100))
    end = data.draw(st.integers(first, 3100))

    for one in delivered:
        memory.apply([one], writer=data.draw(st.integers(0, 2)))

    minutes = Minutes(START + first, START + end)
    for channel in (None, *CHANNELS):
        line = Slice("acme", "nps", *((TOTAL, "") if channel is None else ("channel", channel)))
        assert memory.histogram(line, minutes) == {score * UNIT: count for score, count in scores_in(spoken, first, end, channel).items()}


@given(one_version_of_each_revision)
def test_a_replay_changes_nothing(spoken: list[Said]) -> None:
    memory = Memory()
    memory.apply(spoken, writer=0)
    before = memory.buckets.copy()

    memory.apply(spoken[::-1], writer=1)

    assert memory.buckets == before


@given(said, said)
def test_a_revision_takes_back_exactly_what_it_replaces(old: Said, new: Said) -> None:
    before, after = observation(old.event()), observation(new.event())

    change, undone = deltas([], [(after, before)]), deltas([], [(before, after)])

    assert {key: -amount for key, amount in change.items()} == undone
    assert Counter(deltas([before])) + Counter() == Counter(deltas([before])), "what is added is never negative"
    total = Counter(deltas([before]))
    total.update(change)
    assert {key: amount for key, amount in total.items() if amount} == deltas([after])


def test_a_revision_that_says_the_same_writes_nothing() -> None:
    before, after = (observation(Said("a", revision, 0, "phone", (9,)).event()) for revision in (1, 2))

    assert deltas([], [(after, before)]) == {}


def test_each_answer_adds_to_three_levels_of_the_total_and_of_its_channel() -> None:
    changes = deltas([observation(Said("a", 1, 17, "phone", (9, 9)).event())])

    levels = [(1, START + 17), (15, START + 15), (1440, START - 720)]
    lines = [Slice("acme", "nps", TOTAL, ""), Slice("acme", "nps", "channel", "phone")]
    assert changes == {(line, level, start, 9 * UNIT): 2 for line in lines for level, start in levels}


def test_an_event_dated_after_its_receipt_counts_from_its_receipt() -> None:
    ahead = event("interaction.completed.v1", {"channel": "phone"}, id="1", at=NOON + timedelta(minutes=3), received=NOON)

    assert observation(ahead).occurred_at == NOON


def test_an_event_that_adds_to_no_measure_is_remembered_all_the_same() -> None:
    row = observation(event("feedback.idea_submitted.v1", {"channel": "web", "text": "longer hours"}, id="1", at=NOON))

    assert (row.tenant, row.revision, row.measures, row.components) == ("acme", 1, (), ())
    assert deltas([row]) == {}


@pytest.mark.parametrize(("type", "data", "measure"), [
    ("feedback.complaint_raised.v1", {"text": "late"}, "complaints"),
    ("interaction.completed.v1", {"abandoned": True}, "interactions"),
])  # fmt: skip
def test_complaints_and_completed_interactions_are_counted(type: str, data: dict[str, object], measure: str) -> None:
    row = observation(event(type, {"channel": "phone", **data}, id="1", at=NOON))

    assert (row.measures, row.components) == ((measure,), (COUNTED,))


def test_only_answers_to_instruments_are_placed() -> None:
    answers = [
        {"question": "1", "instrument": "nps", "score": 9},
        {"question": "2", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
        {"question": "3", "instrument": "ces", "score": 2, "scale_min": 1, "scale_max": 7, "polarity": "effort"},
        {"question": "4", "instrument": "likert", "score": 2, "scale_min": 1, "scale_max": 7},
        {"question": "5", "instrument": "text", "text": "fine"},
    ]

    row = observation(event("feedback.survey_answered.v1", {"channel": "web", "survey": "s", "answers": answers}, id="1", at=NOON))

    assert row.measures == ("nps", "csat", "ces_effort")


def test_a_type_that_no_client_may_send_is_poison() -> None:
    stranger = event("customer.erased.v1", {"customer": "c", "members": [], "reason": "asked", "actor": "key:1"}, id="1", at=NOON)

    with pytest.raises(InvalidEvent, match="type_not_on_topic"):
        observation(stranger)

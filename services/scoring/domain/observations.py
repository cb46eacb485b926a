"""What scoring keeps of every event, and what its coming, or its replacement by a revision, changes in the buckets."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from services.scoring.domain.instruments import contributions
from services.scoring.domain.slices import Slice, slices_of
from services.scoring.domain.windows import buckets_of, minute_of
from shared.contracts.decoding import Event
from shared.contracts.identity import event_digest

READ_FIELDS = ("channel", "revision", "answers", "invitation")
"""All that an observation is made of, of an event's `data`."""


class Observation(NamedTuple):
    """A row of `observations`, with its columns in their order; a plain tuple, because tens of thousands a second pass to COPY."""

    tenant: str
    event: bytes
    revision: int
    occurred_at: datetime
    type: str
    channel: str
    backfill: bool
    measures: Sequence[str]
    components: Sequence[int]


Deltas = dict[tuple[Slice, int, int, int], int]
"""(slice, level in minutes, start in minutes since the epoch, component) → the amount to add, never 0."""

_Kind = tuple[str, str, int, tuple[str, ...], tuple[int, ...]]  # tenant, channel, minute, measures, components


def observation(event: Event) -> Observation:
    """The row of one event; events that add to no measure get one too, as the memory of having seen them.

    An event dated after its receipt counts from its receipt. Raises InvalidEvent.
    """
    measures, components = contributions(event)
    return Observation(
        event.tenant,
        event_digest(event.source, event.id),
        event.data.revision,
        min(event.time, event.receivedat),
        event.type,
        event.data.channel,
        event.backfill,
        measures,
        components,
    )


def deltas(fresh: Iterable[Observation], revised: Sequence[tuple[Observation, Observation]] = ()) -> Deltas:
    """What the buckets gain: fresh rows add; of (new, old) pairs the old is taken out of its own minute and channel, the new put in."""
    kinds = Counter(map(_kind, fresh))
    for new, old in revised:
        kinds[_kind(old)] -= 1
        kinds[_kind(new)] += 1
    spread: Deltas = {}
    for (tenant, channel, minute, measures, components), amount in kinds.items():
        if amount:
            buckets = buckets_of(minute)
            for measure, component in zip(measures, components, strict=True):
                for line in slices_of(tenant, measure, channel):
                    for level, start in buckets:
                        key = (line, level, start, component)
                        spread[key] = spread.get(key, 0) + amount
    return {key: amount for key, amount in spread.items() if amount}


def _kind(row: Observation) -> _Kind:
    return row.tenant, row.channel, minute_of(row.occurred_at), tuple(row.measures), tuple(row.components)

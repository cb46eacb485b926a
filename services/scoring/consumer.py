"""What scoring does with a batch of events: observe, decide what is new, add the difference."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.domain.observations import deltas, observation
from services.scoring.schema import observations
from services.scoring.store import SliceIds, add
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from shared.database.seen import admit
from shared.kafka.batch import Received

LIVE = (FEEDBACK_EVENTS,)
BACKFILL = (FEEDBACK_BACKFILL,)

_WRITERS_A_TOPIC = 8192
_TOPICS = (*LIVE, *BACKFILL)


class ScoringHandler:
    """The shared.kafka.batch.Handler of scoring."""

    def __init__(self) -> None:
        self._ids = SliceIds()

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Count what is new in the batch. Never commits; raises InvalidEvent for an answer that no rule can place."""
        admission = await admit(session, observations, [observation(received.event) for received in batch])
        await add(session, self._ids, deltas(admission.fresh, admission.revised), writer_of(batch))


def writer_of(batch: Sequence[Received]) -> int:
    """The partition in whose rows the whole batch is counted: the lowest of those it holds.

    Whoever holds that partition alone writes these rows, so replicas never wait for each other; and one partition for the
    batch keeps the buckets narrow. Partitions of different topics never share a row.
    """
    return min(_TOPICS.index(received.topic) * _WRITERS_A_TOPIC + received.partition % _WRITERS_A_TOPIC for received in batch)

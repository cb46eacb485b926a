"""What scoring does with a batch of events: observe, decide what is new, add the difference."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.domain.observations import READ_FIELDS, Observation, deltas, observation
from services.scoring.schema import observations
from services.scoring.sources import writer_of
from services.scoring.store import SliceIds, add
from shared.contracts.decoding import decoder_of
from shared.database.seen import admit
from shared.kafka.batch import Received

_decode = decoder_of(*READ_FIELDS)


class ScoringHandler:
    """The shared.kafka.batch.Handler of scoring."""

    def __init__(self) -> None:
        self._ids = SliceIds()

    def read(self, value: bytes | None) -> Observation:
        """The observation that a record is. Raises InvalidEvent, also for an answer that no rule can place."""
        return observation(_decode(value))

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Count what is new in the batch. Never commits."""
        admission = await admit(session, observations, [received.event for received in batch])
        await add(session, self._ids, deltas(admission.fresh, admission.revised), writer_of(batch))

"""What scoring does with a batch of events: observe, decide what is new, add the difference."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.domain.observations import deltas, observation
from services.scoring.schema import observations
from services.scoring.sources import writer_of
from services.scoring.store import SliceIds, add
from shared.database.seen import admit
from shared.kafka.batch import Received


class ScoringHandler:
    """The shared.kafka.batch.Handler of scoring."""

    def __init__(self) -> None:
        self._ids = SliceIds()

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Count what is new in the batch. Never commits; raises InvalidEvent for an answer that no rule can place."""
        admission = await admit(session, observations, [observation(received.event) for received in batch])
        await add(session, self._ids, deltas(admission.fresh, admission.revised), writer_of(batch))

"""What alerts does with a batch: samples to rule states, case and clock events to alerts. What comes from backfill does nothing."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.clocks import take_case_events
from services.alerts.configuration import meet_tenants
from services.alerts.samples import take_samples
from shared.contracts.decoding import decode
from shared.contracts.topics import CASES_EVENTS, METRICS_UPDATED
from shared.kafka.batch import Received

GROUP = "alerts"
LIVE = (METRICS_UPDATED, CASES_EVENTS)
BATCH = 200
"""Events of one transaction: an alert with its groups costs many times what an event costs elsewhere."""


class AlertsHandler:
    """The shared.kafka.batch.Handler of alerts."""

    read = staticmethod(decode)

    def __init__(self) -> None:
        self._met: set[str] = set()

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Judge what is new in the batch. Never commits; raises Unavailable when another replica was faster with a rule's state."""
        live = [one for one in batch if not one.event.backfill]
        if not live:
            return
        unknown = {one.event.tenant for one in live} - self._met
        if unknown:
            now = (await session.execute(text("SELECT now()"))).scalar_one()
            # known for good only to those whose rows somebody else has committed: this transaction may still be undone
            self._met |= unknown - set(await meet_tenants(session, unknown, now))
        await take_samples(session, [one for one in live if one.event.type == "metric.sampled.v1"])
        await take_case_events(session, [one for one in live if one.event.type.startswith(("case.", "clock."))])

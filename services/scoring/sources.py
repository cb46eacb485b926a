"""What scoring reads from Kafka, who writes which rows about it, and how far it has read."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from shared.database.offsets import watermark
from shared.kafka.batch import Received

GROUP = "scoring"
LIVE = (FEEDBACK_EVENTS,)
BACKFILL = (FEEDBACK_BACKFILL,)

_TOPICS = (*LIVE, *BACKFILL)
_WRITERS_A_TOPIC = 8192


def writer_of(batch: Sequence[Received]) -> int:
    """The partition in whose rows the whole batch is counted: the lowest of those it holds.

    Whoever holds that partition alone writes these rows, so replicas never wait for each other; and one partition for the
    batch keeps the buckets narrow. Partitions of different topics never share a row.
    """
    partitions = {(received.topic, received.partition) for received in batch}
    return min(_TOPICS.index(topic) * _WRITERS_A_TOPIC + partition % _WRITERS_A_TOPIC for topic, partition in partitions)


async def read_until(session: AsyncSession) -> datetime | None:
    """The watermark of the numbers: every live event that reached the log until then is in them. None before the first reading.

    Backfill is left out: an import that waits its turn does not make the live numbers late.
    """
    return await watermark(session, GROUP, LIVE)

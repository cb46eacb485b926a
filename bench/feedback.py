"""A topic full of what contact centres send: the simulator's events, as ingest would have put them on Kafka.

Three tenants with 400 customers each, six channels, surveys with NPS, CSAT and both forms of CES, interactions, comments and
complaints, at 3,000 events a second of their own time; of a thousand records about two are sent again and four are revisions.
"""

import asyncio
import itertools
import json
import random
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.simulator.centre import ContactCentre
from shared.contracts.decoding import admit, encode
from shared.contracts.identity import partition_key
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.kafka.connection import client_arguments
from shared.kafka.consumer import BATCH
from shared.kafka.producer import BATCH_BYTES, Record
from shared.settings import KafkaSettings

SEED = 20260301
TENANTS = ("north", "middle", "south")
PER_SECOND = 3000
SENT_AGAIN_SHARE = 0.1
"""Of the repetitions and revisions of a simulated client, which are many, this share is sent."""
AT_ONCE = 20_000


def records(count: int) -> Iterator[Record]:
    """`count` records, always the same ones but for their instants, which end about now."""
    rng = random.Random(SEED)
    centres = [ContactCentre(SEED + number, "bench") for number in range(len(TENANTS))]
    known: set[tuple[str, str]] = set()
    now = datetime.now(UTC)
    at = now - timedelta(seconds=count / PER_SECOND)
    made = 0
    for tenant, centre in itertools.cycle(zip(TENANTS, centres, strict=True)):
        if made == count:
            return
        at += timedelta(seconds=1 / PER_SECOND)
        event = centre.next_event(min(at, now))
        if (tenant, event["id"]) in known and rng.random() >= SENT_AGAIN_SHARE:
            continue
        known.add((tenant, event["id"]))
        admitted = admit(json.dumps(event).encode(), now)
        assert admitted.id is not None
        assert admitted.source is not None
        value = encode(admitted, id=admitted.id, source=admitted.source, tenant=tenant, receivedat=now)
        yield Record(partition_key(tenant, admitted.customer_id, admitted.id), value)
        made += 1


async def fill(kafka: KafkaSettings, count: int) -> None:
    """Put `count` records on the topic of feedback events, which exists."""
    client = AIOKafkaProducer(**client_arguments(kafka, "bench"), acks="all", max_batch_size=BATCH_BYTES)
    await client.start()
    partitions = len(await client.partitions_for(FEEDBACK_EVENTS))
    made = records(count)
    while some := list(itertools.islice(made, AT_ONCE)):
        sent = [await client.send(FEEDBACK_EVENTS, r.value, r.key, partition=zlib.crc32(r.key) % partitions) for r in some]
        await asyncio.gather(*sent)
    await client.stop()


async def read(kafka: KafkaSettings, count: int) -> AsyncIterator[list[bytes]]:
    """The values of `count` records from the beginning of the topic, as `getmany` gives them."""
    client = AIOKafkaConsumer(FEEDBACK_EVENTS, **client_arguments(kafka, "bench"), auto_offset_reset="earliest")
    await client.start()
    left = count
    while left > 0:
        for fetched in (await client.getmany(timeout_ms=1000, max_records=BATCH)).values():
            left -= len(fetched)
            yield [record.value for record in fetched]
    await client.stop()

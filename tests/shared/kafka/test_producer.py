"""The producer on a real Kafka: one a process, batches under load, order, bounded memory, and five seconds for an answer."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.topics import SURVEYS_REQUESTS
from shared.errors import Unavailable
from shared.kafka.producer import WAIT_SECONDS, Producer, Record, Ticket
from shared.settings import KafkaSettings
from tests.servers import KafkaServer
from tests.shared.kafka.producing import connected
from tests.shared.kafka.reading import mark, read

TOPIC = SURVEYS_REQUESTS


@pytest_asyncio.fixture
async def producer(kafka: KafkaSettings) -> AsyncIterator[Producer]:
    async with connected(kafka, [TOPIC], queue_bytes=1_000_000) as producer:
        yield producer


class Counting:
    """The client library's producer, with the number of batches that were sent through it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.batches = 0

    def create_batch(self) -> Any:
        return self._client.create_batch()

    async def send_batch(self, *arguments: Any, **named: Any) -> Any:
        self.batches += 1
        return await self._client.send_batch(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def counting(producer: Producer) -> Counting:
    """Count from now on; to be called before the first record."""
    counter = Counting(producer._client)
    producer._client = counter  # type: ignore[assignment]
    return counter


def counting_on(producer: Producer, *partitions: tuple[str, int]) -> Counting:
    """Count from now on what goes to these partitions, to each of which something went before."""
    counter = Counting(producer._client)
    for partition in partitions:
        producer._lanes[partition]._client = counter  # type: ignore[assignment]
    return counter


async def test_a_process_has_one_producer_and_may_have_another_when_it_is_closed(kafka: KafkaSettings) -> None:
    first = Producer(kafka, "test", [TOPIC])
    with pytest.raises(RuntimeError, match="one producer"):
        Producer(kafka, "test", [TOPIC])
    await first.close()

    await Producer(kafka, "test", [TOPIC]).close()


async def test_many_senders_at_once_share_few_batches_and_each_has_its_own_acknowledgement(
    producer: Producer, kafka: KafkaSettings
) -> None:
    counter, since = counting(producer), await mark(kafka, TOPIC)

    await asyncio.gather(*(producer.publish(TOPIC, b"one key", b"%d" % number) for number in range(2000)))

    values = [int(record.value) for record in await read(kafka, since)]
    assert values == list(range(2000))
    assert counter.batches <= 20


async def test_a_single_record_does_not_linger(producer: Producer) -> None:
    await producer.publish(TOPIC, b"k", b"warm")
    began = asyncio.get_running_loop().time()

    for _ in range(20):
        await producer.publish(TOPIC, b"k", b"alone")

    assert (asyncio.get_running_loop().time() - began) / 20 < 0.5


async def test_records_larger_than_a_batch_together_go_in_several_and_keep_their_order(producer: Producer, kafka: KafkaSettings) -> None:
    counter, since = counting(producer), await mark(kafka, TOPIC)
    records = [Record(b"k", b"%d" % number + b"x" * 45_000, [("n", b"%d" % number)]) for number in range(20)]
    records.append(Record(b"k", b"y" * 90_000))

    ticket = producer.submit(TOPIC, 1, records)
    await ticket.done

    found = await read(kafka, since)
    assert ticket.acknowledged == len(records)
    assert [record.value for record in found] == [record.value for record in records]
    assert [dict(record.headers) for record in found][:20] == [dict(record.headers) for record in records[:20]]
    assert {record.partition for record in found} == {1}
    assert counter.batches == 2


async def test_a_full_queue_refuses_at_once_and_takes_again_when_it_has_emptied(producer: Producer) -> None:
    first = producer.submit(TOPIC, 0, [Record(b"k", b"x" * 900_000)])
    with pytest.raises(Unavailable, match="too much is waiting"):
        producer.submit(TOPIC, 1, [Record(b"k", b"x" * 100_000)])
    small = producer.submit(TOPIC, 1, [Record(b"k", b"x" * 50_000)])

    await asyncio.gather(first.done, small.done)

    await producer.submit(TOPIC, 1, [Record(b"k", b"x" * 100_000)]).done


async def test_before_kafka_was_reached_sending_is_unavailable(kafka: KafkaSettings) -> None:
    producer = Producer(kafka, "test", [TOPIC])
    attempts: list[Callable[[], object]] = [
        lambda: producer.partition_for(TOPIC, b"k"),
        lambda: producer.submit(TOPIC, 0, [Record(b"k", b"v")]),
    ]

    for attempt in attempts:
        with pytest.raises(Unavailable):
            attempt()

    await producer.close()


async def test_without_an_answer_for_five_seconds_callers_are_refused_and_what_waited_is_dropped(
    producer: Producer, kafka: KafkaSettings, kafka_server: KafkaServer
) -> None:
    since = await mark(kafka, TOPIC)
    await producer.publish(TOPIC, b"k", b"before")
    clock = asyncio.get_running_loop().time
    os.kill(kafka_server.pid, signal.SIGSTOP)
    try:
        began = clock()
        on_its_way = asyncio.create_task(producer.publish(TOPIC, b"k", b"on its way"))
        await asyncio.sleep(0.2)
        waiting = [asyncio.create_task(producer.publish(TOPIC, b"k", b"waiting")) for _ in range(10)]
        refusals = await asyncio.gather(on_its_way, *waiting, return_exceptions=True)
        took = clock() - began
    finally:
        os.kill(kafka_server.pid, signal.SIGCONT)

    await producer.publish(TOPIC, b"k", b"after")

    assert all(isinstance(refusal, Unavailable) for refusal in refusals)
    assert WAIT_SECONDS <= took < kafka.request_timeout_seconds, "before the client library gives up"
    values = [record.value for record in await read(kafka, since)]
    assert values[0] == b"before" and values[-1] == b"after"
    assert b"waiting" not in values


async def test_records_join_a_batch_that_waits_for_the_broker_unless_its_first_caller_was_refused(
    producer: Producer, kafka_server: KafkaServer
) -> None:
    await asyncio.gather(*(producer.submit(TOPIC, partition, [Record(b"k", b"before")]).done for partition in (0, 1)))
    counter = counting_on(producer, (TOPIC, 0), (TOPIC, 1))
    os.kill(kafka_server.pid, signal.SIGSTOP)
    try:
        producer.submit(TOPIC, 0, [Record(b"k", b"occupies the connection")])
        await asyncio.sleep(0.1)
        joined = [producer.submit(TOPIC, 1, [Record(b"k", b"joins")]) for _ in range(3)]
        await asyncio.sleep(0.1)
        joined.append(producer.submit(TOPIC, 1, [Record(b"k", b"joins later")]))
        await asyncio.wait({ticket.done for ticket in joined})
        late = producer.submit(TOPIC, 1, [Record(b"k", b"is in time for the next")])
    finally:
        os.kill(kafka_server.pid, signal.SIGCONT)

    await late.done

    assert [ticket.handed_over for ticket in joined] == [1] * 4
    assert all(isinstance(ticket.done.exception(), Unavailable) for ticket in joined)
    assert counter.batches == 3


async def test_a_refusal_that_nobody_waits_for_any_more_is_no_error() -> None:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context))

    for answered in (loop.create_future(), loop.create_future()):
        Ticket([Record(b"k", b"v")], answered, deadline=0.0).fail(Unavailable("kafka", "away"))
    del answered
    gc.collect()

    assert told == []


async def test_stopping_sends_what_was_handed_over_and_refuses_what_waits(kafka: KafkaSettings) -> None:
    since = await mark(kafka, TOPIC)
    async with connected(kafka, [TOPIC]) as producer:
        handed_over = asyncio.create_task(producer.publish(TOPIC, b"k", b"handed over"))
        while not any(lane._batch is not None and lane._batch.closed() for lane in producer._lanes.values()):  # the library has taken it up
            await asyncio.sleep(0)
        waiting = asyncio.create_task(producer.publish(TOPIC, b"k", b"waiting"))
        await asyncio.sleep(0)
        await producer.close()
        await handed_over
        with pytest.raises(Unavailable, match="stopping"):
            await waiting

    assert [record.value for record in await read(kafka, since)] == [b"handed over"]

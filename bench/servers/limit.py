"""The limit: a bare ASGI callable and our producer's micro-batches, without keys, contracts, limits or metrics."""

import asyncio
import os
from typing import Any

import msgspec
import uvloop

from bench.servers import TOPIC
from shared.kafka.producer import Producer, Record
from shared.settings import KafkaSettings, load
from shared.web.health import Health
from shared.web.process import run_process

_items = msgspec.json.Decoder(list[msgspec.Raw])


class Bare:
    """Puts bodies on Kafka, and answers when they are acknowledged."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._next = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/health/ready":
            parts, more = [], True
            while more:
                message = await receive()
                parts.append(message["body"])
                more = message["more_body"]
            await self._publish(b"".join(parts))
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _publish(self, body: bytes) -> None:
        values = [bytes(item) for item in _items.decode(body)] if body[:1] == b"[" else [body]
        lanes: dict[int, list[Record]] = {}
        for value in values:
            self._next += 1
            key = b"%d" % self._next
            lanes.setdefault(self._producer.partition_for(TOPIC, key), []).append(Record(key, value))
        for ticket in [self._producer.submit(TOPIC, partition, records) for partition, records in lanes.items()]:
            await ticket.done


async def main() -> None:
    """Serve until SIGTERM."""
    producer = Producer(load(KafkaSettings), "limit", [TOPIC])
    await run_process(Bare(producer), host="127.0.0.1", port=int(os.environ["PORT"]), loops=[producer], health=Health(), drain_seconds=5)
    await producer.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

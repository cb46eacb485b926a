"""`hearback dead-letters`: what consumers have set aside, and bringing it back to the one consumer that failed.

What a record says stays hidden unless it is asked for: it is what a customer wrote.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer
from aiokafka import ConsumerRecord
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from services.cli.kafka_log import open_log
from services.cli.running import join_running_stack
from shared.contracts.topics import TOPICS, dead_topic
from shared.errors import ConfigurationError, Unavailable
from shared.kafka import dead_letters
from shared.kafka.producer import Producer
from shared.loops import backoff
from shared.settings import KafkaSettings, load

CLIENT = "hearback-dead-letters"
POLL_MILLISECONDS = 500
AT_ONCE = 500
TRIES = 12

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Records that a consumer could not process.")
TopicOption = Annotated[str | None, typer.Option(help="Only those that came from this topic.")]
ConsumerOption = Annotated[str | None, typer.Option(help="Only those that this consumer set aside.")]


class Place(NamedTuple):
    """Where a record stands: written TOPIC/PARTITION/OFFSET."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of a dead topic. `source` is where the record that failed stands, `attempt` how often it has."""

    place: Place
    at: datetime
    consumer: str
    reason: str
    source: Place
    attempt: int
    key: bytes
    value: bytes
    headers: dead_letters.Headers


class Wanted(NamedTuple):
    """Which dead letters are meant; None: whatever it is."""

    topic: str | None = None
    consumer: str | None = None
    record: Place | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this one is meant."""
        wanted = (self.topic, letter.source.topic), (self.consumer, letter.consumer), (self.record, letter.source)
        return all(one is None or one == given for one, given in wanted)

    def dead_topics(self) -> list[str]:
        """Where they can be. Raises ConfigurationError for a topic that has none."""
        named = self.record.topic if self.record else self.topic
        with_dead = [topic.name for topic in TOPICS.values() if topic.dead]
        if named is not None and named not in with_dead:
            raise ConfigurationError(f"no dead letters can come from {named}: it must be one of {', '.join(with_dead)}")
        return [dead_topic(name) for name in with_dead if named in (None, name)]


@app.command("list")
def list_letters(
    topic: TopicOption = None,
    consumer: ConsumerOption = None,
    show: Annotated[bool, typer.Option("--show", help="Also what the records hold: this is what customers wrote.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show what was set aside in the last 30 days, oldest first, also what has been replayed since."""
    wanted = Wanted(topic, consumer)
    join_running_stack()
    letters = sorted(asyncio.run(_collect(load(KafkaSettings), wanted, show)), key=lambda told: (told["at"], told["record"]))
    if as_json:
        typer.echo(json.dumps(letters))
        return
    columns = ("at", "consumer", "reason", "record", "attempt", *(["content"] if show else []))
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for told in letters:
        table.add_row(*(Text(str(told[name])) for name in columns))
    Console().print(table if letters else "no dead letters")


@app.command()
def replay(
    topic: TopicOption = None,
    consumer: ConsumerOption = None,
    record: Annotated[str | None, typer.Option(help="Only the one of this record, TOPIC/PARTITION/OFFSET as `list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
) -> None:
    """Write records to their source topic again, each for the consumer that failed alone. Doing it twice counts nothing twice."""
    if not (topic or consumer or record or everything):
        raise ConfigurationError("say which dead letters to replay: --record, --topic, --consumer or --all")
    wanted = Wanted(topic, consumer, None if record is None else _place(record))
    join_running_stack()
    replayed = asyncio.run(_replay(load(KafkaSettings), wanted))
    if record is not None and not replayed:
        raise ConfigurationError(f"no dead letter came from {record}")
    typer.echo(f"replayed {replayed} dead letters")


async def read(kafka: KafkaSettings, wanted: Wanted) -> AsyncIterator[DeadLetter]:
    """The dead letters that are meant, from the beginning of their topics to the end that these have now.

    Raises Unavailable, and ConfigurationError when a topic is not there.
    """
    async with open_log(kafka, CLIENT, wanted.dead_topics()) as log:
        begins, ends = await log.client.beginning_offsets(log.partitions), await log.client.end_offsets(log.partitions)
        unread = {partition for partition in log.partitions if begins[partition] < ends[partition]}
        if unread:
            log.client.assign(list(unread))
        for partition in unread:
            log.client.seek(partition, begins[partition])
        while unread:
            for partition, records in (await log.client.getmany(*unread, timeout_ms=POLL_MILLISECONDS)).items():
                for record in records:
                    letter = _letter(record)
                    if record.offset < ends[partition] and letter is not None and wanted.takes(letter):
                        yield letter
            unread = {partition for partition in unread if await log.client.position(partition) < ends[partition]}


class NewestAttempts:
    """Of each record that failed at a consumer the dead letter of its last attempt; holds places only, never contents.

    What failed again after a replay stands in the topic once for every attempt, and what the relay sent twice stands
    there twice: were each replayed, they would double with every replay.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str, bytes], tuple[int, Place]] = {}

    def add(self, letter: DeadLetter) -> None:
        """Take one more into account."""
        same = (letter.consumer, letter.source.topic, hashlib.blake2b(letter.key + b"\0" + letter.value).digest())
        if same not in self._newest or self._newest[same][0] < letter.attempt:
            self._newest[same] = (letter.attempt, letter.place)

    @property
    def places(self) -> set[Place]:
        """Where the newest attempts stand, on the dead topics."""
        return {place for _, place in self._newest.values()}

    @property
    def sources(self) -> set[str]:
        """The topics that the records came from."""
        return {topic for _, topic, _ in self._newest}


async def _collect(kafka: KafkaSettings, wanted: Wanted, show: bool) -> list[dict[str, Any]]:
    return [_told(letter, show) async for letter in read(kafka, wanted)]


def _told(letter: DeadLetter, show: bool) -> dict[str, Any]:
    content = {"content": letter.value.decode(errors="backslashreplace")} if show else {}
    return {
        "at": letter.at.isoformat(timespec="milliseconds"),
        "consumer": letter.consumer,
        "reason": letter.reason,
        "record": str(letter.source),
        "attempt": letter.attempt,
        **content,
    }


async def _replay(kafka: KafkaSettings, wanted: Wanted) -> int:
    """How many were written and acknowledged. Raises Unavailable when Kafka does not take them all."""
    newest = NewestAttempts()
    async for letter in read(kafka, wanted):
        newest.add(letter)
    places, done = newest.places, 0
    if not places:
        return 0
    async with _producer(kafka, sorted(newest.sources)) as producer:
        waiting: list[DeadLetter] = []
        async for letter in read(kafka, wanted):
            if letter.place in places:
                waiting.append(letter)
            if len(waiting) == AT_ONCE:
                done += await _publish_all(producer, waiting, done)
                waiting = []
        done += await _publish_all(producer, waiting, done)
    return done


async def _publish_all(producer: Producer, letters: Sequence[DeadLetter], done: int) -> int:
    try:
        await asyncio.gather(*(_publish(producer, letter) for letter in letters))
    except Unavailable as unavailable:
        raise Unavailable("kafka", f"{unavailable.detail}; {done} dead letters are replayed, do it again for the rest") from None
    return len(letters)


async def _publish(producer: Producer, letter: DeadLetter) -> None:
    """Send one, also while the producer still connects. Raises Unavailable after the last try."""
    back = dead_letters.replayed(letter.key, letter.value, letter.headers)
    for tried, pause in enumerate(backoff(), start=1):
        try:
            await producer.publish(back.topic, back.key, back.value, back.headers)
            return
        except Unavailable:
            if tried == TRIES:
                raise
        await asyncio.sleep(pause)


@asynccontextmanager
async def _producer(kafka: KafkaSettings, topics: Sequence[str]) -> AsyncIterator[Producer]:
    producer = Producer(kafka, CLIENT, topics)
    stop = asyncio.Event()
    running = asyncio.create_task(producer.run(stop, beat=_nobody_watches))
    try:
        yield producer
    finally:
        stop.set()
        await running
        await producer.close()


def _nobody_watches() -> None:
    """A command is watched by the person who called it."""


def _letter(record: ConsumerRecord) -> DeadLetter | None:
    """The record as a dead letter; None when it does not carry the headers of one, which no consumer of ours writes."""
    told = {name: content.decode(errors="replace") for name, content in record.headers}
    names = dead_letters.TOPIC, dead_letters.PARTITION, dead_letters.OFFSET, dead_letters.ATTEMPT
    if not {*names, dead_letters.CONSUMER, dead_letters.ERROR} <= told.keys():
        return None
    topic, *numbers = (told[name] for name in names)
    if not all(number.isdecimal() for number in numbers):
        return None
    partition, offset, attempt = map(int, numbers)
    return DeadLetter(
        place=Place(record.topic, record.partition, record.offset),
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        consumer=told[dead_letters.CONSUMER],
        reason=told[dead_letters.ERROR],
        source=Place(topic, partition, offset),
        attempt=attempt,
        key=record.key or b"",
        value=record.value or b"",
        headers=record.headers,
    )


def _place(text: str) -> Place:
    topic, *numbers = text.split("/")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise ConfigurationError(f"--record {text}: must be TOPIC/PARTITION/OFFSET, for example feedback.events.v1/3/1042")
    return Place(topic, int(numbers[0]), int(numbers[1]))

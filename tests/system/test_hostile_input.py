"""What nobody should send: refused at the edge with a clear text, set aside behind it, never in the way of the rest and never in a log."""

import asyncio
import copy
import json
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.contracts.decoding import decode
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS, TOPICS, dead_topic
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.offsets import read_positions
from shared.kafka.batch import Received
from shared.kafka.consumer import Consumer
from shared.kafka.dead_letters import ATTEMPT, CONSUMER, ERROR, OFFSET, PARTITION, TOPIC, replayed
from shared.kafka.ends import log_ends
from shared.kafka.metrics import ConsumerMetrics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.servers import PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.shared.loops import running
from tests.shared.tables import metadata
from tests.system.expectations import everything_read
from tests.system.platform import Platform, Service

TENANT = "hostile"
MARKER = "marker-9f3a"
"""Stands in everything that is sent here, and may stand in no log."""
CUSTOMERS = ("c-1", "c-2", "c-3")


def answered(id: str, customer: str, score: float = 10, **data: Any) -> dict[str, Any]:
    """A good event."""
    at = (utc_now() - timedelta(minutes=2)).isoformat()
    answers = [{"question": "q", "instrument": "nps", "score": score}]
    content = {"channel": "phone", "survey": "s", "customer": {"id": customer}, "comment": MARKER, "answers": answers, **data}
    return {"specversion": "1.0", "id": id, "source": "/t", "type": "feedback.survey_answered.v1", "time": at, "data": content}


def text_of(**change: Any) -> bytes:
    return json.dumps(answered(uuid4().hex, "c-1") | change).encode()


def with_text(text: str, ascii_only: bool = True) -> bytes:
    event = json.dumps(answered(uuid4().hex, "c-1", comment=f"{MARKER}{text}"), ensure_ascii=ascii_only)
    return event.encode("utf-8", "surrogatepass")


def with_number(number: str) -> bytes:
    return text_of().replace(b'"score": 10', b'"score": ' + number.encode())


HOSTILE: dict[str, tuple[bytes, int, str]] = {
    "escaped NUL": (with_text("\0"), 422, "NUL"),
    "raw NUL": (with_text("?").replace(b"?", b"\0"), 400, "not JSON"),
    "half a surrogate pair": (with_text("\ud83d"), 422, "surrogate"),
    "surrogate in UTF-8": (with_text("\ud83d", ascii_only=False), 422, "UTF-8"),
    "invalid UTF-8": (with_text("?").replace(b"?", b"\xff"), 422, "UTF-8"),
    "UTF-16": (with_text("").decode().encode("utf-16"), 400, "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + text_of(), 400, "not JSON"),
    "empty": (b"", 400, "no event"),
    "blank": (b" \r\n", 400, "no event"),
    "year 9999": (text_of(time="9999-12-31T23:59:59Z"), 422, "5 minutes ahead"),
    "year 9999 west of Greenwich": (text_of(time="9999-12-31T23:59:59-14:00"), 422, "5 minutes ahead"),
    "year 1": (text_of(time="0001-01-01T00:00:00+14:00"), 422, "before 2000"),
    "eleven years ago": (text_of(time="2015-01-01T00:00:00Z"), 422, "10 years"),
    "no offset": (text_of(time="2026-03-01T10:00:00"), 422, "offset"),
    "deep arrays": (text_of().replace(b'"c-1"', b"[" * 50_000 + b"]" * 50_000), 400, "nested far deeper than any event"),
    "deep objects": (text_of().replace(b'"c-1"', b'{"a":' * 500 + b"1" + b"}" * 500), 422, "nested far deeper than any event; send only"),
    "huge integer": (with_number("1" + "0" * 4000), 422, ""),
    "1e999": (with_number("1e999"), 422, ""),
    "NaN": (with_number("NaN"), 422, "finite"),
    "truth for a number": (with_number("true"), 422, "number"),
    "huge revision": (text_of().replace(b'"survey"', b'"revision": 9999999999, "survey"'), 422, "at most"),
    "foreign tenant": (text_of(tenant="umbrella"), 403, "another tenant"),
    "tenant that is none": (text_of(tenant=f"{MARKER}' OR 1=1 --"), 422, "tenant"),
    "one too large event": (with_text("x" * 300_000), 422, "larger than"),
    "names without end": (json.dumps({**answered("x", "c-1"), **{f"{MARKER}{n}" * 50: 1 for n in range(500)}}).encode(), 422, ""),
}


@pytest_asyncio.fixture(scope="module")
async def key(platform: Platform) -> str:
    return await platform.key(TENANT)


@pytest_asyncio.fixture
async def client(platform: Platform, ingest: Service, key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.client(ingest, key) as client:
        yield client


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_input_is_refused_at_the_edge_with_a_clear_text(
    platform: Platform, ingest: Service, client: httpx.AsyncClient, name: str
) -> None:
    body, status, words = HOSTILE[name]
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS, FEEDBACK_BACKFILL)

    answer = await client.post("/v1/events", content=body)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert len(answer.content) < 20_000
    assert await read(platform.kafka_settings, since) == []
    assert MARKER not in ingest.log()


async def test_one_hostile_event_costs_no_other_of_its_batch(client: httpx.AsyncClient) -> None:
    items = [text_of(), HOSTILE["half a surrogate pair"][0], text_of(), HOSTILE["1e999"][0], HOSTILE["escaped NUL"][0], text_of()]
    array, lines = b"[" + b", ".join(items) + b"]", b"\n".join([*items, HOSTILE["raw NUL"][0], HOSTILE["deep arrays"][0]])

    in_array = await client.post("/v1/events", content=array)
    in_lines = await client.post("/v1/events", content=lines, headers={"content-type": "application/x-ndjson"})

    assert (in_array.status_code, in_array.json()["accepted"]) == (202, 3)
    assert [r["index"] for r in in_array.json()["rejected"]] == [1, 3, 4]
    assert (in_lines.status_code, in_lines.json()["accepted"]) == (202, 3)
    assert [r["index"] for r in in_lines.json()["rejected"]] == [1, 3, 4, 6, 7]


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
async def test_a_body_of_ten_megabytes_is_refused_and_the_answer_can_be_read(client: httpx.AsyncClient, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    answer = await client.post("/v1/events", content=b" " * 10_485_760 if announced else chunks())

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:hearback:problem:body_too_large")
    assert (await client.post("/v1/events", content=text_of())).status_code == 202


def poison_records() -> dict[str, tuple[bytes | None, str]]:
    """Bytes that no consumer can process, wrong where scoring reads them, and the reason that their dead letter must tell."""
    good = answered("poison", "c-1") | {"tenant": TENANT, "receivedat": utc_now().isoformat()}

    def wrong(**change: Any) -> bytes:
        return json.dumps(good | change).encode()

    def wrong_data(**change: Any) -> bytes:
        event = copy.deepcopy(good)
        event["data"] |= change
        return json.dumps(event).encode()

    return {
        "no JSON": (f"{MARKER} is no JSON".encode(), "not_json"),
        "no text": (MARKER.encode() + b"\xff\xfe\x00", "not_text"),
        "null": (None, "empty"),
        "year 9999": (wrong(time="9999-12-31T23:59:59Z"), "time_out_of_range"),
        "year 9999, also received": (wrong(time="9999-12-31T00:00:00Z", receivedat="9999-12-31T00:00:00Z"), "time_out_of_range"),
        "NUL": (wrong_data(comment=f"{MARKER}\0"), "not_text"),
        "surrogate": (wrong_data(answers=[{"question": f"{MARKER}\ud800", "instrument": "nps", "score": 9}]), "not_text"),
        "unknown type": (wrong(type="feedback.sung.v1"), "unknown_type"),
        "foreign pattern": (wrong(tenant=f"{MARKER} / umbrella"), "invalid_envelope"),
        "no tenant": (json.dumps({k: v for k, v in good.items() if k != "tenant"}).encode(), "invalid_envelope"),
        "oversized id": (wrong(id="x" * 20_000), "invalid_envelope"),
        "oversized value": (wrong_data(answers=[{"question": "x" * 800_000, "instrument": "nps", "score": 9}]), "invalid_data"),
        "impossible score": (wrong_data(answers=[{"question": "q", "instrument": "nps", "score": 11}]), "invalid_data"),
        "array": (b"[" * 5000 + b"]" * 5000, "too_deep"),
    }


@dataclass
class Recording:
    """A consumer of another service, which keeps what it is given."""

    seen: list[str] = field(default_factory=list)

    read = staticmethod(decode)

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        self.seen += [received.event.id for received in batch if received.event.tenant == TENANT]


@pytest_asyncio.fixture
async def bystander(postgres_server: PostgresServer) -> AsyncIterator[Sessions]:
    """The database of a second consumer group."""
    engine = create_engine(DatabaseSettings(url=SecretStr(await postgres_server.create_database("bystander"))), "test")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    yield create_sessions(engine)
    await engine.dispose()


class Log:
    """Writes straight to `feedback.events.v1`, past the edge."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def write(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> tuple[int, int]:
        """Returns partition and offset; the partition is the one that ingest takes for this key."""
        partition = zlib.crc32(key) % TOPICS[FEEDBACK_EVENTS].partitions
        written = await self._producer.send_and_wait(FEEDBACK_EVENTS, value, key, partition, headers=list(headers))
        return written.partition, written.offset


@pytest_asyncio.fixture
async def log(platform: Platform) -> AsyncIterator[Log]:
    producer = AIOKafkaProducer(bootstrap_servers=platform.kafka.bootstrap, max_request_size=2_000_000)
    await producer.start()
    yield Log(producer)
    await producer.stop()


def headers_of(record: ConsumerRecord) -> dict[str, bytes]:
    return dict(record.headers)


async def dead_letters(kafka: KafkaSettings, since: Any, count: int) -> dict[tuple[int, int], ConsumerRecord]:
    """What scoring set aside since a mark, by the partition and offset that it came from; waits for `count` of them."""
    async with asyncio.timeout(30):
        while True:
            found = [record for record in await read(kafka, since) if headers_of(record).get(CONSUMER) == b"scoring"]
            if len(found) >= count:
                return {(int(headers_of(r)[PARTITION]), int(headers_of(r)[OFFSET])): r for r in found}
            await asyncio.sleep(0.1)


async def counted(reading: httpx.AsyncClient) -> int:
    """How many answers of this tenant scoring has counted, when it has read all there is."""
    await everything_read(reading)
    (item,) = (await reading.get("/v1/metrics", params={"metric": "nps", "window": "1h"})).json()["items"]
    return int(item["n"])


async def dead_letters_of(sessions: Sessions) -> int:
    async with sessions() as session:
        return int((await session.execute(text("SELECT count(*) FROM outbox"))).scalar_one())


async def until_caught_up(kafka: KafkaSettings, bystander: Sessions) -> None:
    """Until the bystander has processed all that stands in the log now."""
    ends = await log_ends(kafka, [FEEDBACK_EVENTS])
    async with asyncio.timeout(60):
        while True:
            async with bystander() as session:
                positions = await read_positions(session, "bystander", [FEEDBACK_EVENTS])
            if all(positions.get(partition, 0) >= end for partition, end in ends.items()):
                return
            await asyncio.sleep(0.05)


async def test_poison_is_set_aside_and_a_replay_reaches_only_the_consumer_that_failed(
    platform: Platform, ingest: Service, scoring: Service, key: str, client: httpx.AsyncClient, log: Log, bystander: Sessions
) -> None:
    kafka, poison = platform.kafka_settings, poison_records()
    since = await mark(kafka, dead_topic(FEEDBACK_EVENTS))
    written: dict[tuple[int, int], str] = {}
    recording = Recording()
    consumer = Consumer(kafka=kafka, group="bystander", live=[FEEDBACK_EVENTS], handler=recording, sessions=bystander,
                        metrics=ConsumerMetrics("bystander", CollectorRegistry()))  # fmt: skip

    async def post(*ids: str) -> None:
        answer = await client.post("/v1/events", json=[answered(id, customer) for id in ids for customer in CUSTOMERS])
        assert answer.status_code == 202, answer.text

    async def seen_by_bystander(id: str) -> None:
        async with asyncio.timeout(30):
            while recording.seen.count(id) < len(CUSTOMERS):
                await asyncio.sleep(0.05)

    async with platform.client(scoring, key) as reading, running(consumer):
        before = await counted(reading)
        await until_caught_up(kafka, bystander)
        set_aside_before = await dead_letters_of(bystander)  # poison that other tests left in the log
        for number, (name, (value, _)) in enumerate(poison.items()):
            await post(f"good-{number}")
            written[await log.write(f"{TENANT}:{CUSTOMERS[number % 3]}".encode(), value)] = name
        await post("last")

        first = await dead_letters(kafka, since, len(poison))
        # the three events of one id are one event of one identity
        assert await counted(reading) == before + len(poison) + 1
        assert first.keys() == written.keys()
        for place, letter in first.items():
            value, reason = poison[written[place]]
            told = headers_of(letter)
            assert (letter.value or None) == value
            assert told[ERROR].decode().split(":")[0] == reason, written[place]
            assert MARKER.encode() not in told[ERROR]
            assert (told[TOPIC], told[ATTEMPT]) == (FEEDBACK_EVENTS.encode(), b"1")

        await seen_by_bystander("last")
        set_aside_by_bystander, seen = await dead_letters_of(bystander), len(recording.seen)
        since = await mark(kafka, dead_topic(FEEDBACK_EVENTS))
        for letter in first.values():
            back = replayed(letter.key, letter.value, letter.headers)
            await log.write(back.key, back.value, back.headers)
        letter = next(iter(first.values()))
        mended = json.dumps(answered("mended", "c-9") | {"tenant": TENANT, "receivedat": utc_now().isoformat()}).encode()
        back = replayed(letter.key, mended, letter.headers)
        await log.write(back.key, back.value, back.headers)
        await post("after")

        second = await dead_letters(kafka, since, len(poison))
        assert await counted(reading) == before + len(poison) + 3
        assert [headers_of(record)[ATTEMPT] for record in second.values()] == [b"2"] * len(poison)
        assert sorted(record.value for record in second.values()) == sorted(record.value for record in first.values())
        await seen_by_bystander("after")

    assert set_aside_by_bystander == await dead_letters_of(bystander) == set_aside_before + len(poison)
    assert (len(recording.seen) - seen, "mended" in recording.seen) == (len(CUSTOMERS), False)
    assert MARKER not in ingest.log() + scoring.log()

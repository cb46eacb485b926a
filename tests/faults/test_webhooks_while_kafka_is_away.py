"""Kafka is away while vendors send: they are answered as always, and everything is on the topic when it is back."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from services.ingest.adapters.adapter import Answer, Request
from shared.contracts.topics import FEEDBACK_EVENTS
from tests.ingest.adapters.case import Case, Vector
from tests.ingest.adapters.cases import CASES, VECTORS
from tests.ingest.adapters.cases.twilio import signed_for
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.system.connecting import connect, form_response, submit
from tests.system.platform import Platform

ANSWERS = 20
PUBLIC_URL = "https://feedback.example.com"
VENDORS = list({(case.adapter, case.answer): case for case in [*VECTORS, *reversed(CASES)] if case.answer is not None}.values())
"""Of every vendor that sends, one request for each answer that it gets, checks of the address among them."""
LONG_AGO = """
import base64, json, os, sys
from datetime import datetime
from pathlib import Path
import shared.clock
from services.ingest.channels.vendor_keys import VendorKeys

right, told = shared.clock.utc_now, Path(os.environ["TEST_SAMPLE"])
sample = lambda: json.loads(told.read_text())
shared.clock.utc_now = lambda: datetime.fromisoformat(sample()["at"]) if told.exists() else right()

async def body(self, endpoint, call):
    return base64.b64decode(sample()["keys"][call.url])

VendorKeys.body = body
from services.ingest.main import main
sys.exit(main(frozenset({"access", "channels"})))
"""
"""Ingest at the time of each sample, since most signatures age, with the public keys of the test in the place of Amazon's and Google's."""


@dataclass(frozen=True)
class Vendors:
    """A process of ingest, and the file that tells it which sample comes next."""

    platform: Platform
    sample: Path


@pytest_asyncio.fixture(scope="module")
async def vendors(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Vendors]:
    """One process of ingest."""
    folder = tmp_path_factory.mktemp("services")
    platform, sample = Platform(kafka_server, postgres_server, folder), folder / "sample.json"
    await platform.prepare("ingest")
    more = {"TEST_SAMPLE": str(sample), "HEARBACK_INGEST_PUBLIC_URL": PUBLIC_URL}
    await platform.start("ingest", program=LONG_AGO, more=more)
    yield Vendors(platform, sample)
    await platform.stop_all()


async def test_vendors_are_answered_while_kafka_is_away_and_all_they_sent_is_there_when_it_is_back(vendors: Vendors) -> None:
    platform, since = vendors.platform, await mark(vendors.platform.kafka_settings, FEEDBACK_EVENTS)
    async with platform.client(platform.one("ingest"), await platform.key("kafka-away-webhooks")) as client:
        endpoint = await connect(client)
        connected = [await connected_to(client, case) for case in VENDORS]
        before = await submit(client, endpoint, form_response("before"))
        platform.kafka.kill()
        answers = await asyncio.gather(*(submit(client, endpoint, form_response(f"while-away-{n}")) for n in range(ANSWERS)))
        heard = [await answer_to(client, case, one, vendors.sample) for case, one in zip(VENDORS, connected, strict=True)]
        vendors.sample.unlink()
        spooled = await platform.one("ingest").metric("hearback_ingest_channel_spooled_events_total")
        await platform.kafka.restart()
        everything = {(endpoint, id) for id in ("before", *(f"while-away-{n}" for n in range(ANSWERS)))}
        for case, one in zip(VENDORS, connected, strict=True):
            everything |= {(one, event["id"]) for event in case.expected} if isinstance(case, Case) else set()
        async with asyncio.timeout(60):
            while not everything <= (found := {named(record.value) for record in await read(platform.kafka_settings, since)}):
                await asyncio.sleep(0.2)

    assert before.status_code == 200
    assert [answer.status_code for answer in answers] == [200] * ANSWERS
    assert found == everything
    assert spooled > 0
    assert heard == [(str(case), case.answer) for case in VENDORS]


async def connected_to(client: httpx.AsyncClient, case: Case | Vector) -> str:
    """The id of an endpoint for a sample."""
    secrets, options = case.secrets.model_dump(mode="json"), case.options.model_dump(mode="json")
    zone = str(case.zone) if isinstance(case, Case) else "UTC"
    return await connect(client, channel=case.adapter, name=str(case), secrets=secrets, options=options, zone=zone)


async def answer_to(client: httpx.AsyncClient, case: Case | Vector, endpoint: str, sample: Path) -> tuple[str, Answer]:
    """What the vendor of a sample hears."""
    tell(sample, case)
    request = sent(case, f"/v1/channels/{case.adapter}/{endpoint}")
    answer = await client.request(request.method, request.url.removeprefix(PUBLIC_URL), content=request.body, headers=dict(request.headers))
    return str(case), Answer(answer.status_code, answer.content, answer.headers["content-type"].partition(";")[0])


def tell(sample: Path, case: Case | Vector) -> None:
    """Ingest reads the file at any time, and so all of it is there at once."""
    keys = {url: base64.b64encode(body).decode() for url, body in case.keys.items()}
    written = sample.with_suffix(".new")
    written.write_text(json.dumps({"at": case.at.isoformat(), "keys": keys}))
    written.replace(sample)


def sent(case: Case | Vector, path: str) -> Request:
    """The vendor's request to this path. Twilio alone signs the address, too."""
    request = case.request(case.body) if isinstance(case, Case) else Request(case.method, case.url, case.headers, case.body, case.at)
    query = urlsplit(request.url).query
    url = f"{PUBLIC_URL}{path}?{query}" if query else f"{PUBLIC_URL}{path}"
    if isinstance(case, Case) and "x-twilio-signature" in request.headers:
        [token] = case.secrets.model_dump().values()
        return replace(case, sign=signed_for(url, token)).request(case.body)
    return replace(request, url=url)


def named(event: bytes) -> tuple[str, str]:
    """The endpoint that an event came by, and its id."""
    read = json.loads(event)
    return read["source"].rpartition("/")[2], read["id"]

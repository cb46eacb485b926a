"""Every sample of every vendor through the whole of ingest: an endpoint made over HTTP, the vendor's request, its answer, its events.

While Kafka is away the vendor hears the same: a challenge, an echo, an Ack.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from services.ingest.adapters.adapter import Fetch
from services.ingest.channels.job import opened
from shared.database.engine import Sessions
from tests.ingest.adapters.case import Case
from tests.ingest.adapters.cases import CASES
from tests.ingest.channels.replica import BOX, Replica, ok
from tests.ingest.partitions import PARTITIONS

TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00"


async def test_every_sample_of_every_vendor_is_answered_stored_and_fetched_as_it_should_be(replica: Replica, sessions: Sessions) -> None:
    differences = []
    async with replica.client() as client:
        for case in CASES:
            wanted = {"channel": case.adapter, "name": str(case), "zone": str(case.zone), "secrets": case.secrets.model_dump(mode="json"),
                      "options": case.options.model_dump(mode="json")}  # fmt: skip
            endpoint = (await ok(client.post("/v1/endpoints", json=wanted), 201))["id"]
            for url, body in case.keys.items():
                replica.receiver._keys._kept[url] = (body, math.inf)  # as if they had been fetched
            found = await replica.receiver.endpoint(case.adapter, endpoint)
            for refused in (set(), set(range(PARTITIONS))):
                await empty(replica, sessions)
                replica.log.refused = refused
                answer = await replica.receiver.receive(found, case.request(case.body), TRACE)
                became = (answer, await stored(replica, sessions, endpoint), await asked(sessions))
                if became != (case.answer, expected(case), fetches(case)):
                    differences.append((str(case), *became, expected(case)))

    assert differences == [], json.dumps(differences, default=str, ensure_ascii=False)
    assert await kept(sessions) == 0


async def empty(replica: Replica, sessions: Sessions) -> None:
    """Nothing has come so far."""
    replica.log.records.clear()
    replica.receiver._kafka.left_alone_until = 0.0
    async with sessions.begin() as session:
        for table in ("outbox", "channel_fetches", "channel_once"):
            await session.execute(text(f"DELETE FROM {table}"))


async def stored(replica: Replica, sessions: Sessions, endpoint: str) -> list[dict[str, Any]]:
    """What lies on the log and in the outbox, without what the platform adds."""
    async with sessions() as session:
        spooled = (await session.execute(text("SELECT value FROM outbox ORDER BY position"))).scalars().all()
    events = [json.loads(value) for value in (*(record.value for record in replica.log.records), *spooled)]
    assert {event["source"].rpartition("/")[2] for event in events} <= {endpoint}
    return sorted((as_told(event) for event in events), key=by_id)


def by_id(event: Mapping[str, Any]) -> str:
    """Events of different customers come to the log in any order."""
    return str(event["id"])


def as_told(event: Mapping[str, Any]) -> dict[str, Any]:
    """Type, id, instant and data; of a phone number the digits, since ingest writes it in E.164."""
    data = dict(event["data"])
    if "phone" in (customer := data.get("customer") or {}):
        data["customer"] = {**customer, "phone": re.sub(r"[^0-9]", "", customer["phone"])}
    return {"type": event["type"], "id": event["id"], "time": datetime.fromisoformat(event["time"]), "data": data}


async def asked(sessions: Sessions) -> list[tuple[str, Fetch]]:
    """What is still to be fetched."""
    async with sessions() as session:
        rows = await session.execute(text("SELECT kind, step FROM channel_fetches ORDER BY kind, key"))
        return [(row.kind, opened(BOX, row.step)) for row in rows]


async def kept(sessions: Sessions) -> int:
    """How much could not be read."""
    async with sessions() as session:
        return int((await session.execute(text("SELECT count(*) FROM channel_unreadable"))).scalar_one())


def expected(case: Case) -> list[dict[str, Any]]:
    """The case's events."""
    return sorted((as_told(event) for event in case.expected), key=by_id)


def fetches(case: Case) -> list[tuple[str, Fetch]]:
    """What the case asks for, each key once."""
    wanted = {fetch.key: ("fetch", Fetch(fetch.key, dict(fetch.arguments))) for fetch in case.fetches}
    return sorted(wanted.values(), key=lambda one: one[1].key)

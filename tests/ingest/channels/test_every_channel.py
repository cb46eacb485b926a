"""Every sample of every vendor through the whole of ingest: an endpoint made over HTTP, the vendor's request, its answer, its events."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from shared.database.engine import Sessions
from tests.ingest.adapters.case import Case
from tests.ingest.adapters.cases import CASES
from tests.ingest.channels.replica import Replica, ok

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
            replica.log.records.clear()
            async with sessions.begin() as session:
                for table in ("outbox", "channel_fetches"):
                    await session.execute(text(f"DELETE FROM {table}"))
            answer = await replica.receiver.receive(case.adapter, endpoint, case.request(case.body), TRACE)
            found = (answer, await stored(replica, sessions, endpoint), await asked(sessions))
            if found != (case.answer, expected(case), fetches(case)):
                differences.append((str(case), *found, expected(case)))

    assert differences == [], json.dumps(differences, default=str, ensure_ascii=False)
    assert await kept(sessions) == 0


async def stored(replica: Replica, sessions: Sessions, endpoint: str) -> list[dict[str, Any]]:
    """What lies on the log and in the outbox, without what the platform adds."""
    async with sessions() as session:
        spooled = (await session.execute(text("SELECT value FROM outbox ORDER BY position"))).scalars().all()
    events = [json.loads(value) for value in (*(record.value for record in replica.log.records), *spooled)]
    assert {event["source"].rpartition("/")[2] for event in events} <= {endpoint}
    return [as_told(event) for event in events]


def as_told(event: Mapping[str, Any]) -> dict[str, Any]:
    """Type, id, instant and data; of a phone number the digits, since ingest writes it in E.164."""
    data = dict(event["data"])
    if "phone" in (customer := data.get("customer") or {}):
        data["customer"] = {**customer, "phone": re.sub(r"[^0-9]", "", customer["phone"])}
    return {"type": event["type"], "id": event["id"], "time": datetime.fromisoformat(event["time"]), "data": data}


async def asked(sessions: Sessions) -> list[tuple[str, Any]]:
    """What is still to be fetched."""
    async with sessions() as session:
        return [tuple(row) for row in await session.execute(text("SELECT kind, step FROM channel_fetches ORDER BY kind, key"))]


async def kept(sessions: Sessions) -> int:
    """How much could not be read."""
    async with sessions() as session:
        return int((await session.execute(text("SELECT count(*) FROM channel_unreadable"))).scalar_one())


def expected(case: Case) -> list[dict[str, Any]]:
    """The case's events."""
    return [as_told(event) for event in case.expected]


def fetches(case: Case) -> list[tuple[str, Any]]:
    """What the case asks for, each key once."""
    wanted = {fetch.key: ("fetch", {"key": fetch.key, "arguments": dict(fetch.arguments)}) for fetch in case.fetches}
    return sorted(wanted.values(), key=lambda one: one[1]["key"])

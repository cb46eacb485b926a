"""One tenant's traffic while something is hurt, and the truth of it: each event, case, breach and webhook once."""

import asyncio
import itertools
import json
import random
from datetime import datetime, timedelta
from typing import Any, Self

import httpx
import pytest

from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS
from shared.loops import stopped_within
from tests.shared.kafka.reading import Mark, mark
from tests.system.cases import announced, clock_of, until_cases
from tests.system.expectations import expect_truth
from tests.system.platform import Platform
from tests.system.receiver import Received
from tests.system.traffic import Event, Posting, make_events, post_until_accepted

COMPLAINT = "feedback.complaint_raised.v1"
MINUTES = 30
TARGET_SECONDS = 3
POLICY = {
    "bad_answers": {"nps_at_most": None, "csat_at_most": None, "ces_hardest_points": None},
    "policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": TARGET_SECONDS}]}],
}
ROUTE = {"receiver": "default", "group_by": ["case"], "group_wait": "0s", "group_interval": "1s"}
CALLERS = 8
LEFT_TO_DO = {
    "closed_loop": "SELECT (SELECT count(*) FROM clocks WHERE tenant = $1 AND next_at IS NOT NULL) + (SELECT count(*) FROM outbox)",
    "alerts": """
        SELECT (SELECT count(*) FROM alert_groups WHERE tenant = $1 AND next_at <= now()) + (SELECT count(*) FROM outbox)
             + (SELECT count(*) FROM deliveries WHERE tenant = $1 AND state IN ('pending', 'leased'))
    """,
}
"""What a service still has to do for a tenant about what it has read."""


class InTurns:
    """Posts to one replica after the other, so that one that does not answer is passed over next time."""

    def __init__(self) -> None:
        self.clients: list[httpx.AsyncClient] = []
        self._turn = itertools.count()

    async def post(self, url: str, *, json: Any) -> httpx.Response:
        return await self.clients[next(self._turn) % len(self.clients)].post(url, json=json)


class Traffic:
    """The events of one tenant under a clock of three seconds, with a webhook receiver of its own."""

    def __init__(self, platform: Platform, tenant: str, receiver: Received, rng: random.Random) -> None:
        self.tenant = tenant
        self._platform = platform
        self._receiver = receiver
        self._rng = rng
        self._start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
        self._events: list[Event] = []
        self._since: Mark = {}
        self.key = ""

    async def prepare(self) -> Self:
        """A key, the policy, the route and the receiver of the tenant."""
        self.key = await self._platform.key(self.tenant)
        self._since = await mark(self._platform.kafka_settings, CASES_EVENTS)
        async with self._platform.client(self._platform.one("closed_loop"), self.key) as client:
            assert (saved := await client.put("/v1/policies", json=POLICY)).is_success, saved.text
        async with self._platform.client(self._platform.one("alerts"), self.key) as client:
            for path, document in (("receivers/default", {"kind": "webhook", "url": self._receiver.url}), ("routes", ROUTE)):
                assert (saved := await client.put(f"/v1/{path}", json=document)).is_success, saved.text
        return self

    async def flow(self, posting: Posting, per_second: float, count: int, over: asyncio.Event) -> None:
        """Post about `per_second` events a second until it is `over`, then at once what is missing to `count`."""

        async def caller() -> None:
            while not over.is_set() or len(self._events) < count:
                batch = self._next(self._rng.choice((1, 1, 7, 50)))
                await post_until_accepted(posting, batch)
                await stopped_within(over, self._rng.uniform(0, 2 * CALLERS * len(batch) / per_second))

        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    def _next(self, count: int) -> list[Event]:
        """New events. Complaints are raised now, so that they fall due while others come."""
        batch = make_events(self._rng, count, self._start, MINUTES, first=len(self._events))
        self._events += batch
        for event in batch:
            if event["type"] == COMPLAINT:
                event["time"] = utc_now().isoformat()
                event["data"]["severity"] = self._rng.choice(("low", "normal", "critical"))
        return batch

    async def expect_each_once(self, seconds: float) -> None:
        """Within `seconds`: every number is the recomputed one; every complaint one case, every breach one event id and one webhook-id."""
        complaints = {event["id"] for event in self._events if event["type"] == COMPLAINT}
        end = utc_now().replace(second=0, microsecond=0) + timedelta(minutes=1)
        async with self._platform.client(self._platform.one("scoring"), self.key) as client:
            await expect_truth(client, self._events, self._start - timedelta(minutes=1), end, seconds)
        async with self._platform.client(self._platform.one("closed_loop"), self.key) as client:
            cases = {case["id"]: case for case in await until_cases(client, len(complaints), seconds)}
            await self._nothing_left_to_do("closed_loop", seconds)
            await self._platform.has_read("alerts", await mark(self._platform.kafka_settings, CASES_EVENTS), seconds)
            await self._nothing_left_to_do("alerts", seconds)
            shown = await until_cases(client, len(complaints))
        told = [one for one in await announced(self._platform, self._since, self.tenant) if one["type"] == "clock.breached.v1"]

        assert sorted(case["origin"]["id"] for case in shown) == sorted(complaints)
        for case in shown:
            clock = clock_of(case, "first_response")
            received, breached = datetime.fromisoformat(case["received_at"]), datetime.fromisoformat(clock["breached_at"])
            assert (breached - received).total_seconds() == pytest.approx(TARGET_SECONDS, abs=1e-5)
        event_ids: dict[str, set[str]] = {}
        for one in told:
            event_ids.setdefault(one["data"]["case"], set()).add(one["id"])
        once = dict.fromkeys(cases, 1)
        assert {case: len(ids) for case, ids in event_ids.items()} == once, "one event id a breach, however often its bytes are there"
        heard = self._webhook_ids()
        assert {case: len(heard.get(case, ())) for case in cases} == once, "one webhook-id a breach, however often it was sent"

    def _webhook_ids(self) -> dict[str, set[str]]:
        """Case, of any tenant that the receiver hears of → the webhook-ids under which it was told that it fires."""
        told: dict[str, set[str]] = {}
        for headers, body in self._receiver.webhooks:
            for alert in json.loads(body)["alerts"]:
                if alert["status"] == "firing" and "case" in alert["labels"]:
                    told.setdefault(alert["labels"]["case"], set()).add(headers["webhook-id"])
        return told

    async def _nothing_left_to_do(self, service: str, seconds: float) -> None:
        """Wait until a service has done everything that follows from what it has read."""
        async with asyncio.timeout(seconds), self._platform.database(service) as connection:
            while await connection.fetchval(LEFT_TO_DO[service], self.tenant):
                await asyncio.sleep(0.1)

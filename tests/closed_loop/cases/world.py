"""Events as closed_loop gets them, its timers fired by hand, and what it announces, on a real database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.closed_loop.configuration import Calendars, lock_configuration, save_policies
from services.closed_loop.consumer import ClosedLoopHandler
from services.closed_loop.domain.case import CaseFile, case_id
from services.closed_loop.domain.policy import PolicySet
from services.closed_loop.store import CaseKey, load
from services.closed_loop.timers import ClockTimers
from shared.contracts.decoding import Event, decode
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.database.engine import Sessions
from shared.database.timers import TimerMetrics
from shared.kafka.batch import Received

TENANT = "acme"
SOURCE = "/keys/k1"
SECOND = timedelta(seconds=1)


def utc_now() -> datetime:
    return datetime.now(UTC)


def event(type: str, data: Mapping[str, Any], *, id: str, at: datetime | None = None, received: datetime | None = None,
          tenant: str = TENANT, backfill: bool = False) -> Event:  # fmt: skip
    """One event, through the bytes that lie on Kafka. `at` is when it happened, now if not told."""
    at = at or utc_now()
    written = {"specversion": "1.0", "id": id, "source": SOURCE, "type": type, "time": at, "tenant": tenant,
               "receivedat": received or max(at, utc_now()), "backfill": backfill, "data": {"channel": "phone", **data}}  # fmt: skip
    return decode(msgspec.json.encode(written))


def complaint(
    id: str, *, revision: int = 1, at: datetime | None = None, tenant: str = TENANT, backfill: bool = False, **data: Any
) -> Event:
    said = {"text": "late again", "revision": revision, **data}
    return event("feedback.complaint_raised.v1", said, id=id, at=at, tenant=tenant, backfill=backfill)


def answered(id: str, *answers: Mapping[str, Any], revision: int = 1, at: datetime | None = None, **data: Any) -> Event:
    said = {"survey": "s", "revision": revision, "answers": [{"question": "q", **answer} for answer in answers], **data}
    return event("feedback.survey_answered.v1", said, id=id, at=at)


def nps(score: int) -> dict[str, Any]:
    return {"instrument": "nps", "score": score}


def reply(id: str, case: str, *, by: str = "human", public: bool = True, revision: int = 1, at: datetime | None = None,
          tenant: str = TENANT, backfill: bool = False) -> Event:  # fmt: skip
    said = {"by": by, "public": public, "case": case, "text": "we look into it", "revision": revision, "person": "Ann"}
    return event("interaction.replied.v1", said, id=id, at=at, tenant=tenant, backfill=backfill)


def case_of(id: str, tenant: str = TENANT) -> str:
    """The id of the case of an event."""
    return case_id(tenant, SOURCE, id)


def policies(first_response_seconds: float, *, resolution_seconds: float = 1209600, warn: Sequence[int] = (), **policy: Any) -> PolicySet:
    """One policy for everything."""
    clocks = [
        {"kind": "first_response", "target_seconds": float(first_response_seconds), "warn_at_percent": list(warn)},
        {"kind": "resolution", "target_seconds": float(resolution_seconds)},
    ]
    return PolicySet.model_validate({"policies": [{"id": "quick", "default": True, "clocks": clocks, **policy}]})


class World:
    """One replica of closed_loop without its loops."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.calendars = Calendars()
        self.handler = ClosedLoopHandler(self.calendars)
        self.timers = ClockTimers(self.calendars, TimerMetrics("hearback_clocks", CollectorRegistry()))

    async def configure(self, document: PolicySet, tenant: str = TENANT, version: int = 2) -> None:
        """Save the policies of a tenant."""
        async with self.sessions.begin() as session:
            await lock_configuration(session, tenant)
            await save_policies(session, tenant, version, document, actor="test", now=utc_now())

    async def happen(self, *events: Event) -> None:
        """A batch."""
        async with self.sessions.begin() as session:
            await self.handler.apply(session, [Received(one, FEEDBACK_EVENTS, 0, 0, utc_now()) for one in events])

    async def fire(self, limit: int = 1000) -> int:
        """What the timer loop does when it is time."""
        async with self.sessions.begin() as session:
            return await self.timers.fire(session, limit)

    async def file(self, case: str, tenant: str = TENANT) -> CaseFile:
        """A case as it is stored."""
        async with self.sessions.begin() as session:
            return (await load(session, self.calendars, [CaseKey(tenant, case)], lock=False))[CaseKey(tenant, case)]

    async def said(self, case: str | None = None) -> list[Event]:
        """Everything announced so far, about one case or all, in order."""
        async with self.sessions.begin() as session:
            values = (await session.execute(text("SELECT value FROM outbox ORDER BY position"))).scalars().all()
        events = [decode(value) for value in values]
        return [one for one in events if case is None or one.data.case == case]

    async def story(self, case: str, kind: str | None = None) -> list[str]:
        """The types announced about a case: `case.opened`, `clock.started` … with `kind` only those of one clock."""
        return [
            one.type.removesuffix(".v1")
            for one in await self.said(case)
            if kind is None or (one.type.startswith("clock.") and one.data.kind == kind)
        ]

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        async with self.sessions.begin() as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())

    async def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables that the handler writes."""
        tables = ("seen_events", "cases", "clocks", "clock_facts", "clock_announcements", "journal", "outbox")
        async with self.sessions.begin() as session:
            return {table: list((await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).all()) for table in tables}

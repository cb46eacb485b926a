"""`GET /v1/insights/sla`: how many clocks were met, are running, or were breached."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from services.closed_loop.attainment import Asked, attainment
from services.closed_loop.domain.policy import CaseKind, ClockKind
from services.closed_loop.store import clock_now
from shared.contracts.fields import Channel, Instant, Name, Severity
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.access import Principal, requires

Reader = Annotated[Principal, Depends(requires("cases:read"))]
From = Annotated[Instant | None, Query(alias="from", description="cases received at this instant or later")]
To = Annotated[Instant | None, Query(description="cases received before this instant")]


class AttainmentView(BaseModel):
    """Clocks of one kind, each counted once: `n` are decided (met or breached), `attainment` is met / n and null when n is 0."""

    clock: ClockKind
    attainment: float | None
    n: int
    met: int
    breached: int
    running: int
    paused: int
    cancelled: int
    neutral: int


class AttainmentAnswer(BaseModel):
    """One line for each kind of clock that the cases have."""

    as_of: datetime
    items: list[AttainmentView]


def insight_routes(sessions: Sessions) -> APIRouter:
    """Routes of what many cases say together."""
    router = APIRouter(prefix="/v1/insights", tags=["insights"])

    @router.get("/sla", summary="How many clocks were met, by kind")
    async def read_attainment(
        caller: Reader,
        start: From = None,
        to: To = None,
        kind: CaseKind | None = None,
        team: Name | None = None,
        category: Name | None = None,
        severity: Severity | None = None,
        channel: Channel | None = None,
    ) -> AttainmentAnswer:
        asked = Asked(start, to, kind, team, category, severity, channel)
        with typed_database_errors():
            async with sessions.begin() as session:
                found = await attainment(session, caller.tenant, asked)
                now = await clock_now(session)
        items = [
            AttainmentView(
                clock=one.clock,
                attainment=one.attainment,
                n=one.decided,
                met=one.met,
                breached=one.breached,
                running=one.running,
                paused=one.paused,
                cancelled=one.cancelled,
                neutral=one.neutral,
            )
            for one in found
        ]
        return AttainmentAnswer(as_of=now, items=items)

    return router

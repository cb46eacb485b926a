"""What fires, who has it, and every delivery."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.alerts import people
from services.alerts.api.requests import Cursor, Limit, Reader, Writer, cursor_after, position, refusals
from services.alerts.domain.alert import Alert
from services.alerts.store.alerts import find_alert, list_alerts
from services.alerts.store.groups import told_by
from shared.clock import Clock
from shared.contracts.fields import Name
from shared.database.engine import Sessions
from shared.delivery import store as deliveries
from shared.delivery.delivery import Delivery, State
from shared.delivery.store import Replay
from shared.web.problems import Problem, not_found


class AlertView(BaseModel):
    """An alert. `reason` says why it ended, as a stable word."""

    id: uuid.UUID
    state: Literal["firing", "acknowledged", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str]
    source: str
    rule: str | None
    rule_version: int | None
    severity: str
    value: float | None
    n: int | None
    case: str | None
    clock: str | None
    starts_at: datetime
    ends_at: datetime | None
    reason: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    fingerprint: str


class AlertPage(BaseModel):
    """One page of alerts, the latest first."""

    items: list[AlertView]
    next: str | None


class Resolution(BaseModel):
    """Why an alert is ended by hand."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Name, Field(description="A word or a sentence; it goes out with the event")] = "by_hand"


class DeliveryView(BaseModel):
    """A notification on its way. Its id is the `webhook-id`."""

    id: uuid.UUID
    receiver: str
    kind: str
    group_key: str
    sequence: int
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime
    finished_at: datetime | None
    dead_because: str | None
    first_error: str | None
    last_error: str | None
    last_status: int | None


class AttemptView(BaseModel):
    """One attempt; without `finished_at` nobody has reported what became of it."""

    attempt: int
    started_at: datetime
    finished_at: datetime | None
    verdict: str | None
    status: int | None
    detail: str | None


class DeliveryDetail(DeliveryView):
    """A notification with what it tells and every attempt."""

    alerts: list[uuid.UUID]
    tries: list[AttemptView]


class DeliveryPage(BaseModel):
    """One page of deliveries, the newest first."""

    items: list[DeliveryView]
    next: str | None


def alert_routes(sessions: Sessions, clock: Clock) -> APIRouter:
    """Routes of alerts."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @router.get("", summary="What fires and what fired, the latest first")
    async def alerts(
        caller: Reader,
        state: Literal["firing", "resolved"] | None = None,
        source: Literal["metric", "clock"] | None = None,
        rule: Annotated[str | None, Query(max_length=64)] = None,
        case: Annotated[str | None, Query(max_length=256)] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> AlertPage:
        before = position(cursor)
        with refusals():
            async with sessions() as session:
                found = await list_alerts(
                    session, caller.tenant, state=state, source=source, rule=rule, case=case, before=before, limit=limit + 1
                )
        shown = found[:limit]
        more = len(found) > limit
        return AlertPage(items=[_alert(alert) for alert in shown], next=cursor_after(shown[-1].starts_at, shown[-1].id) if more else None)

    @router.get("/{id}", summary="One alert")
    async def alert(caller: Reader, id: uuid.UUID) -> AlertView:
        with refusals():
            async with sessions() as session:
                return _found(await find_alert(session, caller.tenant, id))

    @router.post("/{id}/acknowledge", summary="Somebody has it: it is not repeated any more")
    async def acknowledge(caller: Writer, id: uuid.UUID) -> AlertView:
        with refusals():
            async with sessions.begin() as session:
                return _found(await people.acknowledge(session, caller.tenant, id, caller.actor, clock()))

    @router.post("/{id}/resolve", summary="End it by hand")
    async def resolve(caller: Writer, id: uuid.UUID, why: Resolution | None = None) -> AlertView:
        with refusals():
            async with sessions.begin() as session:
                reason = (why or Resolution()).reason
                return _found(await people.resolve(session, caller.tenant, id, caller.actor, reason, clock()))

    return router


def delivery_routes(sessions: Sessions) -> APIRouter:
    """Routes of deliveries."""
    router = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])

    @router.get("", summary="Every notification, the newest first")
    async def listed(
        caller: Reader,
        state: State | None = None,
        receiver: Annotated[str | None, Query(max_length=64)] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> DeliveryPage:
        before = position(cursor)
        with refusals():
            async with sessions() as session:
                found = await deliveries.list_deliveries(
                    session, caller.tenant, state=state, receiver=receiver, before=before, limit=limit + 1
                )
        shown = found[:limit]
        last = cursor_after(shown[-1].created_at, shown[-1].id) if len(found) > limit else None
        return DeliveryPage(items=[DeliveryView(**_delivery(one)) for one in shown], next=last)

    @router.get("/{id}", summary="One notification with its attempts")
    async def one(caller: Reader, id: uuid.UUID) -> DeliveryDetail:
        with refusals():
            async with sessions() as session:
                found = await deliveries.find(session, caller.tenant, id)
                if found is None:
                    raise not_found()
                tries = [AttemptView.model_validate(a, from_attributes=True) for a in await deliveries.attempts_of(session, found)]
                return DeliveryDetail(**_delivery(found), alerts=await told_by(session, id), tries=tries)

    @router.post("/{id}/replay", status_code=202, summary="Try a dead one again under its own webhook-id")
    async def replay(caller: Writer, id: uuid.UUID) -> DeliveryView:
        with refusals():
            async with sessions.begin() as session:
                outcome = await deliveries.replay(session, caller.tenant, id)
                found = await deliveries.find(session, caller.tenant, id)
        if outcome is Replay.UNKNOWN or found is None:
            raise not_found()
        if outcome is Replay.NOT_DEAD:
            raise Problem(409, "not_dead", f"this delivery is {found.state}; only a dead one can be replayed")
        if outcome is Replay.OVERTAKEN:
            raise Problem(409, "overtaken", "its group has been told something newer since; the old state must not follow it")
        return DeliveryView(**_delivery(found))

    return router


def _found(alert: Alert | None) -> AlertView:
    if alert is None:
        raise not_found()
    return _alert(alert)


def _alert(alert: Alert) -> AlertView:
    state: Literal["firing", "acknowledged", "resolved"] = (
        "resolved" if not alert.firing else "acknowledged" if alert.acknowledged_at else "firing"
    )
    return AlertView(
        id=alert.id,
        state=state,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        source=alert.source,
        rule=alert.rule,
        rule_version=alert.rule_version,
        severity=alert.severity,
        value=alert.value,
        n=alert.n,
        case=alert.case,
        clock=alert.clock,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        reason=alert.reason,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_by,
        fingerprint=alert.fingerprint,
    )


def _delivery(delivery: Delivery) -> dict[str, Any]:
    names = ("id", "receiver", "kind", "group_key", "sequence", "state", "created_at", "next_at", "finished_at", "dead_because",
             "first_error", "last_error", "last_status")  # fmt: skip
    return {**{name: getattr(delivery, name) for name in names}, "attempts": delivery.attempt}

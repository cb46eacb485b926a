"""Samples, case and clock events as alerts gets them, through the bytes that lie on Kafka."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from services.alerts.consumer import AlertsHandler
from shared.contracts.cases import CaseEvent
from shared.contracts.clocks import ClockEvent
from shared.contracts.decoding import decode, encode_own
from shared.contracts.metrics import MetricSampled
from shared.contracts.series import series_name
from shared.contracts.topics import CASES_EVENTS, METRICS_UPDATED
from shared.database.engine import Sessions
from shared.kafka.batch import Received

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def sample_bytes(
    sequence: int, seconds: float, value: float | None, n: int = 100, *, lag: float = 0, metric: str = "csat", tenant: str = "acme",
    slice: dict[str, str] | None = None, reason: Any = "changed", start: datetime = NOON,
) -> bytes:  # fmt: skip
    as_of = start + timedelta(seconds=seconds)
    data = MetricSampled(series=series_name(metric, slice or {}, "1h"), metric=metric, slice=slice or {}, window="1h", as_of=as_of,
                         watermark=as_of - timedelta(seconds=lag), value=value, n=n, components={}, reason=reason)  # fmt: skip
    return encode_own("metric.sampled.v1", id=f"{data.series}:{sequence}", source="/scoring", tenant=tenant, time=as_of, data=data,
                      sequence=sequence)  # fmt: skip


def sampled(*args: Any, partition: int = 0, **more: Any) -> Received:
    return Received(decode(sample_bytes(*args, **more)), METRICS_UPDATED, partition, 0, NOON)


def clock_bytes(
    kind: str, sequence: int, seconds: float, *, case: str = "case-1", clock: str | None = None, generation: int = 0,
    breached: float | None = None, tenant: str = "acme", backfill: bool = False, percent: int | None = None, start: datetime = NOON,
    id: str | None = None,
) -> bytes:  # fmt: skip
    breached_at = None if breached is None else start + timedelta(seconds=breached)
    data = ClockEvent(case=case, version=sequence, clock=clock or f"{case}-first", kind="first_response", cycle=0, generation=generation,
                      due_at=start, percent=percent, breached_at=breached_at)  # fmt: skip
    return encode_own(f"clock.{kind}.v1", id=id or f"{case}:{sequence}", source="/closed_loop", tenant=tenant,
                      time=start + timedelta(seconds=seconds), data=data, sequence=sequence, backfill=backfill)  # fmt: skip


def clock(*args: Any, **more: Any) -> Received:
    return Received(decode(clock_bytes(*args, **more)), CASES_EVENTS, 0, 0, NOON)


def case(
    kind: str, sequence: int, seconds: float, *, id: str = "case-1", state: Any = "received", team: str | None = "phone",
    tenant: str = "acme", backfill: bool = False,
) -> Received:  # fmt: skip
    data = CaseEvent(case=id, version=sequence, state=state, team=team, category="delivery", severity="high", received_at=NOON)
    value = encode_own(f"case.{kind}.v1", id=f"{id}:{sequence}", source="/closed_loop", tenant=tenant, time=at(seconds), data=data,
                       sequence=sequence, backfill=backfill)  # fmt: skip
    return Received(decode(value), CASES_EVENTS, 0, 0, NOON)


async def happen(sessions: Sessions, *received: Received, handler: AlertsHandler | None = None) -> None:
    """One batch, in one transaction."""
    async with sessions.begin() as session:
        await (handler or AlertsHandler()).apply(session, received)


async def announced(sessions: Sessions, topic: str = "alerts.events.v1") -> list[Any]:
    """What stands in the outbox, in its order."""
    async with sessions.begin() as session:
        rows = await session.execute(text("SELECT value FROM outbox WHERE topic = :topic ORDER BY position"), {"topic": topic})
        return [decode(bytes(row.value)) for row in rows]


async def told(sessions: Sessions, tenant: str = "acme") -> list[tuple[str, str, str | None]]:
    """What was announced of alerts: (what, rule, reason)."""
    events = [event for event in await announced(sessions) if event.tenant == tenant]
    return [(event.type.split(".")[1], event.data.labels["alertname"], event.data.reason) for event in events]


async def everything(sessions: Sessions, tables: Iterable[str]) -> dict[str, list[Any]]:
    """All rows of these tables."""
    async with sessions.begin() as session:
        return {table: list((await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).all()) for table in tables}

"""The rows of deliveries: put in, claimed, settled, replayed, listed. Nothing here commits; instants are PostgreSQL's `now()`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.timers import wake
from shared.delivery.delivery import Delivery, DeliveryPolicy, NewDelivery, Outcome, State, after_attempt
from shared.observability.tracing import worth_following

CHANNEL = "hearback_deliveries"

_COLUMNS = ", ".join(field.name for field in fields(Delivery))

_ONE_AT_A_TIME = text("""
    SELECT pg_advisory_xact_lock(lock) FROM (
        SELECT DISTINCT hashtextextended(key, 0) AS lock FROM unnest(CAST(:keys AS text[])) AS key ORDER BY lock
    ) AS locks
""")
_COLUMNS_PUT_IN: dict[str, str] = {
    "id": "uuid", "tenant": "text", "group_key": "text", "receiver": "text", "kind": "text", "sequence": "bigint", "body": "bytea",
    "not_before": "timestamptz",
}  # fmt: skip
_PUT_IN = (
    f"unnest({', '.join(f'CAST(:{name} AS {type}[])' for name, type in _COLUMNS_PUT_IN.items())}) AS new ({', '.join(_COLUMNS_PUT_IN)})"
)
_SAME = "old.tenant = new.tenant AND old.group_key = new.group_key AND old.receiver = new.receiver"
_SUPERSEDE = text(f"""
    UPDATE deliveries AS old SET state = 'superseded', superseded_by = new.id, finished_at = now() FROM {_PUT_IN}
    WHERE {_SAME} AND old.state IN ('pending', 'leased') AND old.sequence < new.sequence
""")  # noqa: S608 - our own text
_INSERT = text(f"""
    INSERT INTO deliveries
        (id, tenant, group_key, receiver, kind, sequence, body, state, attempt, failures, created_at, trying_since, next_at, traceparent)
    SELECT new.id, new.tenant, new.group_key, new.receiver, new.kind, new.sequence, new.body, 'pending', 0, 0, now(),
        greatest(now(), new.not_before), greatest(now(), new.not_before), :traceparent
    FROM {_PUT_IN} WHERE NOT EXISTS (SELECT FROM deliveries AS old WHERE {_SAME} AND old.sequence >= new.sequence)
""")  # noqa: S608


async def enqueue_delivery(session: AsyncSession, new: NewDelivery, not_before: datetime | None = None) -> UUID:
    """Put in a delivery, take back the open one of the same group and receiver, and return the id. It is tried from `not_before` on.

    A sequence that is not above all earlier ones of its group and receiver changes nothing. Locks group and receiver until
    the end of the transaction: who puts in several, one by one, does so in one order, as with rows.
    """
    await enqueue_deliveries(session, [(new, not_before)])
    return new.id


async def enqueue_deliveries(session: AsyncSession, several: Sequence[tuple[NewDelivery, datetime | None]]) -> None:
    """Put in several deliveries, each of another group or receiver, with the instants from which on they are tried."""
    rows = [{**asdict(new), "id": new.id, "not_before": not_before} for new, not_before in several]
    values = {name: [row[name] for row in rows] for name in _COLUMNS_PUT_IN}
    await session.execute(_ONE_AT_A_TIME, {"keys": [_key(new.tenant, new.group_key, new.receiver) for new, _ in several]})
    await session.execute(_SUPERSEDE, values)
    await session.execute(_INSERT, {**values, "traceparent": worth_following()})
    await wake(session, CHANNEL)


def _key(tenant: str, group_key: str, receiver: str) -> str:
    return f"{tenant}\n{group_key}\n{receiver}"


def _first_of(where: str) -> str:
    """The earliest open delivery of the next receiver: as many steps of an index as there are receivers, however much waits."""
    return f"""(
            SELECT tenant, receiver, next_at AS since FROM deliveries WHERE state IN ('pending', 'leased') AND {where}
            ORDER BY tenant, receiver, next_at LIMIT 1
        )"""  # noqa: S608 - our own text


# A delivery waits while an attempt of a superseded one of its group may be under way: what is older cannot arrive later.
_CLAIM = text(f"""
    WITH RECURSIVE busy AS (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:receivers AS text[]), CAST(:requests AS int[]))
            AS b (tenant, receiver, requests)
    ), receivers AS (
        {_first_of("TRUE")}
        UNION ALL
        SELECT following.* FROM receivers AS r CROSS JOIN LATERAL (
            {_first_of("(tenant, receiver) > (r.tenant, r.receiver)")}
        ) AS following
    ), waiting AS (
        SELECT tenant, receiver, :per_receiver - coalesce(requests, 0) AS free
        FROM receivers LEFT JOIN busy USING (tenant, receiver)
        WHERE since <= now() AND coalesce(requests, 0) < :per_receiver
        ORDER BY since
    ), picked AS (
        SELECT p.id FROM waiting AS w CROSS JOIN LATERAL (
            SELECT d.id FROM deliveries AS d
            WHERE d.tenant = w.tenant AND d.receiver = w.receiver AND d.state IN ('pending', 'leased') AND d.next_at <= now()
                AND NOT EXISTS (
                    SELECT FROM deliveries AS older
                    WHERE older.tenant = d.tenant AND older.group_key = d.group_key AND older.receiver = d.receiver
                        AND older.id <> d.id AND older.lease_until > now()
                )
            ORDER BY d.next_at LIMIT w.free FOR UPDATE OF d SKIP LOCKED
        ) AS p
        LIMIT :most
    ), claimed AS (
        UPDATE deliveries AS d SET state = 'leased', attempt = attempt + 1,
            lease_until = now() + make_interval(secs => :lease), next_at = now() + make_interval(secs => :lease)
        FROM picked WHERE d.id = picked.id RETURNING d.*
    ), begun AS (
        INSERT INTO delivery_attempts (delivery, attempt, started_at) SELECT id, attempt, now() FROM claimed
    )
    SELECT {_COLUMNS} FROM claimed
""")  # noqa: S608 - the columns are ours


async def claim(session: AsyncSession, policy: DeliveryPolicy, busy: Mapping[tuple[str, str], int], most: int) -> list[Delivery]:
    """Lease up to `most` deliveries that are due, each with a new attempt number.

    `busy` holds the requests under way by (tenant, receiver): a receiver gets at most `policy.per_receiver` in all.
    """
    values = {
        "tenants": [tenant for tenant, _ in busy],
        "receivers": [receiver for _, receiver in busy],
        "requests": list(busy.values()),
        "per_receiver": policy.per_receiver,
        "most": most,
        "lease": policy.lease_seconds,
    }
    return [Delivery(**row) for row in (await session.execute(_CLAIM, values)).mappings()]


_NEXT = text("""
    SELECT EXTRACT(epoch FROM min(next_at) - clock_timestamp())::float8 FROM deliveries WHERE state IN ('pending', 'leased')
""")


async def seconds_until_next(session: AsyncSession) -> float | None:
    """Until the next open delivery is due, negative when one is; None when none is open."""
    seconds: float | None = (await session.execute(_NEXT)).scalar_one()
    return seconds


_LOCK_ATTEMPT = text(f"""
    SELECT {_COLUMNS}, now() AS present FROM deliveries
    WHERE id = :id AND attempt = :attempt AND lease_until IS NOT NULL FOR UPDATE
""")  # noqa: S608
_SAVE = text("""
    WITH ended AS (
        UPDATE delivery_attempts SET finished_at = now(), verdict = :verdict, status = :status, detail = :detail
        WHERE delivery = :id AND attempt = :attempt
    )
    UPDATE deliveries SET state = :state, failures = :failures, next_at = :next_at, lease_until = NULL, first_failed_at = :first_failed_at,
        first_error = :first_error, last_error = :last_error, last_status = :last_status, finished_at = :finished_at,
        dead_because = :dead_because
    WHERE id = :id
""")


async def settle(session: AsyncSession, attempted: Delivery, outcome: Outcome, policy: DeliveryPolicy, chance: float) -> Delivery | None:
    """Write the result of an attempt and return the delivery as it is now; None when another attempt has begun since."""
    row = (await session.execute(_LOCK_ATTEMPT, {"id": attempted.id, "attempt": attempted.attempt})).mappings().one_or_none()
    if row is None:
        return None
    now: datetime = row["present"]
    delivery = Delivery(**{name: value for name, value in row.items() if name != "present"})
    settled = after_attempt(delivery, outcome, policy, now, chance)
    ended = {"verdict": outcome.verdict, "status": outcome.status, "detail": outcome.detail}
    await session.execute(_SAVE, {**asdict(settled), **ended})
    return settled


class Replay(StrEnum):
    """What became of a replay."""

    REPLAYED = "replayed"
    UNKNOWN = "unknown"
    NOT_DEAD = "not_dead"
    OVERTAKEN = "overtaken"
    """The group has a newer state for this receiver; the old one must not follow it."""


_REPLAYED = text("""
    UPDATE deliveries SET state = 'pending', failures = 0, trying_since = now(), next_at = now(), finished_at = NULL, dead_because = NULL,
        first_failed_at = NULL
    WHERE id = :id
""")
_NEWER = text("""
    SELECT EXISTS (
        SELECT FROM deliveries AS d JOIN deliveries AS newer USING (tenant, group_key, receiver)
        WHERE d.id = :id AND newer.sequence > d.sequence
    )
""")


async def replay(session: AsyncSession, tenant: str, id: UUID) -> Replay:
    """Try a dead delivery again from now on, under its own id."""
    delivery = await find(session, tenant, id)
    if delivery is None:
        return Replay.UNKNOWN
    await session.execute(_ONE_AT_A_TIME, {"keys": [_key(tenant, delivery.group_key, delivery.receiver)]})
    delivery = await find(session, tenant, id)
    if delivery is None or delivery.state != "dead":
        return Replay.NOT_DEAD
    if (await session.execute(_NEWER, {"id": id})).scalar_one():
        return Replay.OVERTAKEN
    await session.execute(_REPLAYED, {"id": id})
    await wake(session, CHANNEL)
    return Replay.REPLAYED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a delivery; without `finished_at` nobody has reported (yet) what became of it."""

    attempt: int
    started_at: datetime
    finished_at: datetime | None
    verdict: str | None
    status: int | None
    detail: str | None


async def find(session: AsyncSession, tenant: str, id: UUID) -> Delivery | None:
    """One delivery of this tenant."""
    query = text(f"SELECT {_COLUMNS} FROM deliveries WHERE id = :id AND tenant = :tenant")  # noqa: S608
    row = (await session.execute(query, {"id": id, "tenant": tenant})).mappings().one_or_none()
    return None if row is None else Delivery(**row)


async def attempts_of(session: AsyncSession, delivery: Delivery) -> list[Attempt]:
    """Its attempts, the first one first."""
    query = text("""
        SELECT attempt, started_at, finished_at, verdict, status, detail FROM delivery_attempts WHERE delivery = :id ORDER BY attempt
    """)
    return [Attempt(**row) for row in (await session.execute(query, {"id": delivery.id})).mappings()]


_LIST = text(f"""
    SELECT {_COLUMNS} FROM deliveries
    WHERE tenant = :tenant AND (CAST(:state AS text) IS NULL OR state = :state)
        AND (CAST(:receiver AS text) IS NULL OR receiver = :receiver)
        AND (CAST(:group_key AS text) IS NULL OR group_key = :group_key)
        AND (CAST(:before_at AS timestamptz) IS NULL OR (created_at, id) < (:before_at, CAST(:before_id AS uuid)))
    ORDER BY created_at DESC, id DESC LIMIT :limit
""")  # noqa: S608


async def list_deliveries(
    session: AsyncSession,
    tenant: str,
    *,
    state: State | None = None,
    receiver: str | None = None,
    group_key: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> Sequence[Delivery]:
    """Deliveries of this tenant, the newest first; `before` is (created_at, id) of the last one already seen."""
    before_at, before_id = before or (None, None)
    values = {"tenant": tenant, "state": state, "receiver": receiver, "group_key": group_key, "limit": limit}
    rows = await session.execute(_LIST, {**values, "before_at": before_at, "before_id": before_id})
    return [Delivery(**row) for row in rows.mappings()]

"""The rows of fetches and polls: asked for, claimed under a lease, written back. Nothing here commits; instants are PostgreSQL's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.adapter import Fetch, Poll
from services.ingest.channels.job import Job, Kind, PullPolicy, sealed
from shared.database.timers import wake
from shared.delivery.secrets import SecretBox

CHANNEL = "hearback_channel_fetches"

_COLUMNS = ", ".join(field.name for field in fields(Job))
_OF_JOB = ", ".join(f"f.{field.name}" for field in fields(Job))
_DOCUMENTS = [bindparam(name, type_=JSONB(none_as_null=True)) for name in ("first", "step", "again")]

# One of a key is waiting at a time. One that has begun is done once more afterwards; one that has not takes the newer arguments.
_ASK = text("""
    INSERT INTO channel_fetches AS f (tenant, endpoint, key, channel, kind, state, first, step, begun, next_at, attempt, failures,
        broken_off, trying_since, created_at)
    VALUES (:tenant, :endpoint, :key, :channel, :kind, 'waiting', :first, :step, false, now(), 0, 0, 0, now(), now())
    ON CONFLICT (tenant, endpoint, key) DO UPDATE SET
        again = CASE WHEN f.state = 'waiting' AND f.begun THEN excluded.step END,
        step = CASE WHEN f.state = 'waiting' AND f.begun THEN f.step ELSE excluded.step END,
        begun = f.state = 'waiting' AND f.begun,
        state = 'waiting',
        failures = CASE WHEN f.state = 'waiting' THEN f.failures ELSE 0 END,
        next_at = CASE WHEN f.state = 'waiting' THEN f.next_at ELSE now() END,
        trying_since = CASE WHEN f.state = 'waiting' THEN f.trying_since ELSE now() END
    WHERE f.kind <> 'poll'
""").bindparams(*(bindparam(name, type_=JSONB) for name in ("first", "step")))


async def ask_for(
    session: AsyncSession, box: SecretBox, tenant: str, endpoint: str, channel: str, wanted: Sequence[Fetch], kind: Kind = "fetch"
) -> None:
    """Put in fetches that a request asked for. A poll of the same key stays as it is: it comes by itself."""
    for fetch in sorted(wanted, key=lambda fetch: fetch.key):
        row = {"tenant": tenant, "endpoint": endpoint, "key": fetch.key, "channel": channel, "kind": kind}
        await session.execute(_ASK, {**row, "first": sealed(box, Fetch(fetch.key)), "step": sealed(box, fetch, resumes=True)})
    if wanted:
        await wake(session, CHANNEL)


_STAND = text("""
    INSERT INTO channel_fetches AS f (tenant, endpoint, key, channel, kind, state, first, step, begun, every_seconds, next_at, attempt,
        failures, broken_off, trying_since, created_at)
    SELECT :tenant, :endpoint, :key, :channel, 'poll', 'waiting', :step, :step, false, :every, now(), 0, 0, 0, now(), now()
    ON CONFLICT (tenant, endpoint, key) DO UPDATE SET
        kind = 'poll', state = 'waiting', every_seconds = excluded.every_seconds,
        next_at = greatest(f.next_at, f.round_at + make_interval(secs => excluded.every_seconds))
    WHERE f.every_seconds IS DISTINCT FROM excluded.every_seconds
""").bindparams(bindparam("step", type_=JSONB))
_FALL = text("""
    DELETE FROM channel_fetches WHERE tenant = :tenant AND endpoint = :endpoint AND kind = 'poll' AND key <> ALL(CAST(:keys AS text[]))
""")
_DROP_ALL = text("DELETE FROM channel_fetches WHERE tenant = :tenant AND endpoint = :endpoint")


async def stand(session: AsyncSession, box: SecretBox, tenant: str, endpoint: str, channel: str, polls: Sequence[Poll]) -> None:
    """These are the polls of the endpoint: new ones begin, others end, those that stay keep their cursor and their time."""
    for poll in sorted(polls, key=lambda poll: poll.first.key):
        row = {"tenant": tenant, "endpoint": endpoint, "key": poll.first.key, "channel": channel}
        await session.execute(_STAND, {**row, "step": sealed(box, poll.first), "every": poll.every_seconds})
    await session.execute(_FALL, {"tenant": tenant, "endpoint": endpoint, "keys": [poll.first.key for poll in polls]})


async def drop_all(session: AsyncSession, tenant: str, endpoint: str) -> None:
    """The endpoint is disabled: nothing is fetched for it any more."""
    await session.execute(_DROP_ALL, {"tenant": tenant, "endpoint": endpoint})


# The endpoint's row is locked first and moved to the end of the lease: one step at a time for an endpoint, in whichever replica.
# A suspect is a step over which a process ended: one at a time in a process, so that what ends it is told from what was beside it.
_CLAIM = text(f"""
    WITH free AS (
        SELECT e.tenant, e.id FROM channel_endpoints AS e
        WHERE e.disabled_at IS NULL AND e.next_call_at <= now() AND e.channel = ANY(CAST(:channels AS text[]))
            AND EXISTS (
                SELECT FROM channel_fetches AS f
                WHERE f.endpoint = e.id AND f.state = 'waiting' AND f.next_at <= now() AND (f.broken_off = 0 OR :suspects > 0)
            )
        ORDER BY e.next_call_at LIMIT :most FOR UPDATE SKIP LOCKED
    ), ready AS (
        SELECT p.* FROM free CROSS JOIN LATERAL (
            SELECT f.tenant, f.endpoint, f.key, f.broken_off > 0 AS suspect FROM channel_fetches AS f
            WHERE f.tenant = free.tenant AND f.endpoint = free.id AND f.state = 'waiting' AND f.next_at <= now()
                AND (f.broken_off = 0 OR :suspects > 0)
            ORDER BY f.next_at LIMIT 1 FOR UPDATE SKIP LOCKED
        ) AS p
    ), picked AS (
        SELECT * FROM ready WHERE NOT suspect UNION ALL (SELECT * FROM ready WHERE suspect LIMIT :suspects)
    ), busy AS (
        UPDATE channel_endpoints AS e SET next_call_at = now() + make_interval(secs => :lease)
        FROM picked WHERE e.tenant = picked.tenant AND e.id = picked.endpoint
    ), claimed AS (
        UPDATE channel_fetches AS f SET attempt = attempt + 1, broken_off = broken_off + 1, begun = true,
            round_at = CASE WHEN kind = 'poll' AND NOT begun THEN now() ELSE round_at END,
            next_at = now() + make_interval(secs =>
                CASE WHEN kind = 'poll' AND NOT begun THEN greatest(:lease, every_seconds) ELSE :lease END)
        FROM picked WHERE f.tenant = picked.tenant AND f.endpoint = picked.endpoint AND f.key = picked.key RETURNING f.*
    )
    SELECT {_COLUMNS} FROM claimed
""")  # noqa: S608 - the columns are ours


async def claim(session: AsyncSession, policy: PullPolicy, channels: Sequence[str], most: int, suspects: int) -> list[Job]:
    """Lease up to `most` jobs of these channels that are due, one an endpoint, each with a new number of its attempt; among them at most
    so many `suspects`.

    While a new version is rolled out, a replica of the old one leaves channels alone that it does not know. Who dies in the first step
    of a poll's round has used that round up: it begins again no sooner than it may.
    """
    rows = await session.execute(_CLAIM, {"lease": policy.lease_seconds, "channels": list(channels), "most": most, "suspects": suspects})
    return [Job(**row) for row in rows.mappings()]


_NEXT = text("""
    SELECT EXTRACT(epoch FROM min(greatest(e.next_call_at, f.next_at)) - clock_timestamp())::float8
    FROM channel_endpoints AS e CROSS JOIN LATERAL (
        SELECT min(next_at) AS next_at FROM channel_fetches AS f WHERE f.endpoint = e.id AND f.state = 'waiting'
    ) AS f
    WHERE e.disabled_at IS NULL AND f.next_at IS NOT NULL AND e.channel = ANY(CAST(:channels AS text[]))
""")


async def seconds_until_next(session: AsyncSession, channels: Sequence[str]) -> float | None:
    """Until the next job of these channels may be claimed, negative when one may; None when there is none."""
    seconds: float | None = (await session.execute(_NEXT, {"channels": list(channels)})).scalar_one()
    return seconds


_LOCK = text(f"""
    SELECT {_OF_JOB}, now() AS present FROM channel_fetches AS f
    WHERE tenant = :tenant AND endpoint = :endpoint AND key = :key AND attempt = :attempt AND state = 'waiting' FOR UPDATE
""")  # noqa: S608
_SAVE = text("""
    UPDATE channel_fetches SET state = :state, first = :first, step = :step, again = :again, begun = :begun, round_at = :round_at,
        next_at = :next_at, failures = :failures, broken_off = :broken_off, trying_since = :trying_since, last_error = :last_error
    WHERE tenant = :tenant AND endpoint = :endpoint AND key = :key
""").bindparams(*_DOCUMENTS)
_DELETE = text("DELETE FROM channel_fetches WHERE tenant = :tenant AND endpoint = :endpoint AND key = :key")
_REST = text("""
    UPDATE channel_endpoints SET next_call_at = now() + make_interval(secs => :rest)
    WHERE tenant = :tenant AND id = :endpoint
""")


async def lock_claimed(session: AsyncSession, job: Job) -> tuple[Job, datetime] | None:
    """The job as it is now and PostgreSQL's `now()`; None when another attempt has begun since, or it is gone."""
    row = (await session.execute(_LOCK, asdict(job))).mappings().one_or_none()
    if row is None:
        return None
    return Job(**{name: value for name, value in row.items() if name != "present"}), row["present"]


async def write_back(session: AsyncSession, job: Job, after: Job | None, rest_seconds: float) -> None:
    """The job as a step leaves it, None when it is done; its endpoint makes no call for `rest_seconds`, so that its quota holds."""
    named = {"tenant": job.tenant, "endpoint": job.endpoint, "key": job.key}
    await session.execute(*((_DELETE, named) if after is None else (_SAVE, asdict(after))))
    await session.execute(_REST, {**named, "rest": rest_seconds})


_LIST = text(f"""
    SELECT {_COLUMNS} FROM channel_fetches
    WHERE tenant = :tenant AND endpoint = :endpoint AND key > :after AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY key LIMIT :limit
""")  # noqa: S608
_REPLAY = text("""
    UPDATE channel_fetches SET state = 'waiting', failures = 0, trying_since = now(), next_at = now()
    WHERE tenant = :tenant AND endpoint = :endpoint AND state = 'dead' AND (CAST(:keys AS text[]) IS NULL OR key = ANY(:keys))
    RETURNING key
""")


async def list_jobs(session: AsyncSession, tenant: str, endpoint: str, state: str | None, *, after: str, limit: int) -> list[Job]:
    """Fetches and polls of an endpoint, by key."""
    values = {"tenant": tenant, "endpoint": endpoint, "state": state, "after": after, "limit": limit}
    return [Job(**row) for row in (await session.execute(_LIST, values)).mappings()]


async def replay_dead(session: AsyncSession, tenant: str, endpoint: str, keys: Sequence[str] | None) -> int:
    """Try dead fetches again from now on: these, or all. Returns how many."""
    found = (await session.execute(_REPLAY, {"tenant": tenant, "endpoint": endpoint, "keys": keys})).all()
    if found:
        await wake(session, CHANNEL)
    return len(found)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Fetches of one endpoint that wait or are dead; polls are not among them."""

    waiting: int
    dead: int


_WAITING = text("""
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead FROM channel_fetches
    WHERE tenant = :tenant AND endpoint = :endpoint AND kind <> 'poll'
""")
_SEEN = text("""
    SELECT channel, count(*) FILTER (WHERE state = 'waiting' AND next_at <= now())::int AS due,
        coalesce(EXTRACT(epoch FROM now() - min(next_at) FILTER (WHERE state = 'waiting' AND next_at <= now())), 0)::float8 AS oldest,
        count(*) FILTER (WHERE state = 'dead')::int AS dead,
        greatest(0, coalesce(max(EXTRACT(epoch FROM now() - round_at) - every_seconds) FILTER (WHERE kind = 'poll'), 0))::float8 AS lag
    FROM channel_fetches WHERE state <> 'idle' GROUP BY channel
""")


async def waiting_of(session: AsyncSession, tenant: str, endpoint: str) -> Waiting:
    """How many fetches of an endpoint wait."""
    return Waiting(**(await session.execute(_WAITING, {"tenant": tenant, "endpoint": endpoint})).mappings().one())


async def seen_by_channel(session: AsyncSession) -> Mapping[str, tuple[int, float, int, float]]:
    """For metrics: due, age of the oldest due, dead, lag of polls; by channel, over all tenants."""
    found: Any = await session.execute(_SEEN)
    return {row.channel: (row.due, row.oldest, row.dead, row.lag) for row in found}

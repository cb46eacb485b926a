"""The loop of fetches and polls: claim a step under a lease, commit, call the vendor, write everything that came of it in one transaction.

Whoever dies in between leaves a lease that ends; another replica then does the step again, and its events are known by their ids.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Call, NotNow, Pulled, Reply, Unreadable
from services.ingest.channels import fetches
from services.ingest.channels.directory import Directory
from services.ingest.channels.endpoint import Misconfigured, OpenEndpoint
from services.ingest.channels.job import MOST_BROKEN_OFF, SET_ASIDE, Failure, Job, PullPolicy, after_failure, after_step
from services.ingest.channels.judging import Judged, judge_events
from services.ingest.channels.kept import Sealed, Step, Unread, keep, seal
from services.ingest.channels.metrics import PullMetrics
from services.ingest.channels.outgoing import CallFailed, VendorCalls
from services.ingest.channels.tally import Tally
from services.ingest.intake import Intake
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.insisting import insist
from shared.database.outbox import enqueue
from shared.database.timers import HELD_SECONDS, LONGEST_SLEEP_SECONDS, Listener, look_whenever_heard
from shared.delivery.secrets import SecretBox, UnreadableSecret
from shared.errors import Unavailable
from shared.loops import Beat
from shared.observability.tracing import span, traceparent_from
from shared.settings import DatabaseSettings

SEEN_EVERY_SECONDS = 5.0
MOST_COMMENTS = 2**53
"""More under one post is no number of comments."""

_TELL = text("""
    INSERT INTO channel_collected (tenant, endpoint, post, existing, told_at) VALUES (:tenant, :endpoint, :post, :existing, :at)
    ON CONFLICT (tenant, endpoint, post) DO UPDATE SET existing = excluded.existing, told_at = excluded.told_at
""")
log = structlog.get_logger()


class _NotedCalls:
    """The way out for one step. Calls are counted, which a quota is about, and answers kept until it is known that they can be read."""

    def __init__(self, calls: VendorCalls) -> None:
        self._calls = calls
        self.made = 0
        self.replies: list[Reply] = []

    async def __call__(self, call: Call) -> Reply:
        self.made += 1
        reply = await self._calls.call(call)
        self.replies.append(reply)
        return reply


class PullLoop:
    """The loop. On stop it finishes the steps that are under way."""

    name = "pulls"

    def __init__(
        self, database: DatabaseSettings, sessions: Sessions, directory: Directory, intake: Intake, calls: VendorCalls,
        box: SecretBox | None, tally: Tally, metrics: PullMetrics, clock: Clock, policy: PullPolicy,
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._directory = directory
        self._intake = intake
        self._calls = calls
        self._box = box
        self._tally = tally
        self._metrics = metrics
        self._clock = clock
        self._policy = policy
        self._listener = Listener(self.name, database, fetches.CHANNEL)
        self._busy = 0
        self._suspects = 0
        self._seen_at = 0.0

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Pull until `stop` is set. Waits for PostgreSQL; raises (a group of) what is unforeseen."""
        async with asyncio.TaskGroup() as steps:
            await look_whenever_heard(self.name, self._listener, lambda: self._look(steps), stop, beat)

    async def _look(self, steps: asyncio.TaskGroup) -> float:
        """Begin the steps that are due and have room. Returns the seconds until the next look."""
        loop = asyncio.get_running_loop()
        channels = list(adapters())
        room = self._policy.at_once - self._busy
        lease_ends = loop.time() + self._policy.lease_seconds
        async with self._sessions.begin() as session:
            claimed = await fetches.claim(session, self._policy, channels, room, max(0, 1 - self._suspects)) if room else []
            ahead = await fetches.seconds_until_next(session, channels)
            if loop.time() >= self._seen_at + SEEN_EVERY_SECONDS:
                self._metrics.seen(await fetches.seen_by_channel(session))
                self._seen_at = loop.time()
        for job in claimed:
            self._busy += 1
            self._suspects += job.suspect
            steps.create_task(self._step(job, lease_ends), name=f"pull {job.channel}")
        return LONGEST_SLEEP_SECONDS if ahead is None else max(ahead, HELD_SECONDS)

    async def _step(self, job: Job, lease_ends: float) -> None:
        """One step. A result that cannot be written before the lease ends is lost, and the step comes again."""
        try:
            with span(f"pull {job.channel}", "client", [], {}) as stepping:
                await self._step_once(job, lease_ends, traceparent_from(stepping.traceparent))
        except Unavailable as unavailable:
            log.warning("a step has to be done again", action="pull_waits", channel=job.channel, dependency=unavailable.dependency)
        finally:
            self._busy -= 1
            self._suspects -= job.suspect
            self._listener.heard.set()

    async def _step_once(self, job: Job, lease_ends: float, traceparent: bytes) -> None:
        began = self._clock()
        calls = _NotedCalls(self._calls)
        endpoint, result = await self._pulled(job, calls, began)
        judged = Judged()
        if endpoint is not None and isinstance(result, Pulled):
            try:
                judged = await judge_events(self._intake, endpoint, result.events, self._clock(), traceparent)
            except Unavailable as unavailable:
                result = Failure(str(unavailable))
        rest = 0.0 if endpoint is None else calls.made * 60.0 / endpoint.stored.calls_per_minute
        unread: list[Sealed] = []
        if (reason := _not_read(result, judged)) is not None:
            assert self._box is not None  # without it no endpoint can be opened
            unread = await seal(self._box, [Unread(Step(job.fetch(self._box), began, calls.replies), reason)])
        told = await insist(self._sessions, lambda session: self._write(session, job, result, judged, unread, rest), lease_ends)
        self._metrics.stepped(job.channel, told)
        if isinstance(result, Failure):
            log.warning("a step failed", action="pull_failed", channel=job.channel, result=told, detail=result.detail)
        elif endpoint is not None and told == "done":
            self._tally.comments(endpoint, judged.comments)
            for reason, n in result.passed_over.items():
                self._tally.count(endpoint, "passed_over", self._clock(), reason, n)
            if judged.accepted:
                self._tally.count(endpoint, "events", self._clock(), n=len(judged.accepted))

    async def _pulled(self, job: Job, calls: _NotedCalls, now: datetime) -> tuple[OpenEndpoint | None, Pulled | Failure]:
        try:
            endpoint = await self._directory.find(job.endpoint)
        except Misconfigured as wrong:
            return None, Failure(str(wrong))
        if endpoint is None:
            return None, Failure("there is no such endpoint any more", final=True)
        if job.broken_off > MOST_BROKEN_OFF:
            return endpoint, SET_ASIDE
        assert self._box is not None  # without it no endpoint can be opened
        try:
            fetch = job.fetch(self._box)
            async with asyncio.timeout(self._policy.step_seconds):
                if job.kind == "confirm":
                    await calls(Call("GET", fetch.arguments["url"]))
                    return endpoint, Pulled()
                if endpoint.adapter.pull is None:
                    return endpoint, Failure("this channel fetches nothing any more", final=True)
                return endpoint, await endpoint.adapter.pull(fetch, endpoint.at(now), calls, now)
        except UnreadableSecret:
            return endpoint, Failure("its arguments cannot be opened with the present HEARBACK_INGEST_SECRETS_KEY")
        except CallFailed as failed:
            return endpoint, failed.failure
        except NotNow as busy:
            return endpoint, Failure(str(busy))
        except Unreadable as unreadable:
            return endpoint, Failure(f"the vendor's answer cannot be read: {unreadable}", final=True, unreadable=True)
        except TimeoutError:
            return endpoint, Failure(f"a step took longer than {self._policy.step_seconds:g} s")

    async def _write(
        self, session: AsyncSession, job: Job, result: Pulled | Failure, judged: Judged, unread: Sequence[Sealed], rest: float
    ) -> str:
        """Everything that came of a step. Returns done, failed, dead, or stale when somebody else is at it now."""
        locked = await fetches.lock_claimed(session, job)
        if locked is None:
            return "stale"
        present, now = locked
        await keep(session, job.tenant, job.endpoint, unread, now)
        if isinstance(result, Failure):
            chance = random.random()  # noqa: S311 - jitter is no secret
            after = after_failure(present, result, self._policy, now, chance)
            await fetches.write_back(session, job, after, rest)
            return "dead" if after.state == "dead" else "failed"
        await enqueue(session, self._intake.spool_rows(judged.accepted))
        for post in sorted(result.collected):
            existing = min(result.collected[post], MOST_COMMENTS)
            row = {"tenant": job.tenant, "endpoint": job.endpoint, "post": post, "existing": existing, "at": now}
            await session.execute(_TELL, row)
        assert self._box is not None
        await fetches.write_back(session, job, after_step(present, result, self._box, now), rest)
        return "done"


def _not_read(result: Pulled | Failure, judged: Judged) -> str | None:
    """Why what the vendor answered is to be kept: something of it did not become an event."""
    if isinstance(result, Failure):
        return result.detail if result.unreadable else None
    if judged.refused:
        return judged.refused[0].reason
    odd = result.passed_over.get("unreadable")
    return f"{odd} of the items cannot be read" if odd else None

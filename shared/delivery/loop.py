"""The loop that sends deliveries: claim under a lease, commit, send, write the result. Any number of replicas may run it.

Whoever dies in between leaves a lease that ends: the delivery is then sent again under the same id, by anybody.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.engine import Sessions
from shared.database.insisting import insist
from shared.database.timers import HELD_SECONDS, LONGEST_SLEEP_SECONDS, Listener, look_whenever_heard
from shared.delivery.delivery import DEFAULT_POLICY, Delivery, DeliveryPolicy, Outcome, Verdict
from shared.delivery.metrics import DeliveryMetrics
from shared.delivery.secrets import UnreadableSecret
from shared.delivery.store import CHANNEL, claim, seconds_until_next, settle
from shared.errors import Unavailable
from shared.loops import Beat
from shared.observability.tracing import Attributes, Span, span
from shared.settings import DatabaseSettings

Send = Callable[[Delivery], Awaitable[Outcome]]
"""Sends one delivery, to a place that it already knows; raises nothing that can be foreseen."""

log = structlog.get_logger()


class Receivers(Protocol):
    """What the service knows of its receivers."""

    async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
        """How to send this now, addresses and secrets resolved; None when there is no such receiver (any more).

        May raise `shared.delivery.secrets.UnreadableSecret`: it is tried again later.
        """

    async def attempted(self, session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
        """An attempt is over, in the transaction that says so: events, a broken receiver, a fallback belong here.

        `delivery.state` is delivered, pending (comes again), dead (`dead_because` refused: the receiver is broken; expired:
        given up) or superseded. `first_failed_at` tells how long it has been failing.
        """


class DeliveryLoop:
    """The loop. On stop it finishes the requests that are under way."""

    name = "delivery"

    def __init__(
        self,
        database: DatabaseSettings,
        sessions: Sessions,
        receivers: Receivers,
        metrics: DeliveryMetrics,
        policy: DeliveryPolicy = DEFAULT_POLICY,
    ) -> None:
        self._sessions = sessions
        self._receivers = receivers
        self._metrics = metrics
        self._policy = policy
        self._listener = Listener(self.name, database, CHANNEL)
        self._busy: Counter[tuple[str, str]] = Counter()

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Deliver until `stop` is set. Waits for PostgreSQL; raises (a group of) what is unforeseen."""
        async with asyncio.TaskGroup() as requests:
            await look_whenever_heard(self.name, self._listener, lambda: self._look(requests), stop, beat)

    async def _look(self, requests: asyncio.TaskGroup) -> float:
        """Begin the attempts that are due and have room. Returns the seconds until the next look."""
        room = self._policy.at_once - self._busy.total()
        lease_ends = asyncio.get_running_loop().time() + self._policy.lease_seconds
        async with self._sessions.begin() as session:
            claimed = await claim(session, self._policy, self._busy, room) if room else []
            ahead = await seconds_until_next(session)
        self._metrics.oldest_due(0.0 if ahead is None else max(0.0, -ahead))
        for delivery in claimed:
            self._busy[delivery.tenant, delivery.receiver] += 1
            requests.create_task(self._attempt(delivery, lease_ends), name=f"delivery {delivery.id}")
        if ahead is None:
            return LONGEST_SLEEP_SECONDS
        return max(ahead, HELD_SECONDS)  # what is due and was not claimed has no room or is somebody else's

    async def _attempt(self, delivery: Delivery, lease_ends: float) -> None:
        """One attempt. A result that cannot be written before the lease ends is lost, and the delivery comes again."""
        attributes: Attributes = {"hearback.delivery.id": str(delivery.id), "hearback.delivery.attempt": delivery.attempt}
        try:
            with span(f"deliver {delivery.kind}", "client", [delivery.traceparent], attributes) as attempt:
                await self._attempt_once(delivery, lease_ends, attempt)
        except Unavailable as unavailable:
            log.warning("delivery has to wait", action="delivery_waits", delivery=str(delivery.id), detail=unavailable.detail)
        finally:
            self._busy -= Counter([(delivery.tenant, delivery.receiver)])
            self._listener.heard.set()

    async def _attempt_once(self, delivery: Delivery, lease_ends: float, attempt: Span) -> None:
        outcome = await self._outcome(delivery, lease_ends)
        if outcome is None:
            return
        _note(attempt, delivery, outcome)
        settled = await insist(self._sessions, lambda session: self._write(session, delivery, outcome), lease_ends)
        if settled is None:
            log.warning("result of a stale attempt", action="delivery_stale", delivery=str(delivery.id), attempt=delivery.attempt)
            return
        self._metrics.attempted(settled, outcome)
        if settled.state == "dead":
            log.error("delivery is dead", action="delivery_dead", delivery=str(settled.id), because=settled.dead_because)

    async def _outcome(self, delivery: Delivery, lease_ends: float) -> Outcome | None:
        """Send it; None when so much of the lease is gone that somebody else might send it as well."""
        try:
            send = await insist(self._sessions, lambda session: self._receivers.sender(session, delivery), lease_ends)
        except UnreadableSecret as unreadable:
            return Outcome(Verdict.AGAIN, str(unreadable))
        if send is None:
            return Outcome(Verdict.REFUSED, "there is no such receiver")
        if asyncio.get_running_loop().time() + self._policy.timeout_seconds > lease_ends:
            return None
        try:
            async with asyncio.timeout(self._policy.timeout_seconds):
                return await send(delivery)
        except TimeoutError:
            return Outcome(Verdict.AGAIN, f"no answer within {self._policy.timeout_seconds:g} s")

    async def _write(self, session: AsyncSession, delivery: Delivery, outcome: Outcome) -> Delivery | None:
        settled = await settle(session, delivery, outcome, self._policy, random.random())  # noqa: S311 - jitter is no secret
        if settled is not None:
            await self._receivers.attempted(session, settled, outcome)
        return settled


def _note(attempt: Span, delivery: Delivery, outcome: Outcome) -> None:
    if outcome.status is not None and delivery.kind == "webhook":
        attempt.note({"http.request.method": "POST", "http.response.status_code": outcome.status})
    if outcome.verdict is not Verdict.DELIVERED:
        attempt.fail(outcome.verdict)

"""What happens without an event: a `for` or a `keep_firing_for` ends, a group is due to be told, and samples stay away."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts import incidents
from services.alerts.domain.alert import Alert, behind_alert
from services.alerts.domain.group import Member, flush
from services.alerts.domain.receiver import WebhookReceiver
from services.alerts.domain.rule import MetricRule
from services.alerts.domain.state import Judged, next_at, step
from services.alerts.notifications import Notification, mail, webhook_body
from services.alerts.samples import Outcome, settle
from services.alerts.store.alerts import alerts_by_id, firing_families
from services.alerts.store.groups import (
    StoredGroup,
    earliest_look,
    forget_members,
    lock_due_groups,
    members_of,
    note_notification,
    save_groups,
)
from services.alerts.store.receivers import StoredReceiver, find_receiver
from services.alerts.store.rules import lock_rules
from services.alerts.store.states import (
    StateRow,
    due_states,
    earliest_timer,
    last_arrival,
    lock_due_states,
    save_states,
    tenants_with_states,
)
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.database.timers import TimerMetrics
from shared.delivery.delivery import NewDelivery
from shared.delivery.store import enqueue_delivery, find
from shared.errors import Unavailable
from shared.loops import Beat, stopped_within
from shared.observability.tracing import span

LOOK_SECONDS = 1.0
log = structlog.get_logger()


class RuleTimers:
    """shared.database.timers.Due of rule states: due when the data have reached the instant, judged at that instant."""

    def __init__(self, metrics: TimerMetrics) -> None:
        self._metrics = metrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """The next one, as far as one can see."""
        return await earliest_timer(session)

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Rules first and states second, as everywhere: so nobody waits for the other in a circle."""
        due = await due_states(session, limit)
        rules = await lock_rules(session, {key[:2] for key in due})
        rows = await lock_due_states(session, due)
        now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
        changed: list[StateRow] = []
        outcomes: list[Outcome] = []
        for key, row in rows.items():
            stored = rules[key[:2]]
            assert isinstance(stored.rule, MetricRule) and row.next_at is not None  # an edit that changes this deletes the states
            level = next(one for one in stored.rule.levels if one.severity == key.severity)
            judged = Judged(stored.rule, stored.version, level)
            self._metrics.fired(row.next_at, now)
            state, changes = step(judged, row.state, None, row.next_at)
            after = replace(row, state=state, next_at=next_at(judged, state))
            changed.append(after)
            outcomes += [Outcome(after, judged, change) for change in changes]
        await save_states(session, changed)
        await settle(session, outcomes)
        return len(rows)


class GroupLooks:
    """shared.database.timers.Due of groups: each is told what its receiver has to know, as one delivery."""

    def __init__(self, metrics: TimerMetrics, external_url: str) -> None:
        self._metrics = metrics
        self._external_url = external_url

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """The next look."""
        return await earliest_look(session)

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Look at the groups that are due."""
        now, groups = await lock_due_groups(session, min(limit, 100))
        for stored in sorted(groups, key=lambda one: (one.tenant, one.key, one.receiver)):
            assert stored.group.next_at is not None
            self._metrics.fired(stored.group.next_at, now)
            await self._look(session, stored, now)
        return len(groups)

    async def _look(self, session: AsyncSession, stored: StoredGroup, now: datetime) -> None:
        receiver = await find_receiver(session, stored.tenant, stored.receiver)
        if receiver is None or receiver.deleted:
            await save_groups(session, [replace(stored, group=replace(stored.group, next_at=None))])  # saving the receiver looks again
            return
        alerts = await self._members(session, stored)
        last = None if stored.delivery is None else await find(session, stored.tenant, stored.delivery)
        looked = flush(
            stored.group,
            stored.timing,
            [_member(alert) for alert in alerts.values()],
            now,
            delivered=last is not None and last.state == "delivered",
            send_resolved=receiver.receiver.send_resolved,
        )
        after = replace(stored, group=looked.group)
        if looked.told:
            told = [alerts[uuid.UUID(id)] for id in looked.told]
            after = await self._tell(session, after, receiver, told, looked.left_out)
        elif last is not None and last.state == "dead" and not any(alert.firing for alert in alerts.values()):
            after = replace(stored, group=replace(looked.group, next_at=None))  # nobody waits for what will not arrive
        await save_groups(session, [after])
        await forget_members(session, stored.id, [uuid.UUID(id) for id in looked.forgotten])

    async def _members(self, session: AsyncSession, stored: StoredGroup) -> dict[uuid.UUID, Alert]:
        """The alerts of the group, without those that a higher severity of their rule hides."""
        alerts = await alerts_by_id(session, await members_of(session, stored.id))
        families = {alert.family for alert in alerts if alert.source == "metric" and alert.firing}
        highest: dict[str, int] = {}
        for alert in await firing_families(session, stored.tenant, families) if families else ():
            highest[alert.family] = max(alert.rank, highest.get(alert.family, 0))
        return {alert.id: alert for alert in alerts if not (alert.firing and alert.rank < highest.get(alert.family, 0))}

    async def _tell(
        self, session: AsyncSession, stored: StoredGroup, receiver: StoredReceiver, told: Sequence[Alert], left_out: int
    ) -> StoredGroup:
        said = Notification(stored.tenant, stored.receiver, stored.key, stored.labels, told, left_out, self._external_url)
        webhook = isinstance(receiver.receiver, WebhookReceiver)
        new = NewDelivery(
            tenant=stored.tenant,
            group_key=stored.key,
            receiver=stored.receiver,
            kind=receiver.receiver.kind,
            sequence=stored.sequence + 1,
            body=webhook_body(said) if webhook else mail(said).encode(),
        )
        with span("tell alerts", "internal", [alert.traceparent for alert in told], {"hearback.alerts": len(told)}):
            delivery = await enqueue_delivery(session, new)
        await note_notification(session, delivery, [alert.id for alert in told])
        return replace(stored, sequence=new.sequence, delivery=delivery)


class SilenceWatch:
    """The one rule on this process's own clock: no sample of any series for so long means that scoring is behind.

    What went by while this process did not run says nothing: it counts from its own start.
    """

    name = "silence watch"

    def __init__(self, sessions: Sessions, longest: timedelta) -> None:
        self._sessions = sessions
        self._longest = longest
        self._last: datetime | None = None
        self._heard = 0.0

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Watch until `stop` is set. Waits for PostgreSQL."""
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        while not stop.is_set():
            beat()
            try:
                with typed_database_errors():
                    await self._look(loop.time())
            except Unavailable as unavailable:
                log.warning("silence watch waits", action="silence_watch_waits", dependency=unavailable.dependency)
                self._heard = loop.time()  # what came meanwhile could not be seen
            await stopped_within(stop, LOOK_SECONDS)

    async def _look(self, now: float) -> None:
        async with self._sessions.begin() as session:
            arrived = await last_arrival(session)
            if arrived != self._last:
                self._last, self._heard = arrived, now
            if arrived is None or now - self._heard < self._longest.total_seconds():
                return
            since = arrived + self._longest  # every replica says the same
            await incidents.start(session, [behind_alert(tenant, since) for tenant in await tenants_with_states(session)])


def _member(alert: Alert) -> Member:
    return Member(str(alert.id), alert.firing, alert.acknowledged_at is not None, fact=alert.source == "clock")

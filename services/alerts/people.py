"""What people do with an alert: take it, or end it by hand. Never commits."""

import uuid
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts import incidents
from services.alerts.domain.alert import Alert, metric_alert_id
from services.alerts.domain.state import Phase, overruled
from services.alerts.store import alerts as rows
from services.alerts.store.alerts import Ending
from services.alerts.store.groups import touch_groups_of
from services.alerts.store.rules import lock_rules
from services.alerts.store.states import lock_states_of_rule, save_states


async def acknowledge(session: AsyncSession, tenant: str, id: uuid.UUID, actor: str, now: datetime) -> Alert | None:
    """Somebody has it: it is no longer repeated. None when the tenant has no such alert; twice changes nothing."""
    alert = await rows.acknowledge(session, tenant, id, actor, now)
    if alert is not None:
        await touch_groups_of(session, [id])
    return alert


async def resolve(session: AsyncSession, tenant: str, id: uuid.UUID, actor: str, reason: str, now: datetime) -> Alert | None:
    """End it by hand. A number that is still bad does not fire again before it has recovered once."""
    alert = await rows.find_alert(session, tenant, id)
    if alert is None or not alert.firing:
        return alert
    if alert.source == "metric" and alert.rule is not None:
        await lock_rules(session, [(tenant, alert.rule)])
        states = await lock_states_of_rule(session, tenant, alert.rule)
        mine = [
            row
            for key, row in states.items()
            if row.state.phase is Phase.FIRING
            and row.state.started_at is not None
            and metric_alert_id(tenant, key.rule, key.series, key.severity, row.state.started_at) == id
        ]
        await save_states(session, [replace(row, state=overruled(row.state), next_at=None) for row in mine])
    await incidents.end(session, [Ending(id, now, reason, actor)])
    return await rows.find_alert(session, tenant, id)

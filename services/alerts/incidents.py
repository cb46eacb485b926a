"""From a start or an end of alerts to their groups: what every way in (samples, clocks, timers, people) has in common."""

import uuid
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.alert import Alert
from services.alerts.domain.route import Destination, destinations
from services.alerts.store.alerts import Ending, end_alerts, firing_families, insert_alerts
from services.alerts.store.groups import join_groups, touch_groups_of
from services.alerts.store.rules import routes_of


async def start(session: AsyncSession, fired: Sequence[Alert]) -> list[Alert]:
    """Write what is new of these alerts, announce it, and put it into the groups of its routes. Returns what was new. Does not commit."""
    new = await insert_alerts(session, fired)
    trees = await routes_of(session, {alert.tenant for alert in new})
    for tenant in sorted({alert.tenant for alert in new}):
        joining: list[tuple[uuid.UUID, Destination]] = [
            (alert.id, place) for alert in new if alert.tenant == tenant for place in destinations(trees[tenant], alert.labels)
        ]
        await join_groups(session, tenant, joining)
    await _tell_families(session, new)
    return new


async def end(session: AsyncSession, endings: Sequence[Ending]) -> list[Alert]:
    """End what fires of these alerts, announce it, and let its groups tell it. Returns what ended. Does not commit."""
    if not endings:
        return []
    ended = await end_alerts(session, endings)
    await touch_groups_of(session, [alert.id for alert in ended])
    await _tell_families(session, ended)
    return ended


async def _tell_families(session: AsyncSession, changed: Sequence[Alert]) -> None:
    """A severity that starts hides the lower ones of its rule, one that ends shows them again: their groups look too."""
    ids = {alert.id for alert in changed}
    for tenant in sorted({alert.tenant for alert in changed if alert.source == "metric"}):
        families = {alert.family for alert in changed if alert.tenant == tenant}
        others = [alert.id for alert in await firing_families(session, tenant, families) if alert.id not in ids]
        if others:
            await touch_groups_of(session, others)

"""Which series rules need, asked of scoring on `series.wanted.v1`."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.alert import named
from services.alerts.domain.rule import MetricRule, Rule
from services.alerts.schema import wanted_series
from services.alerts.store.rules import list_rules
from shared.contracts.decoding import encode_own
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.metrics import SeriesWanted
from shared.contracts.topics import SERIES_WANTED
from shared.database.outbox import OutboxRecord, enqueue

SOURCE = "/alerts"


async def ask_for_series(session: AsyncSession, tenant: str, changed: Iterable[Rule | None], now: datetime) -> None:
    """Ask for the series of these rules that are needed by now, and take back the wish for those that no rule needs any more.

    Call it when the rules are written. A rule with `group_by` names no series: it takes what scoring publishes by itself.
    """
    looked_at = {rule.series: rule for rule in changed if isinstance(rule, MetricRule) and rule.series is not None}
    for series, rule in sorted(looked_at.items()):
        row = {"tenant": tenant, "series": series, "sequence": 0, "wanted": False}
        await session.execute(insert(wanted_series).values(row).on_conflict_do_nothing())
        same = sa.and_(wanted_series.c.tenant == tenant, wanted_series.c.series == series)
        present = (await session.execute(sa.select(wanted_series).where(same).with_for_update())).one()
        live = await list_rules(session, tenant)
        wanted = any(isinstance(one.rule, MetricRule) and one.rule.series == series for one in live)
        if wanted == present.wanted:
            continue
        sequence = present.sequence + 1
        await session.execute(sa.update(wanted_series).where(same).values(sequence=sequence, wanted=wanted))
        await enqueue(session, [_record(tenant, rule, sequence, wanted, now)])


async def ask_again(session: AsyncSession, now: datetime) -> int:
    """Ask for every series that rules need as it was asked for last, for a Kafka that has lost it; scoring drops what it knows.

    Returns how many. Does not commit.
    """
    query = sa.select(wanted_series).where(wanted_series.c.wanted).order_by(wanted_series.c.tenant, wanted_series.c.series)
    asked = 0
    for tenant, wishes in groupby((await session.execute(query)).all(), key=lambda wish: wish.tenant):
        rules = {one.rule.series: one.rule for one in await list_rules(session, tenant) if isinstance(one.rule, MetricRule)}
        records = [_record(tenant, rules[wish.series], wish.sequence, True, now) for wish in wishes if wish.series in rules]
        await enqueue(session, records)
        asked += len(records)
    return asked


def _record(tenant: str, rule: MetricRule, sequence: int, wanted: bool, now: datetime) -> OutboxRecord:
    assert rule.series is not None
    value = encode_own(
        "series.wanted.v1",
        id=str(named("series", tenant, rule.series, sequence)),
        source=SOURCE,
        tenant=tenant,
        time=now,
        data=SeriesWanted(series=rule.series, metric=rule.metric, slice=dict(rule.filter), window=rule.window, wanted=wanted),
        sequence=sequence,
    )
    return OutboxRecord(SERIES_WANTED, f"{tenant}:{rule.series}".encode(), value, (CONTENT_TYPE,))

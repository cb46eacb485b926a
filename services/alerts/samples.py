"""Samples to rule states: lock, judge with the pure machine, write by compare-and-set, and start or end the alerts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts import incidents
from services.alerts.domain.alert import BEHIND_LABELS, Alert, behind_alert, fingerprint, metric_alert, metric_alert_id
from services.alerts.domain.rule import MetricRule
from services.alerts.domain.state import Change, Fired, Judged, RuleState, Sample, next_at, step
from services.alerts.store.alerts import Ending, firing_with
from services.alerts.store.rules import StoredRule, metric_rules, note_error
from services.alerts.store.states import StateKey, StateRow, count_series, lock_states, note_progress, save_states
from shared.contracts.metrics import MetricSampled
from shared.database.timers import wake
from shared.kafka.batch import Received

CHANNEL = "hearback_rule_states"
BEHIND_FINGERPRINT = fingerprint(BEHIND_LABELS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one rule's alert over one series, in order."""

    row: StateRow
    judged: Judged
    change: Change


@dataclass(frozen=True, slots=True)
class _Reading:
    """One sample for one rule at one severity."""

    key: StateKey
    judged: Judged
    received: Received
    sample: Sample


async def take_samples(session: AsyncSession, received: Sequence[Received]) -> None:
    """Judge a batch of samples. Does not commit. Raises Unavailable when somebody else was faster with a state."""
    if not received:
        return
    await note_progress(session, _watermarks(received))
    await _say_whether_behind(session, received)
    rules = await metric_rules(session, {(r.event.tenant, r.event.data.metric, r.event.data.window) for r in received})
    readings = [reading for r in received for reading in _readings(r, rules)]
    rows = await lock_states(session, {reading.key for reading in readings})
    full = await _full_rules(session, readings, rows)
    outcomes: list[Outcome] = []
    for reading in readings:
        row = rows.get(reading.key)
        if row is None:
            if (reading.key.tenant, reading.key.rule) in full:
                continue
            state = RuleState(reading.judged.version)
            row = StateRow(reading.key, dict(reading.received.event.data.slice), reading.received.partition, state)
        state, changes = step(reading.judged, row.state, reading.sample, reading.sample.as_of)
        row = replace(row, state=state, partition=reading.received.partition, next_at=next_at(reading.judged, state))
        rows[reading.key] = row
        outcomes += [Outcome(row, reading.judged, change) for change in changes]
    await save_states(session, [row for _, row in sorted(rows.items()) if row.state != row.stored])
    if any(row.next_at is not None for row in rows.values()):
        await wake(session, CHANNEL)
    await settle(session, outcomes)


async def settle(session: AsyncSession, outcomes: Iterable[Outcome]) -> None:
    """Start and end the alerts of these outcomes, those of one state in their order."""
    by_key = groupby(sorted(outcomes, key=lambda outcome: outcome.row.key), key=lambda outcome: outcome.row.key)
    turns = [list(group) for _, group in by_key]
    for turn in range(max(map(len, turns), default=0)):
        now = [group[turn] for group in turns if turn < len(group)]
        await incidents.end(session, [_ending(outcome.row.key, outcome.change) for outcome in now if not isinstance(outcome.change, Fired)])
        await incidents.start(session, [_alert(outcome, outcome.change) for outcome in now if isinstance(outcome.change, Fired)])


def sample_of(received: Received) -> Sample:
    """What a rule reads of the event; its `sequence` orders the samples of a series."""
    data: MetricSampled = received.event.data
    sequence = received.event.sequence or 0
    return Sample(sequence, data.as_of, data.watermark, data.value, data.n, data.ci_low, data.ci_high, data.reason == "ended")


def _readings(received: Received, rules: dict[tuple[str, str, str], list[StoredRule]]) -> Iterable[_Reading]:
    data: MetricSampled = received.event.data
    for stored in rules.get((received.event.tenant, data.metric, data.window), ()):
        rule = stored.rule
        if isinstance(rule, MetricRule) and rule.covers(data.slice):
            for level in rule.levels:
                key = StateKey(stored.tenant, rule.rule, data.series, level.severity)
                yield _Reading(key, Judged(rule, stored.version, level), received, sample_of(received))


async def _full_rules(session: AsyncSession, readings: Sequence[_Reading], rows: dict[StateKey, StateRow]) -> set[tuple[str, str]]:
    """Rules that would get more series than their limit; they say so, and take no new one."""
    full: set[tuple[str, str]] = set()
    new: dict[tuple[str, str], set[str]] = {}
    limits: dict[tuple[str, str], int] = {}
    for reading in readings:
        if reading.key not in rows and reading.judged.rule.group_by:
            new.setdefault(reading.key[:2], set()).add(reading.key.series)
            limits[reading.key[:2]] = reading.judged.rule.limit
    for (tenant, rule), series in sorted(new.items()):
        limit = limits[tenant, rule]
        if await count_series(session, tenant, rule) + len(series) > limit:
            full.add((tenant, rule))
            await note_error(session, tenant, rule, f"has more series than its limit of {limit}; further ones are not judged")
    return full


async def _say_whether_behind(session: AsyncSession, received: Sequence[Received]) -> None:
    """One alert a tenant while its samples tell of scoring's delay instead of customers; the last sample decides."""
    last = {one.event.tenant: sample_of(one) for one in received}
    late = {tenant: sample for tenant, sample in last.items() if sample.behind}
    await incidents.start(session, [behind_alert(tenant, sample.as_of) for tenant, sample in sorted(late.items())])
    over = await firing_with(session, last.keys() - late.keys(), BEHIND_FINGERPRINT)
    await incidents.end(session, [Ending(alert.id, last[alert.tenant].as_of, "caught_up") for alert in over])


def _watermarks(received: Sequence[Received]) -> dict[int, datetime]:
    watermarks: dict[int, datetime] = {}
    for one in received:
        watermark: datetime = one.event.data.watermark
        watermarks[one.partition] = max(watermark, watermarks.get(one.partition, watermark))
    return watermarks


def _ending(key: StateKey, change: Change) -> Ending:
    assert not isinstance(change, Fired)
    return Ending(metric_alert_id(key.tenant, key.rule, key.series, key.severity, change.started_at), change.at, change.reason)


def _alert(outcome: Outcome, fired: Fired) -> Alert:
    key, judged = outcome.row.key, outcome.judged
    return metric_alert(
        key.tenant,
        judged.rule,
        judged.version,
        judged.level,
        series=key.series,
        slice=outcome.row.slice,
        started_at=fired.at,
        value=fired.value,
        n=fired.n,
    )

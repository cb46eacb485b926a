"""The state of one rule over one series and severity: one pure machine for live evaluation, replay and test.

Time is the data's: `now` is a sample's `as_of` or a timer's instant. What the data cannot show yet changes nothing:
a sample that is not newer, or whose `as_of` lies too far past its watermark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from services.alerts.domain.rule import Level, MetricRule

BEHIND_AFTER = timedelta(seconds=60)


class Phase(StrEnum):
    """Where a rule stands with one series."""

    INACTIVE = "inactive"
    INSUFFICIENT = "insufficient_data"
    PENDING = "pending"
    FIRING = "firing"
    OVERRULED = "overruled"
    """Resolved by a person while the number was still bad: it must recover once before it can fire again."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a rule reads of `metric.sampled.v1`."""

    sequence: int
    as_of: datetime
    watermark: datetime
    value: float | None
    n: int
    ci_low: float | None = None
    ci_high: float | None = None
    ended: bool = False

    @property
    def behind(self) -> bool:
        """It tells of scoring's delay, not of customers."""
        return self.as_of - self.watermark > BEHIND_AFTER


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule in one version, at one of its severities."""

    rule: MetricRule
    version: int
    level: Level


@dataclass(frozen=True, slots=True)
class RuleState:
    """One row. `active_since` is when the breach was first seen, `started_at` when the alert fired, `clear_since` when it recovered."""

    version: int
    phase: Phase = Phase.INACTIVE
    sequence: int = -1
    as_of: datetime | None = None
    active_since: datetime | None = None
    started_at: datetime | None = None
    clear_since: datetime | None = None
    value: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """The alert starts."""

    at: datetime
    value: float | None
    n: int | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The alert that started at `started_at` ends; `reason` is a stable word."""

    started_at: datetime
    at: datetime
    reason: str


Change = Fired | Resolved
Step = tuple[RuleState, tuple[Change, ...]]


class _Verdict(Enum):
    BREACHED = 1
    BETWEEN = 2
    RECOVERED = 3
    INSUFFICIENT = 4
    UNKNOWN = 5


def step(judged: Judged, state: RuleState, sample: Sample | None, now: datetime) -> Step:
    """The state after a sample, or (`sample` None) after a timer at `now`, and what became of the alert.

    Before a sample counts, timers run up to its watermark, so that it does not matter whether the timer or the sample came first.
    """
    if sample is None:
        return _run_timer(judged, adopted(judged, state), now)
    if sample.sequence <= state.sequence or sample.behind:
        return state, ()
    state, changes = _run_timer(judged, adopted(judged, state), sample.watermark)
    now = now if state.as_of is None else max(now, state.as_of)
    state = replace(state, sequence=sample.sequence, as_of=now, value=sample.value, n=sample.n)
    state, more = _end(state, now) if sample.ended else _take(judged, state, _judge(judged, sample), now)
    return state, (*changes, *more)


def replayed(judged: Judged, state: RuleState, samples: Sequence[Sample]) -> Step:
    """The state after all samples in turn, with everything that happened on the way."""
    changes: list[Change] = []
    for sample in samples:
        state, more = step(judged, state, sample, sample.as_of)
        changes.extend(more)
    return state, tuple(changes)


def next_at(judged: Judged, state: RuleState) -> datetime | None:
    """When a timer is due: the end of `for`, or of `keep_firing_for`."""
    if state.phase is Phase.PENDING and state.active_since is not None:
        return state.active_since + judged.rule.for_
    if state.phase is Phase.FIRING and state.clear_since is not None:
        return state.clear_since + judged.rule.keep_firing_for
    return None


def adopted(judged: Judged, state: RuleState) -> RuleState:
    """The state under an edited rule: what was pending has to hold its `for` anew, what fires goes on firing."""
    if state.version == judged.version:
        return state
    if state.phase is Phase.FIRING:
        return replace(state, version=judged.version, clear_since=None)
    phase = Phase.INACTIVE if state.phase is Phase.PENDING else state.phase
    return replace(state, version=judged.version, phase=phase, active_since=None)


def overruled(state: RuleState) -> RuleState:
    """The state after a person has resolved the alert."""
    return replace(state, phase=Phase.OVERRULED, active_since=None, started_at=None, clear_since=None)


def _run_timer(judged: Judged, state: RuleState, until: datetime) -> Step:
    due = next_at(judged, state)
    if due is None or due > until:
        return state, ()
    return _fire(state, due) if state.phase is Phase.PENDING else _resolve(state, due, "recovered")


def _take(judged: Judged, state: RuleState, verdict: _Verdict, now: datetime) -> Step:
    firing, pending = state.phase is Phase.FIRING, state.phase is Phase.PENDING
    match verdict:
        case _Verdict.BREACHED if state.phase is Phase.OVERRULED:
            return state, ()
        case _Verdict.BREACHED | _Verdict.BETWEEN if firing:
            return replace(state, clear_since=None), ()
        case _Verdict.BREACHED:
            started = state if pending else replace(state, phase=Phase.PENDING, active_since=now)
            return _run_timer(judged, started, now)
        case _Verdict.RECOVERED if firing:
            return _run_timer(judged, replace(state, clear_since=state.clear_since or now), now)
        case _Verdict.INSUFFICIENT | _Verdict.UNKNOWN if firing or state.phase is Phase.OVERRULED:
            return state, ()  # nothing shows that it recovered
        case _Verdict.BETWEEN if state.phase is Phase.OVERRULED:
            return state, ()
        case _Verdict.INSUFFICIENT:
            return replace(state, phase=Phase.INSUFFICIENT, active_since=None), ()
        case _:
            return replace(state, phase=Phase.INACTIVE, active_since=None), ()


def _judge(judged: Judged, sample: Sample) -> _Verdict:
    rule, level = judged.rule, judged.level
    if sample.value is None:
        return {"keep": _Verdict.UNKNOWN, "alert": _Verdict.BREACHED, "ok": _Verdict.RECOVERED}[rule.no_data]
    if sample.n < rule.min_samples:
        return _Verdict.INSUFFICIENT
    if level.below is not None:
        bound = sample.ci_high if rule.condition.confident else sample.value
        breached, recovered = bound is not None and bound < level.below, sample.value >= level.recover
    else:
        assert level.above is not None
        bound = sample.ci_low if rule.condition.confident else sample.value
        breached, recovered = bound is not None and bound > level.above, sample.value <= level.recover
    return _Verdict.BREACHED if breached else _Verdict.RECOVERED if recovered else _Verdict.BETWEEN


def _end(state: RuleState, now: datetime) -> Step:
    """Scoring no longer publishes the series."""
    if state.phase is Phase.FIRING:
        return _resolve(state, now, "missing_series")
    return replace(state, phase=Phase.INACTIVE, active_since=None), ()


def _fire(state: RuleState, at: datetime) -> Step:
    return replace(state, phase=Phase.FIRING, started_at=at, clear_since=None), (Fired(at, state.value, state.n),)


def _resolve(state: RuleState, at: datetime, reason: str) -> Step:
    assert state.started_at is not None
    quiet = replace(state, phase=Phase.INACTIVE, active_since=None, started_at=None, clear_since=None)
    return quiet, (Resolved(state.started_at, at, reason),)

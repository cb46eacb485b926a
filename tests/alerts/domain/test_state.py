"""The machine of one rule over one series: when it fires, when it recovers, and that history and live run agree."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.rule import MetricRule, read_rule
from services.alerts.domain.state import (
    Change,
    Fired,
    Judged,
    Phase,
    Resolved,
    RuleState,
    Sample,
    adopted,
    next_at,
    overruled,
    replayed,
    step,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def judged(version: int = 1, **more: Any) -> Judged:
    document = {"rule": "csat-low", "metric": "csat", "window": "1h", "condition": {"below": 0.7, "recover": 0.75}, **more}
    rule = read_rule(document)
    assert isinstance(rule, MetricRule)
    return Judged(rule, version, rule.levels[0])


def sample(sequence: int, seconds: float, value: float | None, n: int = 100, *, lag: float = 0.0, **more: Any) -> Sample:
    at = NOON + timedelta(seconds=seconds)
    return Sample(sequence, at, at - timedelta(seconds=lag), value, n, **more)


def run(rule: Judged, *samples: Sample) -> tuple[RuleState, tuple[Change, ...]]:
    return replayed(rule, RuleState(rule.version), samples)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_it_fires_at_the_instant_at_which_the_breach_has_held_for_as_long_as_the_rule_says() -> None:
    rule = judged(**{"for": "5m"})

    state, changes = run(rule, sample(1, 0, 0.6), sample(2, 200, 0.5), sample(3, 330, 0.55))

    assert changes == (Fired(at(300), 0.5, 100),)
    assert state.phase is Phase.FIRING


def test_a_timer_fires_at_the_same_instant_as_the_sample_that_comes_after_it() -> None:
    rule = judged(**{"for": "5m"})
    pending, _ = run(rule, sample(1, 0, 0.6))
    due = next_at(rule, pending)
    assert due == at(300)

    fired, changes = step(rule, pending, None, due)
    _, later = step(rule, fired, sample(2, 330, 0.6), at(330))

    assert changes == (Fired(at(300), 0.6, 100),)
    assert later == ()


def test_a_cleared_breach_forgets_its_start() -> None:
    rule = judged(**{"for": "5m"})

    state, changes = run(rule, sample(1, 0, 0.6), sample(2, 100, 0.72), sample(3, 200, 0.6), sample(4, 310, 0.6))

    assert changes == ()
    assert state.active_since == at(200)


def test_it_recovers_at_its_recovery_threshold_and_not_before() -> None:
    state, changes = run(judged(), sample(1, 0, 0.6), sample(2, 10, 0.74), sample(3, 20, 0.75))

    assert changes == (Fired(at(0), 0.6, 100), Resolved(at(0), at(20), "recovered"))
    assert state.phase is Phase.INACTIVE


def test_above_is_the_mirror_of_below() -> None:
    rule = judged(condition={"above": 3.0, "recover": 2.0})

    _, changes = run(rule, sample(1, 0, 3.0), sample(2, 10, 3.1), sample(3, 20, 2.1), sample(4, 30, 2.0))

    assert changes == (Fired(at(10), 3.1, 100), Resolved(at(10), at(30), "recovered"))


def test_too_few_answers_are_insufficient_data_and_never_a_page() -> None:
    rule = judged(min_samples=30)

    state, changes = run(rule, sample(1, 0, 0.0, n=29), sample(2, 10, 0.0, n=29))

    assert (state.phase, changes) == (Phase.INSUFFICIENT, ())


def test_what_fires_does_not_recover_because_answers_stay_away() -> None:
    rule = judged(min_samples=30)

    state, changes = run(rule, sample(1, 0, 0.5, n=30), sample(2, 10, 0.9, n=5), sample(3, 20, None, n=0))

    assert state.phase is Phase.FIRING
    assert [type(change) for change in changes] == [Fired]


def test_with_confident_the_whole_interval_must_be_beyond_the_threshold() -> None:
    rule = judged(condition={"below": 0.7, "confident": True})

    unsure, nothing = run(rule, sample(1, 0, 0.6, ci_low=0.4, ci_high=0.8))
    _, changes = step(rule, unsure, sample(2, 10, 0.6, ci_low=0.5, ci_high=0.69), at(10))

    assert nothing == ()
    assert changes == (Fired(at(10), 0.6, 100),)


def test_no_data_is_judged_as_the_rule_says() -> None:
    keep, _ = run(judged(no_data="keep"), sample(1, 0, None, n=0))
    alert, fired = run(judged(no_data="alert"), sample(1, 0, None, n=0))
    _, resolved = run(judged(no_data="ok"), sample(1, 0, 0.5), sample(2, 10, None, n=0))

    assert (keep.phase, alert.phase) == (Phase.INACTIVE, Phase.FIRING)
    assert fired == (Fired(at(0), None, 0),)
    assert resolved[1:] == (Resolved(at(0), at(10), "recovered"),)


def test_it_keeps_firing_for_as_long_as_the_rule_says_and_starts_over_when_it_gets_bad_again() -> None:
    rule = judged(keep_firing_for="10m")

    state, changes = run(rule, sample(1, 0, 0.6), sample(2, 60, 0.8), sample(3, 300, 0.6), sample(4, 400, 0.8))
    _, last = step(rule, state, None, at(1000))

    assert [type(change) for change in changes] == [Fired]
    assert next_at(rule, state) == at(1000)
    assert last == (Resolved(at(0), at(1000), "recovered"),)


def test_a_sample_that_is_not_newer_changes_nothing() -> None:
    state, _ = run(judged(), sample(5, 0, 0.6))

    for stale in (sample(5, 10, 0.9), sample(4, 20, 0.9)):
        assert step(judged(), state, stale, stale.as_of) == (state, ())


def test_a_sample_that_tells_of_scorings_delay_changes_nothing() -> None:
    rule = judged(**{"for": "10s"})
    state, _ = run(rule, sample(1, 0, 0.6))

    for value in (0.5, 0.9):
        late = sample(2, 100, value, lag=60.001)
        assert step(rule, state, late, late.as_of) == (state, ())
    on_time = sample(2, 100, 0.5, lag=60)
    assert step(rule, state, on_time, on_time.as_of)[1] != ()


def test_a_series_that_ends_resolves_with_its_reason() -> None:
    _, changes = run(judged(), sample(1, 0, 0.6), sample(2, 10, 0.6, ended=True))

    assert changes[1:] == (Resolved(at(0), at(10), "missing_series"),)


def test_an_edited_rule_lets_what_is_pending_hold_anew_and_what_fires_go_on() -> None:
    old, new = judged(1, **{"for": "5m"}), judged(2, **{"for": "1m"})
    pending, _ = run(old, sample(1, 0, 0.6))
    firing, _ = run(judged(1), sample(1, 0, 0.6))

    edited, changes = step(new, pending, sample(2, 200, 0.6), at(200))

    assert changes == ()
    assert edited.active_since == at(200)
    assert next_at(new, edited) == at(260)
    assert adopted(judged(2), firing) == replace(firing, version=2)


def test_what_a_person_ended_does_not_fire_before_it_has_recovered_once() -> None:
    firing, _ = run(judged(), sample(1, 0, 0.6))
    ended = overruled(firing)

    still, nothing = step(judged(), ended, sample(2, 10, 0.5), at(10))
    well, _ = step(judged(), still, sample(3, 20, 0.9), at(20))
    _, again = step(judged(), well, sample(4, 30, 0.5), at(30))

    assert (still.phase, nothing) == (Phase.OVERRULED, ())
    assert again == (Fired(at(30), 0.5, 100),)


VALUES = st.one_of(st.none(), st.sampled_from([0.5, 0.69, 0.7, 0.72, 0.75, 0.9]))
RULES = st.builds(
    lambda wait, keep, least, no_data: judged(
        **{"for": f"{wait}s", "keep_firing_for": f"{keep}s", "min_samples": least, "no_data": no_data}
    ),
    st.sampled_from([0, 5, 30]),
    st.sampled_from([0, 7, 40]),
    st.sampled_from([1, 30]),
    st.sampled_from(["keep", "alert", "ok"]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Sample]:
    seconds, samples = 0.0, []
    for sequence in range(draw(st.integers(1, 25))):
        seconds += draw(st.sampled_from([0, 1, 4, 10, 35]))
        lag = draw(st.sampled_from([0, 0, 0, 1, 3, 61]))
        value = draw(VALUES)
        n = draw(st.sampled_from([29, 30, 500])) if value is not None else 0
        samples.append(sample(sequence, seconds, value, n, lag=lag, ended=draw(st.integers(0, 19)) == 0))
    return samples


@given(RULES, histories())
def test_redelivery_changes_nothing(rule: Judged, history: list[Sample]) -> None:
    doubled = [one for position, one in enumerate(history) for one in (one, *history[max(0, position - 3) : position + 1])]
    in_time = [one for one in history if not one.behind]

    expected = replayed(rule, RuleState(1), in_time)

    assert replayed(rule, RuleState(1), history) == expected
    assert replayed(rule, RuleState(1), [one for one in doubled if not one.behind]) == expected


@given(RULES, histories(), st.data())
def test_replay_equals_live_whenever_the_timers_ran(rule: Judged, history: list[Sample], data: st.DataObject) -> None:
    live, changes = RuleState(1), list[Change]()
    for one in history:
        due = next_at(rule, live)
        if due is not None and not one.behind and due <= one.watermark and one.sequence > live.sequence and data.draw(st.booleans()):
            live, more = step(rule, live, None, due)
            changes += more
        live, more = step(rule, live, one, one.as_of)
        changes += more

    assert (live, tuple(changes)) == replayed(rule, RuleState(1), history)


@given(RULES, histories())
def test_alerts_fire_and_resolve_in_turn_and_never_backwards(rule: Judged, history: list[Sample]) -> None:
    _, changes = replayed(rule, RuleState(1), history)

    instants = [change.at for change in changes]
    assert instants == sorted(instants)
    assert [type(change) for change in changes] == [Fired, Resolved] * (len(changes) // 2) + [Fired] * (len(changes) % 2)
    for fired, resolved in zip(changes[::2], changes[1::2], strict=False):
        assert isinstance(resolved, Resolved)
        assert resolved.started_at == fired.at

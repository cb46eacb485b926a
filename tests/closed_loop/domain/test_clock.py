"""Readings of clocks: against the minute-by-minute walk, as laws, and where the golden table does not go."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.closed_loop.domain.calendar import ALWAYS_OPEN, Calendar
from services.closed_loop.domain.clock import evaluate
from services.closed_loop.domain.explanation import explain
from services.closed_loop.domain.facts import AgreedDate, BusinessDays, CalendarDays, ClockSpec, Fact, OpenTime, in_order
from services.closed_loop.domain.hours import Window
from services.closed_loop.domain.reading import ClockReading, FinishedCycle, Happening, WarnAt
from services.closed_loop.domain.refusals import ExplanationTooLong, NotStarted, Unreachable
from tests.closed_loop.calendars import berlin, simulations
from tests.closed_loop.reference import Walk

NINE = datetime(2026, 1, 12, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
Simulation = tuple[Calendar, ClockSpec, list[Fact], datetime]


def at(hours: float) -> datetime:
    return NINE + hours * HOUR


def read(facts: list[Fact], as_of: datetime, **spec: object) -> ClockReading:
    """A clock of four hours on a calendar that is always open."""
    return evaluate(ALWAYS_OPEN, ClockSpec(**({"target": OpenTime(4 * HOUR)} | spec)), facts, as_of)  # type: ignore[arg-type]


@settings(deadline=None)
@given(simulations())
def test_a_clock_says_what_a_walk_over_every_minute_says(simulation: Simulation) -> None:
    calendar, spec, facts, as_of = simulation
    walk = Walk(calendar, spec, facts[0].at.date())
    try:
        expected = walk.walk(in_order(facts, as_of), as_of)
    except LookupError:
        assume(False)

    reading = evaluate(calendar, spec, facts, as_of)

    reached = [(warning.percent, warning.at) for warning in reading.warnings if warning.at < as_of]
    assert (reading.status, reading.breached_at, reading.elapsed, reading.paused, [cycle.met for cycle in reading.cycles], reached) == (
        expected.status,
        expected.breached_at,
        expected.elapsed,
        expected.paused,
        expected.met,
        expected.warnings,
    )
    assert reading.due_at == expected.due_at


@given(simulations(), st.randoms(use_true_random=False))
def test_the_same_facts_in_any_order_give_the_same_clock(simulation: Simulation, random: object) -> None:
    calendar, spec, facts, as_of = simulation
    assume(len({(fact.at, fact.kind) for fact in facts}) == len(facts))
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert evaluate(calendar, spec, shuffled, as_of) == evaluate(calendar, spec, facts, as_of)


@given(simulations())
def test_nothing_happens_before_next_at_and_something_at_it(simulation: Simulation) -> None:
    calendar, spec, facts, as_of = simulation
    facts = [fact for fact in facts if fact.at <= as_of]
    now = evaluate(calendar, spec, facts, as_of)
    if now.next_at is None:
        later = evaluate(calendar, spec, facts, as_of + timedelta(days=30))
        assert later.happened == now.happened
        return

    just_before = evaluate(calendar, spec, facts, now.next_at - MICROSECOND)
    then = evaluate(calendar, spec, facts, now.next_at)

    assert now.next_at > as_of
    assert just_before.happened == now.happened
    assert set(then.happened) > set(now.happened)
    assert {one.at for one in set(then.happened) - set(now.happened)} == {now.next_at - MICROSECOND}


@given(simulations())
def test_what_happened_is_not_taken_back_by_time_alone(simulation: Simulation) -> None:
    calendar, spec, facts, as_of = simulation
    facts = [fact for fact in facts if fact.at <= as_of]

    early = evaluate(calendar, spec, facts, as_of)
    late = evaluate(calendar, spec, facts, as_of + timedelta(days=2))

    assert set(late.happened) >= set(early.happened)
    keys = [(one.kind, one.cycle, one.percent) for one in late.happened]
    assert len(keys) == len(set(keys))


@given(simulations())
def test_an_explanation_adds_up_to_the_reading(simulation: Simulation) -> None:
    calendar, spec, facts, as_of = simulation
    reading = evaluate(calendar, spec, facts, as_of)

    parts = explain(calendar, reading.active, 1000)

    active = sum((stretch.end - stretch.start for stretch in reading.active), timedelta(0))
    assert sum((part.end - part.start for part in parts), timedelta(0)) == active
    assert all(part.start < part.end and part.counted == (part.end - part.start) * (part.why == "open") for part in parts)
    assert all(before.end < after.start or before.why != after.why for before, after in pairwise(parts))
    if spec.reopen == "continue":
        assert sum((part.counted for part in parts), timedelta(0)) == reading.elapsed
        assert sum((part.end - part.start for part in parts if part.why == "paused"), timedelta(0)) == reading.paused


@given(simulations())
def test_seconds_and_dues_never_contradict(simulation: Simulation) -> None:
    calendar, spec, facts, as_of = simulation

    reading = evaluate(calendar, spec, facts, as_of)

    assert reading.late >= timedelta(0)
    assert reading.remaining is None or reading.remaining >= timedelta(0)
    assert reading.breached_at is None or reading.breached_at <= as_of
    assert (reading.status == "breached") <= (reading.breached_at is not None)
    if reading.status == "running" and reading.due_at is not None:
        assert reading.due_at >= as_of
        assert reading.remaining == calendar.between(as_of, reading.due_at)


@pytest.fixture
def machine_zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
def test_the_zone_of_the_machine_changes_nothing() -> None:
    facts = [Fact(datetime(2026, 3, 27, 16, tzinfo=UTC), "started"), Fact(datetime(2026, 3, 30, 9, tzinfo=UTC), "paused")]
    specs = [ClockSpec(target, (50,)) for target in (OpenTime(9 * HOUR), BusinessDays(2), CalendarDays(3), AgreedDate(at(2000)))]
    readings = []

    for zone in ("UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"):
        os.environ["TZ"] = zone
        time.tzset()
        readings.append([evaluate(berlin(), spec, facts, datetime(2026, 3, 30, 12, tzinfo=UTC)) for spec in specs])

    assert all(reading == readings[0] for reading in readings)


def test_a_clock_without_start_is_refused_with_the_instant_asked_for() -> None:
    with pytest.raises(NotStarted) as refused:
        read([Fact(at(1), "started")], at(0))

    assert (refused.value.as_of, refused.value.kind, refused.value.loc) == (at(0), "not_started", ("facts",))


def test_a_clock_without_target_has_no_deadline_and_is_neither_met_nor_missed() -> None:
    reading = read([Fact(at(0), "started"), Fact(at(900), "stopped")], at(1000), target=None, warn_at_percent=(50,))

    assert (reading.status, reading.due_at, reading.remaining, reading.next_at) == ("met", None, None, None)
    assert reading.cycles == (FinishedCycle(at(0), at(900), 900 * HOUR, None),)


def test_a_cancelled_clock_has_no_due_and_stays_cancelled() -> None:
    facts = [Fact(at(0), "started"), Fact(at(1), "cancelled"), Fact(at(2), "reopened"), Fact(at(3), "resumed")]

    reading = read(facts, at(9), warn_at_percent=(50,))

    assert (reading.status, reading.due_at, reading.breached_at, reading.remaining) == ("cancelled", None, None, None)
    assert (reading.elapsed, reading.warnings, reading.next_at) == (HOUR, (), None)


def test_a_breach_before_the_cancel_is_still_told() -> None:
    reading = read([Fact(at(0), "started"), Fact(at(5), "cancelled")], at(9))

    assert (reading.status, reading.breached_at, reading.late) == ("cancelled", at(4), HOUR)
    assert reading.happened == (Happening("breached", 1, at(4)),)


def test_a_stop_finishes_a_clock_for_good_unless_it_is_reopened() -> None:
    facts = [Fact(at(0), "started"), Fact(at(1), "stopped")]
    meaningless = [Fact(at(2), "paused"), Fact(at(2), "retargeted", OpenTime(HOUR / 2)), Fact(at(2), "cancelled")]

    assert read([*facts, *meaningless], at(9)) == read(facts, at(9))


def test_a_stop_out_of_a_pause_has_the_due_that_was_left() -> None:
    reading = read([Fact(at(0), "started"), Fact(at(1), "paused"), Fact(at(20), "stopped")], at(30))

    assert (reading.status, reading.due_at, reading.remaining, reading.paused) == ("met", at(23), 3 * HOUR, 19 * HOUR)


def test_reopened_cycles_are_listed_with_their_own_time_and_the_total_goes_on() -> None:
    facts = [Fact(at(0), "started"), Fact(at(1), "stopped"), Fact(at(50), "reopened"), Fact(at(52), "stopped")]

    going_on = read(facts, at(60))
    anew = read(facts, at(60), reopen="new_cycle")

    cycles = (FinishedCycle(at(0), at(1), HOUR, True), FinishedCycle(at(50), at(52), 2 * HOUR, True))
    assert going_on.cycles == anew.cycles == cycles
    assert (going_on.elapsed, going_on.due_at, going_on.cycle) == (3 * HOUR, at(53), 2)
    assert (anew.elapsed, anew.due_at, anew.cycle) == (2 * HOUR, at(54), 2)


def test_every_cycle_announces_its_own_breach_also_when_nobody_looked_in_between() -> None:
    facts = [Fact(at(0), "started"), Fact(at(5), "stopped"), Fact(at(50), "reopened")]

    reading = read(facts, at(60), reopen="new_cycle")

    assert reading.happened == (Happening("breached", 1, at(4)), Happening("breached", 2, at(54)))


def test_a_fixed_due_that_passes_while_the_case_is_closed_breaches_only_when_it_is_reopened() -> None:
    facts = [Fact(at(0), "started"), Fact(at(1), "stopped"), Fact(at(50), "reopened")]
    agreed = AgreedDate(at(10))

    closed = read(facts, at(40), target=agreed)
    reopened = read(facts, at(53), target=agreed)

    assert (closed.status, closed.breached_at) == ("met", None)
    assert (reopened.status, reopened.due_at, reopened.breached_at, reopened.late) == ("breached", at(10), at(50), 3 * HOUR)


def test_a_fixed_due_is_late_through_pauses_and_a_moving_one_is_not() -> None:
    facts = [Fact(at(0), "started"), Fact(at(5), "paused")]

    assert read(facts, at(9)).late == HOUR
    assert read(facts, at(9), target=AgreedDate(at(4))).late == 5 * HOUR


def test_warnings_wait_while_a_clock_is_paused_and_are_not_given_twice() -> None:
    paused = [Fact(at(0), "started"), Fact(at(1), "paused")]
    resumed = [*paused, Fact(at(10), "resumed")]
    retargeted = [*resumed, Fact(at(12), "retargeted", OpenTime(40 * HOUR))]

    assert read(paused, at(9), warn_at_percent=(50,)).warnings == ()
    assert read(resumed, at(10), warn_at_percent=(50,)).warnings == (WarnAt(50, at(11)),)
    assert read(retargeted, at(12), warn_at_percent=(50, 75)).warnings == (WarnAt(50, at(11)), WarnAt(75, at(39)))


def test_a_warning_above_a_hundred_percent_reminds_after_the_breach() -> None:
    reading = read([Fact(at(0), "started")], at(5), warn_at_percent=(50, 150))

    assert reading.happened == (Happening("warned", 1, at(2), 50), Happening("breached", 1, at(4)))
    assert reading.next_at == at(6) + MICROSECOND


def test_a_reply_in_the_instant_of_a_warning_needs_no_warning() -> None:
    reading = read([Fact(at(0), "started"), Fact(at(2), "stopped")], at(3), warn_at_percent=(50,))

    assert (reading.status, reading.happened) == ("met", ())


def test_a_downgraded_clock_stays_breached_and_shows_the_new_due() -> None:
    facts = [Fact(at(0), "started"), Fact(at(5), "retargeted", OpenTime(24 * HOUR))]

    reading = read(facts, at(6))

    assert (reading.status, reading.breached_at, reading.late) == ("breached", at(4), 2 * HOUR)
    assert (reading.due_at, reading.remaining, reading.next_at) == (at(24), 18 * HOUR, None)


def test_a_target_reached_before_a_pause_is_missed_there_when_it_is_set_later() -> None:
    facts = [Fact(at(0), "started"), Fact(at(3), "paused"), Fact(at(5), "retargeted", OpenTime(2 * HOUR))]

    reading = read(facts, at(6))

    assert (reading.status, reading.breached_at, reading.due_at, reading.late) == ("breached", at(2), at(2), HOUR)


def test_targets_of_different_units_replace_each_other_without_being_converted() -> None:
    started = Fact(datetime(2026, 1, 12, 9, tzinfo=UTC), "started")
    changed = [started, Fact(datetime(2026, 1, 13, 9, tzinfo=UTC), "retargeted", BusinessDays(1))]
    spec = ClockSpec(OpenTime(100 * HOUR))
    from_change = ClockSpec(OpenTime(100 * HOUR), retarget="from_change")

    as_of = datetime(2026, 1, 13, 10, tzinfo=UTC)

    assert evaluate(berlin(), spec, changed, as_of).due_at == datetime(2026, 1, 13, 16, tzinfo=UTC)
    assert evaluate(berlin(), from_change, changed, as_of).due_at == datetime(2026, 1, 14, 16, tzinfo=UTC)


def test_a_due_that_the_calendar_never_reaches_is_refused() -> None:
    once = Calendar.from_texts("UTC", {}, special_days={date(2026, 1, 12): [("09:00", "10:00")]})

    with pytest.raises(Unreachable):
        evaluate(once, ClockSpec(OpenTime(2 * HOUR)), [Fact(at(0), "started")], at(1))


def test_an_explanation_is_whole_where_the_clocks_were_set_over_midnight() -> None:
    toronto = Calendar("America/Toronto", ((Window(0, 720), Window(720, 1440)),) * 7)
    set_forward = datetime(1919, 3, 31, 4, 30, tzinfo=UTC)  # from 23:30 to 00:30 of the next date

    reading = evaluate(toronto, ClockSpec(None), [Fact(set_forward + HOUR / 6, "started")], set_forward + HOUR)

    parts = [(part.start, part.end, part.why) for part in explain(toronto, reading.active, 10)]
    assert reading.elapsed == HOUR * 5 / 6
    assert parts == [(set_forward + HOUR / 6, set_forward + HOUR, "open")]


def test_an_explanation_has_a_limit() -> None:
    reading = evaluate(berlin(), ClockSpec(OpenTime(HOUR)), [Fact(at(0), "started")], at(24 * 30))

    with pytest.raises(ExplanationTooLong) as refused:
        explain(berlin(), reading.active, 10)

    assert refused.value.limit == 10

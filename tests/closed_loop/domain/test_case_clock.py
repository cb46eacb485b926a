"""What is announced about a clock, whatever becomes known of it in whatever order, with the timer firing in between."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.closed_loop.domain.calendar import ALWAYS_OPEN
from services.closed_loop.domain.case_clock import CaseClock, ClockChange, Telling, settle
from services.closed_loop.domain.facts import ClockSpec, Fact, FactKind, OpenTime

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TARGET = 60 * MINUTE

Step = tuple[int, int, FactKind | None, bool]
"""Minutes until it becomes known, minutes after the start when it happened, what (None: nothing new), whether the timer fires."""

kinds: st.SearchStrategy[FactKind | None] = st.sampled_from(["paused", "resumed", "stopped", "reopened", "cancelled", None])
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 200), kinds, st.booleans()), min_size=1, max_size=12
)


def new_clock(reopen: str) -> CaseClock:
    spec = ClockSpec(OpenTime(TARGET), (50, 75, 150), reopen="new_cycle" if reopen == "new_cycle" else "continue")
    clock = CaseClock("k", "first_response", spec, "24x7", 1, ALWAYS_OPEN, ())
    return clock.with_fact("received", Fact(START, "started"))


def walk(clock: CaseClock, taken: list[Step]) -> tuple[CaseClock, list[ClockChange], datetime]:
    """Everything that is said on the way, and a last firing of the timer."""
    now, said = START, []
    for number, (later, at, kind, timer) in enumerate(taken):
        now += later * MINUTE
        if kind is not None:
            clock = clock.with_fact(f"f{number}", Fact(min(START + at * MINUTE, now), kind))
        clock, changes = settle(clock, Telling(now, timer=timer))
        said += changes
    now += MINUTE
    clock, changes = settle(clock, Telling(now, timer=True))
    return clock, said + changes, now


@given(steps, st.sampled_from(["continue", "new_cycle"]))
def test_every_warning_and_every_breach_of_a_generation_is_said_once(taken: list[Step], reopen: str) -> None:
    _, said, _ = walk(new_clock(reopen), taken)

    warned = [(one.cycle, one.percent) for one in said if one.type == "warned"]
    breached = [(one.cycle, one.generation) for one in said if one.type == "breached"]
    assert len(set(warned)) == len(warned)
    assert len(set(breached)) == len(breached)


@given(steps, st.sampled_from(["continue", "new_cycle"]))
def test_what_stands_as_announced_in_the_end_is_what_the_facts_show(taken: list[Step], reopen: str) -> None:
    clock, said, now = walk(new_clock(reopen), taken)

    balance: dict[int, int] = {}
    for one in said:
        balance[one.cycle] = balance.get(one.cycle, 0) + (one.type == "breached") - (one.type == "retracted")
    shown = {one.cycle for one in clock.read(now).happened if one.kind == "breached"}
    assert {cycle for cycle, standing in balance.items() if standing} == shown
    assert set(balance.values()) <= {0, 1}


@given(steps)
def test_the_timer_has_nothing_left_to_say_when_it_fires_again(taken: list[Step]) -> None:
    clock, _, now = walk(new_clock("continue"), taken)

    again, changes = settle(clock, Telling(now, timer=True))

    assert (again, changes) == (clock, [])
    assert clock.next_at is None or clock.next_at > now


@given(steps)
def test_a_silent_clock_says_nothing_of_what_is_due_and_has_no_timer(taken: list[Step]) -> None:
    clock, now = new_clock("continue"), START
    for number, (later, at, kind, _) in enumerate(taken):
        now += later * MINUTE
        if kind is not None:
            clock = clock.with_fact(f"f{number}", Fact(min(START + at * MINUTE, now), kind))
        clock, changes = settle(clock, Telling(now, silent=True))
        assert not {one.type for one in changes} & {"warned", "breached", "retracted"}
        assert clock.next_at is None


@given(st.integers(1, 300))
def test_a_clock_that_wakes_never_says_what_was_before(minutes: int) -> None:
    now = START + minutes * MINUTE
    asleep, _ = settle(new_clock("continue"), Telling(now, silent=True))

    awake, changes = settle(asleep, Telling(now, waking=True))
    _, later = settle(awake, Telling(now + 300 * MINUTE, timer=True))

    assert changes == []
    expected = {(one.kind, one.percent) for one in awake.read(now + 300 * MINUTE).happened if one.at >= now}
    assert {(one.type, one.percent) for one in later} == expected


def test_a_due_that_a_late_known_pause_has_moved_ahead_is_taken_back_and_announced_again() -> None:
    clock, _ = settle(new_clock("continue"), Telling(START))
    due = START + TARGET
    clock, first = settle(clock, Telling(due + MINUTE, timer=True))

    clock = clock.with_fact("p", Fact(START + 10 * MINUTE, "paused")).with_fact("r", Fact(START + 20 * MINUTE, "resumed"))
    clock, taken_back = settle(clock, Telling(due + 2 * MINUTE, reason="pause became known"))
    clock, again = settle(clock, Telling(due + 11 * MINUTE, timer=True))

    assert [one.type for one in first] == ["warned", "warned", "breached"]
    assert [(one.type, one.generation, one.reason) for one in taken_back] == [("retracted", 1, "pause became known")]
    assert [(one.type, one.generation, one.breached_at) for one in again] == [("breached", 2, due + 10 * MINUTE)]


def test_a_retarget_does_not_announce_a_standing_breach_again() -> None:
    clock, _ = settle(new_clock("continue"), Telling(START))
    clock, _ = settle(clock, Telling(START + 61 * MINUTE, timer=True))

    clock = clock.with_fact("t", Fact(START + 62 * MINUTE, "retargeted", OpenTime(600 * MINUTE)))
    clock, changes = settle(clock, Telling(START + 62 * MINUTE, rescheduled=True, reason="promised"))
    _, later = settle(clock, Telling(START + 63 * MINUTE, timer=True))

    assert [(one.type, one.generation) for one in changes] == [("rescheduled", 2)]
    assert later == []
    assert clock.status == "breached"


def test_a_clock_that_is_breached_from_the_beginning_is_one_notice() -> None:
    clock, _ = settle(new_clock("continue"), Telling(START + 70 * MINUTE))

    clock, said = settle(clock, Telling(START + 71 * MINUTE, timer=True))
    _, later = settle(clock, Telling(START + 100 * MINUTE, timer=True))

    assert [one.type for one in said] == ["breached"]
    assert [(one.type, one.percent) for one in later] == [("warned", 150)]


def test_warnings_that_nobody_was_there_to_give_are_given_before_the_breach() -> None:
    clock, _ = settle(new_clock("continue"), Telling(START))

    _, said = settle(clock, Telling(START + 71 * MINUTE, timer=True))

    assert [(one.type, one.percent) for one in said] == [("warned", 50), ("warned", 75), ("breached", None)]


def test_a_target_that_is_over_when_it_is_given_is_one_notice() -> None:
    clock, _ = settle(new_clock("continue"), Telling(START))
    now = START + 20 * MINUTE

    clock, changes = settle(clock.with_fact("t", Fact(now, "retargeted", OpenTime(5 * MINUTE))), Telling(now, rescheduled=True))
    _, said = settle(clock, Telling(now + MINUTE, timer=True))

    assert [one.type for one in changes] == ["rescheduled"]
    assert [(one.type, one.percent, one.generation) for one in said] == [("breached", None, 2), ("warned", 150, 2)]

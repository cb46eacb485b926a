"""When a group is told and what of it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.group import LARGEST, Flush, Group, Member, flush, touched
from services.alerts.domain.route import Timing

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TIMING = Timing()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def look(group: Group, *members: Member, now: datetime, delivered: bool = True, send_resolved: bool = True) -> Flush:
    return flush(group, TIMING, members, now, delivered=delivered, send_resolved=send_resolved)


def firing(id: str, **more: bool) -> Member:
    return Member(id, firing=True, **more)


def resolved(id: str, **more: bool) -> Member:
    return Member(id, firing=False, **more)


def test_the_first_alert_waits_for_others_and_a_later_one_for_the_interval() -> None:
    first = touched(Group(), TIMING, NOON)
    told = look(first, firing("a"), firing("b"), now=at(30))
    again = touched(told.group, TIMING, at(40))
    late = touched(told.group, TIMING, at(4000))

    assert first.next_at == at(30)
    assert touched(first, TIMING, at(10)).next_at == at(30)
    assert told.told == ("a", "b")
    assert again.next_at == at(330)
    assert late.next_at == at(4000)


def test_nothing_new_is_told_again_only_after_the_repeat_interval_and_only_while_nobody_has_it() -> None:
    told = look(Group(), firing("a"), now=NOON)
    early = look(told.group, firing("a"), now=at(3600))
    due = look(told.group, firing("a"), now=at(4 * 3600))
    acknowledged = look(told.group, firing("a", acknowledged=True), now=at(4 * 3600))

    assert told.group.next_at == at(4 * 3600)
    assert (early.told, early.group.next_at) == ((), at(4 * 3600))
    assert due.told == ("a",)
    assert acknowledged.told == ()


def test_an_end_is_told_with_what_still_fires_and_once() -> None:
    told = look(Group(), firing("a"), firing("b"), now=NOON)
    ended = look(told.group, resolved("a"), firing("b"), now=at(300))
    after = look(ended.group, resolved("a"), firing("b"), now=at(600))

    assert ended.told == ("a", "b")
    assert after.told == ()
    assert after.forgotten == {"a"}


def test_what_an_undelivered_notification_said_is_said_by_the_next_one() -> None:
    told = look(Group(), firing("a"), now=NOON)
    ended = look(told.group, resolved("a"), now=at(300), delivered=False)
    newer = look(ended.group, resolved("a"), firing("b"), now=at(600), delivered=False)

    assert ended.told == ("a",)
    assert newer.told == ("b", "a")
    assert newer.forgotten == set()


def test_what_ended_before_it_was_told_is_not_told_unless_it_is_a_fact() -> None:
    nothing = look(Group(), resolved("a"), now=NOON)
    breach = look(Group(), resolved("a", fact=True), now=NOON, send_resolved=False)

    assert (nothing.told, nothing.forgotten, nothing.group) == ((), {"a"}, Group())
    assert breach.told == ("a",)


def test_a_receiver_that_wants_no_ends_gets_none() -> None:
    told = look(Group(), firing("a"), firing("b"), now=NOON, send_resolved=False)
    ended = look(told.group, resolved("a"), firing("b"), now=at(300), send_resolved=False)

    assert ended.told == ()


def test_a_group_that_is_over_and_told_starts_anew() -> None:
    told = look(Group(), firing("a"), now=NOON)
    ended = look(told.group, resolved("a"), now=at(300))
    waiting = look(ended.group, resolved("a"), now=at(600), delivered=False)
    over = look(ended.group, resolved("a"), now=at(600), delivered=True)

    assert ended.group.next_at == at(600)
    assert (waiting.told, waiting.group.next_at) == ((), at(900))
    assert (over.group, over.forgotten) == (Group(), {"a"})


def test_more_than_fits_is_told_in_turns() -> None:
    members = [firing(f"{number:04}") for number in range(LARGEST + 20)]

    first = look(Group(), *members, now=NOON)
    second = look(first.group, *members, now=at(300))

    assert (len(first.told), first.left_out, first.group.next_at) == (LARGEST, 20, at(300))
    assert second.told[:20] == tuple(member.id for member in members[-20:])


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=30))
def test_every_breach_is_told_whatever_gets_through_in_between(happenings: list[tuple[int, bool, bool]]) -> None:
    group, members, arrived, open_delivery = Group(), dict[str, Member](), set[str](), tuple[str, ...]()
    now = NOON
    for number, (which, ends, delivered) in enumerate(happenings):
        id = f"{which}"
        members[id] = Member(id, firing=not (ends and id in members), fact=True) if id in members or not ends else firing(id, fact=True)
        now += TIMING.group_interval
        if delivered:
            arrived |= set(open_delivery)
            open_delivery = ()
        looked = flush(group, TIMING, list(members.values()), now, delivered=not open_delivery, send_resolved=True)
        group, open_delivery = looked.group, looked.told or open_delivery
        for forgotten in looked.forgotten:
            assert forgotten in arrived, number
            del members[forgotten]

    assert set(members) <= arrived | set(open_delivery)

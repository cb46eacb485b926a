"""The waits between the starts of a part that keeps ending."""

from hypothesis import given
from hypothesis import strategies as st

from services.cli.stack.backoff import FIRST_SECONDS, GOOD_RUN_SECONDS, MOST_SECONDS, BackOff

runs = st.lists(st.floats(min_value=0, max_value=10_000, allow_nan=False), min_size=1, max_size=30)


def test_waits_double_up_to_a_limit_while_a_part_ends_at_once() -> None:
    back_off = BackOff()

    pauses = [back_off.pause_after(0.1) for _ in range(8)]

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_good_run_is_forgiven() -> None:
    back_off = BackOff()
    for _ in range(5):
        back_off.pause_after(0.1)

    pause = back_off.pause_after(GOOD_RUN_SECONDS)

    assert pause == FIRST_SECONDS


@given(runs)
def test_no_history_leads_out_of_the_limits(history: list[float]) -> None:
    back_off = BackOff()

    pauses = [back_off.pause_after(ran) for ran in history]

    assert all(FIRST_SECONDS <= pause <= MOST_SECONDS for pause in pauses)

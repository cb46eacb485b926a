"""What the screen shows of cases and alerts."""

from datetime import UTC, datetime
from typing import Any

from services.cli.stack.numbers import Cases, Numbers, cases_of


def clock(status: str, due_at: str | None) -> dict[str, Any]:
    return {"status": status, "due_at": due_at}


def test_the_next_due_is_the_earliest_of_the_clocks_that_run() -> None:
    items = [
        {"clocks": [clock("running", "2026-03-01T12:05:00+00:00"), clock("breached", "2026-03-01T11:00:00+00:00")]},
        {"clocks": [clock("running", "2026-03-01T12:01:00+00:00"), clock("paused", None), clock("met", "2026-03-01T10:00:00+00:00")]},
    ]

    assert cases_of(items, more=True) == Cases(2, True, 1, datetime(2026, 3, 1, 12, 1, tzinfo=UTC))


def test_without_cases_there_is_no_due() -> None:
    assert str(cases_of([], more=False)) == "0 open cases, 0 of them overdue"


def test_a_service_that_is_not_there_leaves_its_numbers_out() -> None:
    assert str(Numbers({"NPS": None}, 1200)) == "last 1h: NPS –  events accepted 1,200"

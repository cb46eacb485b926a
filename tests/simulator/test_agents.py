"""When the simulated agents act: mostly in time, sometimes late, always the same for the same case."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.simulator.agents import FIRST_RESPONSE_SECONDS, LATE_SHARE, next_turn

OPENED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def case(id: str, **known: Any) -> dict[str, Any]:
    return {"id": id, "opened_at": OPENED.isoformat(), "language": "zh", "responded_at": None, "resolved_at": None, "missing": [], **known}


def seconds_to_answer(id: str) -> float:
    """The first look, once a second, at which the agent answers."""
    return next(second for second in range(600) if next_turn(case(id), OPENED + timedelta(seconds=second)) is not None)


def test_about_the_late_share_is_answered_after_the_due() -> None:
    late = sum(seconds_to_answer(f"case-{number}") > FIRST_RESPONSE_SECONDS for number in range(400))

    assert 0.5 * LATE_SHARE < late / 400 < 1.5 * LATE_SHARE


def test_a_case_is_answered_then_resolved_then_closed() -> None:
    later = OPENED + timedelta(seconds=600)

    turns = [
        next_turn(case("one"), later),
        next_turn(case("one", responded_at="then", missing=["informed"]), later),
        next_turn(case("one", responded_at="then", resolved_at="then"), later),
        next_turn(case("one", responded_at="then", resolved_at="then", missing=["informed"]), later),
    ]

    assert [turn and turn[0] for turn in turns] == ["respond", "resolve", "close", None]
    assert "抱歉" in turns[0][1]["text"]  # type: ignore[index]


def test_the_same_case_is_answered_at_the_same_instant_after_a_restart() -> None:
    assert seconds_to_answer("case-7") == seconds_to_answer("case-7")

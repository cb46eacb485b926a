"""What people write and which buttons they press, whatever the network."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.adapters.conversations import Conversations, Pressed, of, pressed, rated, said

AT = datetime(2026, 3, 19, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        ("csat_5|conv-1042", Pressed("csat", 5, "conv-1042")),
        ("csat:5:conv-1042", Pressed("csat", 5, "conv-1042")),
        ("csat_5", Pressed("csat", 5, None)),
        ("nps_10|c", Pressed("nps", 10, "c")),
        ("action=csat&score=5&conv=1042", Pressed("csat", 5, "1042")),
        ("score=0&action=nps", Pressed("nps", 0, None)),
        ("csat_5|a|b:c", Pressed("csat", 5, "a|b:c")),
        ("csat_٥", None),
        ("csat_555", None),
        ("csat_-1", None),
        ("GET_STARTED", None),
        ("action=buy&score=5", None),
        ("action=csat&score=five", None),
        ("&" * 5000, None),
        ("", None),
        (None, None),
    ],
)
def test_a_button_carries_a_rating_in_one_of_three_ways_or_none(carried: str | None, expected: Pressed | None) -> None:
    assert pressed(carried) == expected


@pytest.mark.parametrize(
    ("carried", "taken"), [("csat_3", True), ("csat_4", False), ("csat_0", False), ("nps_10", True), ("nps_11", False)]
)
def test_a_rating_that_the_buttons_cannot_offer_is_none(carried: str, taken: bool) -> None:
    event = rated(Conversations(highest_csat=3), "1", AT, carried, channel="messaging")

    assert (event is not None) is taken


@pytest.mark.parametrize(
    ("first", "again", "asked", "one_answer"),
    [
        ("csat_5|conv-1", "csat_2|conv-1", None, True),
        ("csat_5|conv-1", "csat_5|conv-2", "message-1", False),
        ("csat_5", "csat_2", "message-1", True),
        ("csat_5|conv-1", "nps_5|conv-1", None, False),
        ("csat_5", "csat_5", None, False),
    ],
)
def test_who_taps_again_has_answered_once_and_the_last_tap_counts(first: str, again: str, asked: str | None, one_answer: bool) -> None:
    customer = {"id": "telegram:42"}

    one = rated(Conversations(), "tap-1", AT, first, asked=asked, customer=customer)
    other = rated(Conversations(), "tap-2", AT + timedelta(seconds=2), again, asked=asked, customer=customer)

    assert one is not None and other is not None
    assert (one.id == other.id and one.data["revision"] < other.data["revision"]) is one_answer


@pytest.mark.parametrize(
    ("treat_as", "type", "data"),
    [
        ("message", "feedback.message_received.v1", {"text": "hello", "thread": "t", "channel": "messaging"}),
        ("complaint", "feedback.complaint_raised.v1", {"text": "hello", "channel": "messaging", "interaction_id": "t"}),
        ("comment", "feedback.comment_posted.v1", {"text": "hello", "reply_to": "t", "channel": "messaging"}),
    ],
)
def test_what_words_are_taken_for_is_the_endpoints_choice(treat_as: str, type: str, data: dict[str, str]) -> None:
    options = Conversations.model_validate({"treat_as": treat_as})

    event = said(options, "1", AT, "hello", thread="t", channel="messaging")

    assert (event.type, event.data) == (type, data)


def test_people_of_two_networks_with_the_same_number_are_two() -> None:
    assert of("telegram", "42") != of("x", "42")


def test_an_id_that_is_too_long_with_its_network_stays_one_of_its_kind() -> None:
    first, second = of("facebook", "1" * 250 + "a"), of("facebook", "1" * 250 + "b")

    assert first != second
    assert all(id is not None and len(id) <= 256 for id in (first, second))

"""Batches: a request is understood whole or kept whole, a pulled page item by item."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from services.ingest.adapters.adapter import ChannelEvent, Fetch, Unreadable
from services.ingest.adapters.gathering import gathered, readable
from services.ingest.adapters.node import Node

EVENT = ChannelEvent("feedback.message_received.v1", "m-1", datetime(2026, 3, 19, tzinfo=UTC), {"channel": "chat", "text": "hello"})


def scores(item: Node) -> Iterator[float]:
    """The scores of an item; a zero says nothing."""
    for score in item["scores"]:
        if score.number():
            yield score.number() or 0


def test_a_request_is_sorted_into_events_fetches_and_reasons() -> None:
    outcome = gathered(["own_words", EVENT, Fetch("review:1"), "own_words", "no_text"])

    assert (outcome.events, outcome.fetches) == ([EVENT], [Fetch("review:1")])
    assert outcome.passed_over == {"own_words": 2, "no_text": 1}


def test_a_request_with_one_item_that_cannot_be_read_is_kept_whole() -> None:
    def items() -> Iterator[ChannelEvent]:
        yield EVENT
        raise Unreadable("the second item")

    with pytest.raises(Unreadable, match="the second item"):
        gathered(items())


def test_an_odd_item_of_a_pulled_page_is_counted_and_gives_nothing_not_even_a_part() -> None:
    page = Node([{"scores": [1, 0, 2]}, {"scores": [3, "x"]}, "odd", {"scores": None}, {"scores": [4]}])

    found, passed_over = readable(page, scores)

    assert found == [1, 2, 4]
    assert passed_over == {"unreadable": 2}


def test_a_page_without_odd_items_passes_nothing_over() -> None:
    found, passed_over = readable(Node([{"scores": [1]}]), scores)

    assert (found, passed_over) == ([1], {})


def test_a_page_of_which_nothing_can_be_read_is_a_new_format_and_holds_the_cursor() -> None:
    with pytest.raises(Unreadable, match="scores"):
        readable(Node([{"scores": "x"}, {"scores": "y"}]), scores)

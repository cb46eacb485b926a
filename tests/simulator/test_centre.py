"""The invented contact centre: repeatable, valid at the edge, with the habits of real clients and the variety of real people."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.centre import CHANNELS, ContactCentre, Event, traffic
from shared.contracts.decoding import admit

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def day_of(seed: int, count: int = 4000, run: str = "run") -> list[Event]:
    """`count` events, spread evenly over one day; copies, because the centre revises what it has sent."""
    centre = ContactCentre(seed, run)
    return [json.loads(json.dumps(centre.next_event(START + DAY * number / count))) for number in range(count)]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """One day."""
    return day_of(1)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 60))
def test_the_same_seed_and_instants_give_the_same_events_and_the_edge_takes_each(seed: int, count: int) -> None:
    told = day_of(seed, count)

    assert told == day_of(seed, count)
    for event in told:
        admit(json.dumps(event).encode(), START + DAY)


def test_another_seed_tells_another_story_and_another_run_has_other_ids(events: list[Event]) -> None:
    assert [event["data"] for event in day_of(2, 50)] != [event["data"] for event in day_of(1, 50)]
    assert not {event["id"] for event in day_of(1, run="later")} & {event["id"] for event in events}


def test_an_id_stands_for_one_occurrence_and_a_changed_content_for_a_higher_revision(events: list[Event]) -> None:
    versions: dict[str, dict[int, Event]] = defaultdict(dict)

    for event in events:
        known = versions[event["id"]].setdefault(event["data"].get("revision", 1), event)
        assert known == event

    for revisions in versions.values():
        assert len({(event["type"], event["time"], event["data"]["channel"]) for event in revisions.values()}) == 1
        assert sorted(revisions) == list(range(1, len(revisions) + 1))
        assert all(_said(revisions[number]) != _said(revisions[number + 1]) for number in range(1, len(revisions)))
    new, sent = len(versions), len(events)
    revised = sum(len(revisions) - 1 for revisions in versions.values())
    assert 0.01 < (sent - new - revised) / sent < 0.04
    assert 0.02 < revised / sent < 0.06


def _said(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event["data"].items() if name != "revision"}


def test_every_kind_of_feedback_comes_on_every_channel_and_in_both_languages(events: list[Event]) -> None:
    kinds = Counter(event["type"] for event in events)
    asked = {(a["instrument"], a.get("polarity")) for event in events for a in event["data"].get("answers", ())}
    names = [event["data"]["customer"]["name"] for event in events if "customer" in event["data"]]

    assert set(kinds) == {
        "feedback.survey_answered.v1", "interaction.completed.v1", "feedback.comment_posted.v1", "feedback.complaint_raised.v1",
    }  # fmt: skip
    assert 30 < 1000 * kinds["feedback.complaint_raised.v1"] / kinds["interaction.completed.v1"] < 200
    assert asked == {("nps", None), ("csat", None), ("ces", "effort"), ("ces", "ease")}
    assert {event["data"]["channel"] for event in events} == set(CHANNELS)
    assert {event["data"]["language"] for event in events} == {"en", "zh"}
    assert 0.2 < sum(not name.isascii() and name[0] > "\u4e00" for name in names) / len(names) < 0.5
    assert 0 < sum("customer" not in event["data"] for event in events) < len(events) / 3


def test_texts_are_filled_in(events: list[Event]) -> None:
    texts = [text for event in events for text in (event["data"].get("text"), event["data"].get("comment")) if text]

    assert len(set(texts)) > 100
    assert not [text for text in texts if "{" in text]


def test_a_channel_has_its_hours(events: list[Event]) -> None:
    morning = Counter(e["data"]["channel"] for e in events if 8 <= datetime.fromisoformat(e["time"]).hour < 12)
    evening = Counter(e["data"]["channel"] for e in events if 18 <= datetime.fromisoformat(e["time"]).hour < 22)

    assert morning["phone"] / morning.total() > 1.5 * evening["phone"] / evening.total()
    assert evening["web"] / evening.total() > 3 * morning["web"] / morning.total()
    for name, channel in CHANNELS.items():
        at_peak = START + timedelta(hours=channel.peak)
        assert traffic(name, at_peak) > 3 * traffic(name, at_peak + DAY / 2) > 0


def test_satisfied_people_are_found_where_the_channel_is_good() -> None:
    score: dict[str, list[float]] = defaultdict(list)
    for event in day_of(3, 12_000):
        for answer in event["data"].get("answers", ()):
            if answer["instrument"] == "csat":
                score[event["data"]["channel"]].append((answer["score"] - 1) / (answer["scale_max"] - 1))

    mean = {channel: sum(scores) / len(scores) for channel, scores in score.items()}

    assert mean["store"] == max(mean.values())
    assert mean["email"] == min(mean.values())

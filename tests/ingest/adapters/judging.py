"""What an adapter may hand back: events that ingest takes, and nothing that could not be sent or stored."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.ingest.adapters.adapter import Answer, ChannelEvent, Outcome
from shared.contracts.decoding import admit
from shared.errors import InvalidEvent


def written(events: Iterable[ChannelEvent]) -> list[dict[str, Any]]:
    """Events as cases write them down."""
    return [{"type": event.type, "id": event.id, "time": event.time.isoformat(), "data": event.data} for event in events]


def take(events: Iterable[ChannelEvent], now: datetime, *, odd_times: bool = False) -> None:
    """Ingest takes the events. With `odd_times` it may refuse one for its time alone, which a sender chose outside what is taken."""
    for event in events:
        item = json.dumps({"type": event.type, "id": event.id, "time": event.time.isoformat(), "data": event.data}, allow_nan=False)
        try:
            admit(item.encode(), now)
        except InvalidEvent as error:
            if not (odd_times and error.reason == "time_out_of_range"):
                raise AssertionError(f"refused as {error.reason}: {error.errors}") from error


def be_sound(outcome: Outcome, now: datetime, *, odd_times: bool = False) -> None:
    """The whole of an outcome is of the kinds that the platform works with."""
    take(outcome.events, now, odd_times=odd_times)
    assert isinstance(outcome.answer, Answer)
    for fetch in outcome.fetches:
        assert fetch.key
        json.dumps(fetch.arguments, allow_nan=False)
    assert outcome.once is None or outcome.once
    assert outcome.confirm is None or outcome.confirm.startswith("https://")
    counted: Mapping[str, int] = outcome.passed_over
    assert all(reason.replace("_", "").isalnum() and reason.islower() and count > 0 for reason, count in counted.items())

"""Events as scoring gets them, and an independent count of what they should add up to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.contracts.decoding import Event, decode

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def event(type: str, data: Mapping[str, Any], *, id: str, at: datetime, received: datetime | None = None, tenant: str = "acme",
          source: str = "/keys/k1", backfill: bool = False) -> Event:  # fmt: skip
    """One event, through the bytes that lie on Kafka. `at` is when it happened."""
    written = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": at,
        "tenant": tenant,
        "receivedat": received or max(at, NOON),
        "backfill": backfill,
        "data": data,
    }
    return decode(msgspec.json.encode(written))


@dataclass(frozen=True)
class Said:
    """One revision of one customer's NPS answers, or (no scores) of a complaint."""

    id: str
    revision: int
    minute: int
    channel: str
    scores: tuple[int, ...]

    def event(self, tenant: str = "acme", start: datetime = NOON) -> Event:
        """The same as an event."""
        at = start + timedelta(minutes=self.minute)
        common = {"channel": self.channel, "revision": self.revision}
        if not self.scores:
            return event("feedback.complaint_raised.v1", {**common, "text": "late again"}, id=self.id, at=at, received=at, tenant=tenant)
        answers = [{"question": "q", "instrument": "nps", "score": score} for score in self.scores]
        return event(
            "feedback.survey_answered.v1", {**common, "survey": "s", "answers": answers}, id=self.id, at=at, received=at, tenant=tenant
        )


def latest(said: Iterable[Said]) -> list[Said]:
    """What counts in the end: of every event its highest revision."""
    highest: dict[str, Said] = {}
    for one in said:
        if one.id not in highest or one.revision > highest[one.id].revision:
            highest[one.id] = one
    return list(highest.values())


def scores_in(said: Iterable[Said], first: int, end: int, channel: str | None = None) -> Counter[int]:
    """How often each score was given in minutes [first, end), counted one by one."""
    return Counter(score for one in latest(said) if first <= one.minute < end and channel in (None, one.channel) for score in one.scores)

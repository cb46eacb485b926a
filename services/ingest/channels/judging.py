"""An adapter's events before the contract: what may go on Kafka, and what is refused with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.channels.endpoint import OpenEndpoint
from services.ingest.intake import Accepted, Intake
from shared.errors import InvalidEvent
from shared.loops import in_turns


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that the contract refused, as JSON."""

    item: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The events of one request or step."""

    accepted: list[Accepted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    comments: list[tuple[str, str]] = field(default_factory=list)
    """Post and id of those that stand under a post."""


async def judge_events(intake: Intake, endpoint: OpenEndpoint, events: Sequence[ChannelEvent], now: datetime, traceparent: bytes) -> Judged:
    """Judge them one after the other; other requests get their turns in between."""
    judged = Judged()
    place = 0
    async for event in in_turns(events):
        item = msgspec.json.encode({"type": event.type, "id": event.id, "time": event.time, "data": event.data})
        try:
            accepted = intake.judge(
                endpoint.tenant, item, source=endpoint.source, id=None, now=now, traceparent=traceparent, place=place,
                region=endpoint.stored.country,
            )  # fmt: skip
        except InvalidEvent as invalid:
            judged.refused.append(Refused(item, _reason_of(invalid)))
        else:
            judged.accepted.append(accepted)
            if event.post is not None:
                judged.comments.append((event.post, event.id))
        place += 1
    return judged


def _reason_of(invalid: InvalidEvent) -> str:
    """What the contract found, field by field, without any value."""
    found = "; ".join(f"{'.'.join(map(str, error.loc))} {error.msg}".strip() for error in invalid.errors[:5])
    return f"{invalid.reason}: {found}" if found else invalid.reason

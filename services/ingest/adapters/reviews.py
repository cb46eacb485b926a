"""What people write on review platforms and in app stores, where everybody reads it: always `comment_posted`, with the stars they gave."""

from datetime import datetime
from typing import Any

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.conversations import NO_TEXT
from services.ingest.adapters.node import paragraphs
from services.ingest.adapters.questions import present
from services.ingest.adapters.scales import pointed

REVIEW = "review"
FEWEST, MOST = 1, 5


def reviewed(id: str, at: datetime, stars: float | None, *words: str | None, **occurrence: Any) -> ChannelEvent:
    """A review: of one to five stars, `words` its title and its text. `occurrence` are the fields of contracts.md, None where unknown."""
    data = present(channel=REVIEW, text=paragraphs(*words) or NO_TEXT, **rated(stars), **occurrence)
    return ChannelEvent("feedback.comment_posted.v1", id, at, data)


def rated(stars: float | None) -> dict[str, Any]:
    """The rating with its scale. Raises Unreadable for stars that there are not."""
    found = pointed(stars, FEWEST, MOST)
    return {} if found is None else {"rating": found["score"], "scale_min": FEWEST, "scale_max": MOST}

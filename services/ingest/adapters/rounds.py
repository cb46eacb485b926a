"""Rounds of a poll over pages that come newest first or in no order: each hands on what is newer than the last round's newest.

A day is read twice, because reviews may be shown later than they were written; what was had already is known by its id and revision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.adapters.adapter import ChannelEvent, Fetch, Pulled
from services.ingest.adapters.node import Node

_UTC = ZoneInfo("UTC")
AGAIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Round:
    """`since`: older was had; `newest`: the newest seen so far; `page`: the vendor's name of the page that this step fetches, `now`."""

    since: datetime
    newest: datetime
    page: str | None
    now: datetime

    @classmethod
    def of(cls, arguments: Mapping[str, Any], now: datetime, first: timedelta) -> "Round":
        """The round that a fetch's arguments belong to; the very first reaches as far back as `first`."""
        read = Node(dict(arguments))
        since = read["since"].iso(_UTC) or now - first
        return cls(since, read["newest"].iso(_UTC) or since, read["page"].text(), now)

    def pulled(self, key: str, found: list[tuple[ChannelEvent, datetime]], page: str | None, passed_over: Mapping[str, int]) -> Pulled:
        """What a page brought: events with the instants of their versions. Without a next page the round is over and the cursor moves."""
        events = [event for event, at in found if at >= self.since - AGAIN]
        # A date that lies ahead would keep out everything until then.
        newest = max([self.newest, *(min(at, self.now) for _, at in found)])
        if page is None:
            return Pulled(events, cursor={"since": newest.isoformat()}, passed_over=passed_over)
        then = Fetch(key, {"since": self.since.isoformat(), "newest": newest.isoformat(), "page": page})
        return Pulled(events, then, passed_over=passed_over)

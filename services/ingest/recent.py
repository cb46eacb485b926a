"""The ids that this replica had acknowledged lately. It only informs clients; the guarantee is the consumers' `seen`."""

from collections import OrderedDict

EventId = tuple[str, str, str]
"""Tenant, source, id."""


class RecentIds:
    """At most `capacity` ids with their highest acknowledged revision, the oldest forgotten first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._revisions: OrderedDict[EventId, int] = OrderedDict()  # finding a plain dict's first entry gets slower with each deletion

    def holds(self, event: EventId, revision: int) -> bool:
        """Whether the same or a higher revision was acknowledged."""
        return self._revisions.get(event, 0) >= revision

    def add(self, event: EventId, revision: int) -> None:
        """Remember an acknowledgement."""
        known = self._revisions.pop(event, 0)
        self._revisions[event] = max(known, revision)
        if len(self._revisions) > self._capacity:
            self._revisions.popitem(last=False)

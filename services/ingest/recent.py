"""The ids that this replica had acknowledged lately. It only informs clients; the guarantee is the consumers' `seen`."""

from collections import deque

EventId = tuple[str, str, str]
"""Tenant, source, id."""


class RecentIds:
    """At most `capacity` ids with their highest acknowledged revision, the one first acknowledged longest ago forgotten first.

    Kept are hashes of 64 bits, which a new id shares with a kept one not once in 10^14 times: the ids themselves would not fit into the
    processor's cache, and waiting for memory took longer than judging an event.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._revisions: dict[int, int] = {}
        self._order: deque[int] = deque()

    def add(self, event: EventId, revision: int) -> bool:
        """Remember an acknowledgement, and say whether the same or a higher revision was acknowledged before."""
        key = hash(event)
        known = self._revisions.get(key, 0)
        if known < revision:
            self._revisions[key] = revision
        if not known:
            self._order.append(key)
            if len(self._order) > self._capacity:
                del self._revisions[self._order.popleft()]
        return known >= revision

"""Every replica's own copy of all endpoints, so that a request needs no database.

It is read again whenever an endpoint changes and at least every five seconds; an id that is not in it is asked for at once. While
PostgreSQL is away the copy stays as it is.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from services.ingest.channels import store
from services.ingest.channels.endpoint import Misconfigured, OpenEndpoint, StoredEndpoint, may_be_id, open_endpoint
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.database.timers import LONGEST_SLEEP_SECONDS, Listener, look_whenever_heard
from shared.delivery.secrets import SecretBox
from shared.loops import Beat, in_turns
from shared.settings import DatabaseSettings

UNKNOWN_REMEMBERED_SECONDS = 5.0
UNKNOWN_AT_MOST = 10_000
LOOKUPS_AT_ONCE = 2
"""Connections that requests for unknown ids may take from the pool."""
LOADED_AT_ONCE = 500

log = structlog.get_logger()


class Directory:
    """The copy, and the loop that keeps it."""

    name = "channel endpoints"

    def __init__(self, database: DatabaseSettings, sessions: Sessions, box: SecretBox | None) -> None:
        self._listener = Listener(self.name, database, store.CHANNEL)
        self._sessions = sessions
        self._box = box
        self._known: dict[str, OpenEndpoint | Misconfigured] = {}
        self._versions: dict[str, int] = {}
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._read = False
        self.changed = asyncio.Event()
        """Set whenever the copy has changed; whoever waits for it clears it."""

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Keep the copy until `stop` is set. Waits for PostgreSQL."""
        await look_whenever_heard(self.name, self._listener, self._look, stop, beat)

    async def missing(self) -> str | None:
        """For readiness: whether the endpoints were read once."""
        return None if self._read else "channel endpoints are not read yet"

    def all(self) -> list[OpenEndpoint]:
        """Those that can be used."""
        return [endpoint for endpoint in self._known.values() if isinstance(endpoint, OpenEndpoint)]

    async def find(self, id: str) -> OpenEndpoint | None:
        """The endpoint with this id, None when there is none. Raises Misconfigured, and Unavailable when only PostgreSQL could tell."""
        found = self._known.get(id)
        if found is None and may_be_id(id) and self._unknown.get(id, 0.0) <= asyncio.get_running_loop().time():
            found = await self._ask_for(id)
        if isinstance(found, Misconfigured):
            raise found
        return found

    async def _ask_for(self, id: str) -> OpenEndpoint | Misconfigured | None:
        with typed_database_errors():
            async with self._lookups, self._sessions() as session:
                await self._take(await store.endpoints_by_id(session, [id]))
        found = self._known.get(id)
        if found is None:
            self._unknown[id] = asyncio.get_running_loop().time() + UNKNOWN_REMEMBERED_SECONDS
            if len(self._unknown) > UNKNOWN_AT_MOST:
                self._unknown.popitem(last=False)
        return found

    async def _look(self) -> float:
        async with self._sessions() as session:
            present = await store.versions(session)
            newer = [id for id, version in present.items() if self._versions.get(id) != version]
            for start in range(0, len(newer), LOADED_AT_ONCE):
                await self._take(await store.endpoints_by_id(session, newer[start : start + LOADED_AT_ONCE]))
        gone = self._versions.keys() - present.keys()
        for id in gone:
            del self._versions[id], self._known[id]
        if gone:
            self.changed.set()
        self._read = True
        return LONGEST_SLEEP_SECONDS

    async def _take(self, endpoints: Sequence[StoredEndpoint]) -> None:
        async for stored in in_turns(endpoints):
            if stored.version < self._versions.get(stored.id, 0):
                continue
            try:
                self._known[stored.id] = open_endpoint(stored, self._box)
            except Misconfigured as wrong:
                self._known[stored.id] = wrong
                log.warning("an endpoint cannot be used", action="endpoint_misconfigured", channel=stored.channel, detail=str(wrong))
            self._versions[stored.id] = stored.version
            self._unknown.pop(stored.id, None)
            self.changed.set()

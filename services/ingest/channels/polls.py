"""Keeps the standing fetches as the endpoints want them: whatever changes an endpoint, or this version of its adapter, is seen here."""

import asyncio

import structlog

from services.ingest.channels import fetches
from services.ingest.channels.directory import Directory
from services.ingest.channels.endpoint import OpenEndpoint
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.database.timers import LONGEST_SLEEP_SECONDS, wake
from shared.delivery.secrets import SecretBox
from shared.errors import Unavailable
from shared.loops import Beat, any_within

log = structlog.get_logger()


class Polls:
    """The loop; any number of replicas may run it, all write the same."""

    name = "polls"

    def __init__(self, sessions: Sessions, directory: Directory, box: SecretBox | None, clock: Clock) -> None:
        self._sessions = sessions
        self._directory = directory
        self._box = box
        self._clock = clock
        self._standing: dict[str, int] = {}

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Look at each endpoint that is new here until `stop` is set. Waits for PostgreSQL."""
        while not stop.is_set():
            beat()
            self._directory.changed.clear()
            try:
                with typed_database_errors():
                    await self._look()
            except Unavailable as unavailable:
                log.warning("polls wait", action="polls_wait", dependency=unavailable.dependency)
            await any_within(LONGEST_SLEEP_SECONDS, self._directory.changed, stop)

    async def _look(self) -> None:
        present = [endpoint for endpoint in self._directory.all() if endpoint.adapter.poll is not None]
        for endpoint in present:
            if self._standing.get(endpoint.id) != endpoint.stored.version:
                await self._stand(endpoint)
                self._standing[endpoint.id] = endpoint.stored.version

    async def _stand(self, endpoint: OpenEndpoint) -> None:
        assert endpoint.adapter.poll is not None and self._box is not None  # without it no endpoint can be opened
        polls = endpoint.adapter.poll(endpoint.at(self._clock()))
        async with self._sessions.begin() as session:
            await fetches.stand(session, self._box, endpoint.tenant, endpoint.id, endpoint.channel, polls)
            await wake(session, fetches.CHANNEL)

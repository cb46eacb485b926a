"""The role imports in this process: real routes on a real database, a log in memory that fails on demand."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from services.ingest.imports.parts import import_parts, large_bodies
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import NO_POLICIES
from services.ingest.settings import IngestSettings
from shared.clock import utc_now
from shared.database.engine import Sessions
from shared.loops import Loop
from shared.settings import DatabaseSettings
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.ingest.partitions import Partitions

COMPLAINTS = "Date,Complaint,Submitted via\n"
SECONDS = 20.0


class Keys:
    """shared.web.access.Access with the key `<tenant> <scope> …`."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        tenant, *scopes = authorization.removeprefix("Bearer ").split(" ")
        return Principal(tenant, "k1", frozenset(scopes), None)


class World:
    """Replicas share the database; each has a log of its own."""

    def __init__(self, database: DatabaseSettings, sessions: Sessions, **settings: Any) -> None:
        self.database = database
        self.sessions = sessions
        self.log = Partitions()
        small = {"import_bytes": 3_000_000, "import_lease_seconds": 2, "import_workers": 1}
        self.settings = IngestSettings(database_url=database.url, **{**small, **settings})
        registry = CollectorRegistry()
        intake = Intake(self.settings, self.log, IngestMetrics(registry), NO_POLICIES)  # type: ignore[arg-type]
        router, loops = import_parts(self.settings, sessions, intake, registry, utc_now)
        self.loop: Loop = loops[0]
        self._app = create_app(title="ingest", description="", access=Keys(), health=Health(), registry=registry,  # type: ignore[arg-type]
                               requests=RequestMetrics("ingest", registry), routers=[router],
                               large_bodies=large_bodies(self.settings))  # fmt: skip

    def client(self, key: str = "acme ingest:backfill") -> httpx.AsyncClient:
        """A client that carries this key."""
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://ingest", headers={"authorization": f"Bearer {key}"})

    @property
    def events(self) -> list[dict[str, Any]]:
        """What lies on the log."""
        return [json.loads(record.value) for record in self.log.records]

    @property
    def ids(self) -> set[tuple[str, str]]:
        """By what readers know the events: repetitions are one."""
        return {(event["source"], event["id"]) for event in self.events}


async def sent(client: httpx.AsyncClient, file: bytes | str, **said: Any) -> dict[str, Any]:
    """Upload a file; the import as it is then."""
    answer = await client.post("/v1/imports", params=said, content=file if isinstance(file, bytes) else file.encode())
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def until(client: httpx.AsyncClient, id: str, wanted: str | Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The import, as soon as it is in this state, or as it is wanted."""
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await client.get(f"/v1/imports/{id}")
            assert answer.status_code == 200, answer.text
            view: dict[str, Any] = answer.json()
            assert view["read"] == view["accepted"] + view["duplicate"] + view["refused"]
            if view["state"] == wanted if isinstance(wanted, str) else wanted(view):
                return view
            assert view["state"] != "failed" or wanted == "failed", view["detail"]
            assert view["state"] != "waiting" or wanted != "done" or not view["preview"]["problems"], view["preview"]["problems"]
            await asyncio.sleep(0.05)


def account(view: dict[str, Any]) -> tuple[int, int, int, int]:
    """Read, accepted, duplicate, refused."""
    return view["read"], view["accepted"], view["duplicate"], view["refused"]


def complaints(count: int) -> str:
    """A CSV file of so many complaints, all different."""
    return COMPLAINTS + "".join(f"2025-01-{n % 28 + 1:02d} 10:00,late {n},Phone\n" for n in range(count))

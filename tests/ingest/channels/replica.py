"""A replica of ingest's roles channels and pulls in this process: real database, real HTTP to the vendor, a log that fails on demand."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.ingest.channels.directory import Directory
from services.ingest.channels.endpoints_api import channel_routes, endpoint_routes, try_routes
from services.ingest.channels.job import PullPolicy
from services.ingest.channels.kept_api import kept_routes
from services.ingest.channels.metrics import ChannelMetrics, PullMetrics
from services.ingest.channels.outgoing import VendorCalls
from services.ingest.channels.polls import Polls
from services.ingest.channels.pulling import PullLoop
from services.ingest.channels.receiving import Receiver
from services.ingest.channels.tally import Tally
from services.ingest.channels.vendor_keys import VendorKeys
from services.ingest.channels.webhooks import webhook_routes
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import NO_POLICIES, Policies
from services.ingest.settings import IngestSettings
from shared.clock import Clock, utc_now
from shared.database.engine import Sessions
from shared.delivery.guard import GuardedNetwork
from shared.delivery.secrets import SecretBox
from shared.loops import Loop
from shared.settings import DatabaseSettings
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.ingest.channels.vendor import signed
from tests.ingest.partitions import Partitions
from tests.shared.loops import running

PUBLIC_URL = "https://feedback.example.com/base"
BOX = SecretBox(SecretStr(Fernet.generate_key().decode()), "KEY")
QUICK = PullPolicy(lease_seconds=2, step_seconds=1.5, call_seconds=1, first_retry_seconds=0.05, longest_retry_seconds=0.2)


class Keys:
    """shared.web.access.Access with a key `<tenant>` for each tenant's administrator, and `<tenant> reader`, who may do nothing here."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        tenant, _, reader = authorization.removeprefix("Bearer ").partition(" ")
        return Principal(tenant, "k1", frozenset({"metrics:read"} if reader else {"admin"}), None)


class Replica:
    """Everything of one process."""

    def __init__(
        self,
        database: DatabaseSettings,
        sessions: Sessions,
        *,
        policy: PullPolicy = QUICK,
        allow_private: bool = True,
        clock: Clock = utc_now,
        per_second: float = 500.0,
        policies: Policies = NO_POLICIES,
    ) -> None:
        self.log = Partitions()
        self.registry = CollectorRegistry()
        self.network = GuardedNetwork(allow_private=allow_private)
        self.calls = VendorCalls(self.network, clock, policy.call_seconds)
        self.directory, self.tally = Directory(database, sessions, BOX), Tally(sessions)
        settings = IngestSettings(
            database_url=database.url, public_url=PUBLIC_URL, bodies_bytes=6_000_000, body_timeout_seconds=0.5,
            requests_per_second_per_endpoint=per_second,
        )  # fmt: skip
        intake = Intake(settings, self.log, IngestMetrics(self.registry), policies)  # type: ignore[arg-type]
        keys = VendorKeys(self.calls)
        metrics, pulling = ChannelMetrics(self.registry), PullMetrics(self.registry)
        self.receiver = Receiver(self.directory, intake, sessions, BOX, keys, self.tally, metrics, clock)
        self.pulls = PullLoop(database, sessions, self.directory, intake, self.calls, BOX, self.tally, pulling, clock, policy)
        self.polls = Polls(sessions, self.directory, BOX, clock)
        routers = [
            channel_routes(), endpoint_routes(sessions, clock, BOX, PUBLIC_URL), try_routes(sessions, clock, BOX, PUBLIC_URL, intake, keys),
            kept_routes(sessions, clock, BOX, intake), webhook_routes(self.receiver, settings, clock),
        ]  # fmt: skip
        self.app = create_app(title="ingest", description="", access=Keys(), health=Health(), registry=self.registry,  # type: ignore[arg-type]
                              requests=RequestMetrics("ingest", self.registry), routers=routers, max_body_bytes=5_000_000)  # fmt: skip

    def client(self, key: str = "acme") -> httpx.AsyncClient:
        """A client that carries this key."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://ingest", headers={"authorization": f"Bearer {key}"})

    @property
    def events(self) -> list[dict[str, Any]]:
        """What lies on the log."""
        return [json.loads(record.value) for record in self.log.records]

    async def close(self) -> None:
        """Let the threads go."""
        self.receiver.close()
        self.network.close()


@asynccontextmanager
async def serving(database: DatabaseSettings, sessions: Sessions, **how: Any) -> AsyncIterator[Replica]:
    """A replica that answers; its copy of the endpoints is kept up to date."""
    async with AsyncExitStack() as stack:
        replica = Replica(database, sessions, **how)
        stack.push_async_callback(replica.close)
        await stack.enter_async_context(running(replica.directory))
        yield replica


def pulling(replica: Replica) -> Any:
    """Its fetches and polls are worked on while the block runs."""
    loops: list[Loop] = [replica.polls, replica.pulls]
    return running(*loops)


async def ok(request: Any, status: int = 200) -> Any:
    """The JSON of a good answer."""
    answer: httpx.Response = await request
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def made(client: httpx.AsyncClient, secret: str = "s1", **more: Any) -> str:
    """The id of a new endpoint of the loopback vendor; `more` are its options and other fields."""
    fields = {name: more.pop(name) for name in ("calls_per_minute", "name", "zone") if name in more}
    wanted = {"channel": "loopback", "name": "here", "secrets": {"secret": secret}, "options": more, "calls_per_minute": 6000, **fields}
    return str((await ok(client.post("/v1/endpoints", json=wanted), 201))["id"])


async def send(client: httpx.AsyncClient, endpoint: str, content: Any, secret: str = "s1", **headers: str) -> httpx.Response:
    """What the vendor would send."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await client.post(f"/v1/channels/loopback/{endpoint}", content=body, headers=signed(body, secret) | headers)


def thing(id: str, text: str = "well done", **more: Any) -> dict[str, Any]:
    """Something that the vendor tells of."""
    return {"id": id, "text": text, **more}


def counted(replica: Replica, name: str, **labels: str) -> float:
    """What Prometheus is told."""
    return replica.registry.get_sample_value(f"hearback_ingest_{name}", labels) or 0.0

"""Service processes of a test session, on its Kafka and PostgreSQL, as `hearback serve` runs them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import psutil
from cryptography.fernet import Fernet
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from services.cli.stack.ports import free_port
from services.ingest import access_store
from shared.clock import utc_now
from shared.contracts.access import Scope
from shared.database.engine import create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.delivery.tls import trusted
from shared.kafka.topics import ensure_topics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import Mark

TENANT_SCOPES: tuple[Scope, ...] = ("ingest:write", "ingest:backfill", "metrics:read", "customers:read", "customers:erase", "cases:read",
                                    "cases:write", "cases:approve", "alerts:read", "alerts:write", "admin")  # fmt: skip
SERVICES = ("ingest", "scoring", "closed_loop", "alerts")
READY_SECONDS = 120.0  # with the shipped waits one request to a Kafka that was just killed may take 40 s
WRONG_CLOCK = """
import sys
from datetime import timedelta
import shared.clock
right = shared.clock.utc_now
shared.clock.utc_now = lambda: right() + timedelta(seconds={seconds})
from services.{service}.main import main
sys.exit(main())
"""
READ_UNTIL = "SELECT coalesce(max(next_offset), 0) FROM consumer_offsets WHERE consumer_group = $1 AND topic = $2 AND partition = $3"
NOTHING: Mapping[str, str] = {}
SHORT_WAITS = {"HEARBACK_KAFKA_SESSION_TIMEOUT_SECONDS": "6", "HEARBACK_KAFKA_REQUEST_TIMEOUT_SECONDS": "8"}

QUICK_WAITS = {
    **SHORT_WAITS,
    "HEARBACK_KAFKA_MAX_POLL_INTERVAL_SECONDS": "6",
    "HEARBACK_ALERTS_DELIVERY_TIMEOUT_SECONDS": "3",
    **{
        f"HEARBACK_{service.upper()}_{wait}_SECONDS": seconds
        for service in SERVICES
        for wait, seconds in (("TRANSACTION_TIMEOUT", "4"), ("LEADERSHIP_IDLE", "4"))
    },
}
"""Also what a stopped process holds is soon taken from it."""


class Service:
    """One process of one service."""

    def __init__(
        self, name: str, port: int, environment: dict[str, str], log: Path, clock_ahead_seconds: float = 0.0, roles: Sequence[str] = (),
        program: str | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._command: tuple[str, ...] = ("-m", "services.cli.main", "serve", name, *(f"--role={role}" for role in roles))
        if clock_ahead_seconds:
            self._command = ("-c", WRONG_CLOCK.format(seconds=clock_ahead_seconds, service=name))
        if program is not None:
            self._command = ("-c", program)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self._command, env=self._environment, stdout=log, stderr=log
            )
        await self.ready()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit code of a process that ended by itself, None while it runs."""
        assert self._process is not None
        return self._process.returncode

    async def ready(self) -> None:
        """Wait until it says that it is ready; a process that ends instead fails at once, with the end of its log."""
        async with httpx.AsyncClient(verify=trusted("http")) as client, asyncio.timeout(READY_SECONDS):
            while not await self._is_ready(client):
                assert self.ended is None, f"{self.name} ended: {self._log.read_text()[-3000:]}"
                await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def metric(self, name: str) -> float:
        """What it tells Prometheus under this name, summed over the labels."""
        async with httpx.AsyncClient(verify=trusted("http")) as client:
            families = text_string_to_metric_families((await client.get(f"{self.url}/metrics")).text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def local_ports(self) -> set[int]:
        """Its ends of its connections: by these a server tells it from its replicas."""
        assert self._process is not None
        return {connection.laddr.port for connection in psutil.Process(self._process.pid).net_connections("tcp")}

    def pause(self) -> None:
        """SIGSTOP: from here on it does nothing, and keeps everything that it holds."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), 60)

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()


class Platform:
    """Services on one Kafka and one PostgreSQL; tests tell themselves apart by their tenants."""

    def __init__(self, kafka: KafkaServer, postgres: PostgresServer, folder: Path) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self._folder = folder
        self._environment: dict[str, str] = {}
        self._secrets_key = Fernet.generate_key().decode()
        self.kafka_settings = KafkaSettings(bootstrap=kafka.bootstrap)
        self.services: list[Service] = []
        self._started = 0

    async def prepare(self, *services: str, waits: Mapping[str, str] = SHORT_WAITS) -> None:
        """Topics, databases and migrations of `services`, which will run with these waits."""
        await ensure_topics(self.kafka_settings)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEARBACK_")}
        self._environment = {
            **kept,
            "HEARBACK_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS": "true",
            "HEARBACK_ALERTS_SECRETS_KEY": self._secrets_key,
            "HEARBACK_INGEST_ALLOW_PRIVATE_ADDRESSES": "true",
            "HEARBACK_INGEST_SECRETS_KEY": self._secrets_key,
            **waits,
        }
        for service in services:
            url = await self.postgres.create_database(f"hearback_{service}")
            await asyncio.to_thread(upgrade, service, DatabaseSettings(url=SecretStr(url)))
            self._environment[f"HEARBACK_{service.upper()}_DATABASE_URL"] = url

    async def start(
        self,
        name: str,
        *,
        roles: Sequence[str] = (),
        clock_ahead_seconds: float = 0.0,
        zone: str | None = None,
        more: Mapping[str, str] = NOTHING,
        program: str | None = None,
    ) -> Service:
        """One more process of a service, ready, in all its roles unless told otherwise; its own clock may go wrong, its machine may
        stand in another zone, `more` be set, and a `program` of the test's own run it."""
        port = free_port()
        log = self._folder / f"{name}-{self._started}.log"
        self._started += 1
        environment = {**self._environment, f"HEARBACK_{name.upper()}_PORT": str(port), **({"TZ": zone} if zone else {}), **more}
        service = Service(name, port, environment, log, clock_ahead_seconds, roles, program)
        self.services.append(service)
        await service.start()
        return service

    def one(self, name: str) -> Service:
        """A process of this service."""
        return next(service for service in self.services if service.name == name)

    async def stop(self, service: Service) -> int:
        """End a process in its orderly way; returns its exit code."""
        self.services.remove(service)
        return await service.terminate()

    async def stop_all(self) -> None:
        """End every process that was started."""
        ending = list(self.services)
        codes = await asyncio.gather(*(self.stop(service) for service in ending))
        assert not any(codes), f"exit codes at the end: {[(s.name, code) for s, code in zip(ending, codes, strict=True)]}"

    async def key(self, tenant: str, scopes: Sequence[Scope] = TENANT_SCOPES) -> str:
        """A key of a tenant, which is made when it does not exist; it works as soon as the relay has announced it."""
        database = DatabaseSettings(url=SecretStr(self.postgres.url_for("hearback_ingest")), pool_size=1)
        engine = create_engine(database, "test")
        try:
            async with create_sessions(engine).begin() as session:
                await access_store.create_tenant(session, id=tenant, name=tenant, actor="test", now=utc_now())
                _, text = await access_store.create_key(session, tenant=tenant, scopes=scopes, actor="test", now=utc_now())
        finally:
            await engine.dispose()
        return text

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the test's own to the database of a service."""
        connection = await asyncpg.connect(self.postgres.url_for(f"hearback_{service}"))
        try:
            yield connection
        finally:
            await connection.close()

    async def has_read(self, service: str, ends: Mark, seconds: float) -> None:
        """Wait until a service has processed everything before `ends`, with whichever replica."""
        async with asyncio.timeout(seconds), self.database(service) as connection:
            for partition, end in ends.items():
                while await connection.fetchval(READ_UNTIL, service, partition.topic, partition.partition) < end:
                    await asyncio.sleep(0.1)

    @asynccontextmanager
    async def client(self, service: Service, key: str, timeout: float = 30) -> AsyncIterator[httpx.AsyncClient]:
        """A client of one process that carries `key`, from when the key works there."""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=timeout, verify=trusted("http")) as client:
            async with asyncio.timeout(15):
                while (await client.get("/v1/whoami")).status_code != 200:
                    await asyncio.sleep(0.2)
            yield client


@asynccontextmanager
async def running(
    kafka: KafkaServer, postgres: PostgresServer, folder: Path, waits: Mapping[str, str] = SHORT_WAITS
) -> AsyncIterator[Platform]:
    """A platform with one process of each service, in the order of SERVICES, until the end of the block."""
    platform = Platform(kafka, postgres, folder)
    await platform.prepare(*SERVICES, waits=waits)
    try:
        await asyncio.gather(*(platform.start(name) for name in SERVICES))
        yield platform
    finally:
        await platform.stop_all()

"""Puts ingest together and runs it: the event endpoint, and the access part with its relay.

Ingest takes events without its database; only the routes of tenants and keys need it.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import uvloop
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from services.ingest.access_api import key_routes
from services.ingest.api import event_routes
from services.ingest.events import Events
from services.ingest.intake import Intake
from services.ingest.lane import FastLane
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import Policies
from services.ingest.settings import IngestSettings, load_settings
from services.ingest.tenants_api import tenant_routes
from shared.clock import utc_now
from shared.contracts.topics import TOPICS
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.outbox import Relay
from shared.database.watch import DatabaseWatch
from shared.kafka.metrics import OutboxMetrics
from shared.kafka.producer import Producer
from shared.loops import Loop
from shared.observability.export import traces_of
from shared.observability.logs import configure_logs
from shared.observability.registry import process_registry
from shared.settings import KafkaSettings, load
from shared.web.access import Access
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.process import run_process
from shared.web.requests import RequestMetrics

CHANNELS, IMPORTS, SURVEYS = frozenset({"channels", "pulls"}), frozenset({"imports"}), frozenset({"surveys"})
ROLES = frozenset({"events", "access", *CHANNELS, *IMPORTS, *SURVEYS})
DESCRIPTION = "Takes feedback from every channel and puts it on Kafka; asks customers; owns tenants, keys, channel endpoints and surveys."


def main(roles: frozenset[str] = ROLES) -> int:
    """Run ingest in these roles until SIGTERM. Returns the exit code. Raises ConfigurationError when it cannot start."""
    settings = load_settings()
    configure_logs("ingest", settings.log_format, settings.log_level)
    with traces_of("ingest", settings.drain_seconds), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, load(KafkaSettings), roles))


async def _run(settings: IngestSettings, kafka: KafkaSettings, roles: frozenset[str]) -> int:
    registry = process_registry()
    health = Health()
    access = Access(kafka, utc_now)
    health.add_check(access.missing)
    async with AsyncExitStack() as stack:
        written = [topic.name for topic in TOPICS.values() if "ingest" in topic.written_by.split()]
        producer = Producer(kafka, "hearback-ingest", written, settings.queue_bytes)
        stack.push_async_callback(producer.close)
        metrics = IngestMetrics(registry)
        intake = Intake(settings, producer, metrics, Policies(access.tenants, settings.pseudonyms_master, metrics.redacted))
        loops: list[Loop] = [producer, access.copy]
        routers: list[APIRouter] = []
        large_bodies: dict[str, int] = {}
        if roles - {"events"}:
            engine = create_engine(settings.database, "hearback ingest")
            stack.push_async_callback(engine.dispose)
            sessions = create_sessions(engine)
            watch = DatabaseWatch(engine, "ingest", registry)
            for check in (watch.missing, watch.unwritable):
                health.add_check(check, needed=False)  # what customers say is taken nevertheless
            loops.append(watch)
            loops.append(Relay(settings.database, producer, OutboxMetrics("ingest", registry), utc_now))
            if "access" in roles:
                has_key = settings.pseudonyms_key is not None
                routers += [tenant_routes(sessions, utc_now, access, pseudonyms=has_key), key_routes(sessions, utc_now, access)]
            more = _parts(roles, settings, kafka, sessions, intake, access, registry, health, stack)
            routers += more.routers
            loops += more.loops
            large_bodies = more.large_bodies
        requests = RequestMetrics("ingest", registry)
        events = Events(settings, intake, utc_now)
        if "events" in roles:
            routers.append(event_routes(events))
        app: ASGIApp = create_app(title="Hearback ingest", description=DESCRIPTION, access=access, health=health, registry=registry,
                                  requests=requests, routers=routers, max_body_bytes=settings.max_body_bytes,
                                  large_bodies=large_bodies)  # fmt: skip
        if "events" in roles:
            app = FastLane(app, events, access, requests)
        return await run_process(
            app, host=settings.host, port=settings.port, loops=loops, health=health, drain_seconds=settings.drain_seconds
        )


@dataclass
class _Parts:
    routers: list[APIRouter] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    large_bodies: dict[str, int] = field(default_factory=dict)


def _parts(
    roles: frozenset[str], settings: IngestSettings, kafka: KafkaSettings, sessions: Sessions, intake: Intake, access: Access,
    registry: CollectorRegistry, health: Health, stack: AsyncExitStack,
) -> _Parts:  # fmt: skip
    """Channels, imports and surveys, each imported where it runs: a process that only takes events does not pay for the rest."""
    found = _Parts()
    if roles & CHANNELS:
        from services.ingest.channels.parts import channel_parts

        channels = channel_parts(roles, settings, sessions, intake, registry, utc_now, stack)
        found.routers += channels.routers
        found.loops += channels.loops
        if "events" not in roles:
            health.add_check(channels.directory.missing)
    if roles & IMPORTS:
        from services.ingest.imports.parts import import_parts, large_bodies

        router, workers = import_parts(settings, sessions, intake, registry, utc_now)
        found.routers.append(router)
        found.loops += workers
        found.large_bodies = large_bodies(settings)
    if roles & SURVEYS:
        from services.ingest.surveys.parts import survey_parts

        asking = survey_parts(settings, kafka, sessions, intake, access.tenants, registry, utc_now, stack)
        found.routers += asking.routers
        found.loops += asking.loops
    return found

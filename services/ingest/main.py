"""Puts ingest together and runs it: the event endpoint, and the access part with its relay.

Ingest takes events without its database; only the routes of tenants and keys need it.
"""

import asyncio
from contextlib import AsyncExitStack

import uvloop
from fastapi import APIRouter
from starlette.types import ASGIApp

from services.ingest.access_api import key_routes
from services.ingest.api import event_routes
from services.ingest.channels import parts as channels
from services.ingest.events import Events
from services.ingest.imports import parts as imports
from services.ingest.intake import Intake
from services.ingest.lane import FastLane
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import Policies
from services.ingest.settings import IngestSettings, load_settings
from services.ingest.surveys import parts as surveys
from services.ingest.tenants_api import tenant_routes
from shared.clock import utc_now
from shared.contracts.topics import ACCESS, FEEDBACK_BACKFILL, FEEDBACK_EVENTS, dead_topic
from shared.database.engine import create_engine, create_sessions
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

ROLES = frozenset({"events", "access", *channels.ROLES, *imports.ROLES, *surveys.ROLES})
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
        written = [FEEDBACK_EVENTS, FEEDBACK_BACKFILL, ACCESS, *map(dead_topic, surveys.TOPICS)]
        producer = Producer(kafka, "hearback-ingest", written, settings.queue_bytes)
        stack.push_async_callback(producer.close)
        metrics = IngestMetrics(registry)
        intake = Intake(settings, producer, metrics, Policies(access.tenants, settings.pseudonyms_master, metrics.redacted))
        loops: list[Loop] = [producer, access.copy]
        routers: list[APIRouter] = []
        if roles - {"events"}:
            engine = create_engine(settings.database, "hearback ingest")
            stack.push_async_callback(engine.dispose)
            sessions = create_sessions(engine)
            loops.append(DatabaseWatch(engine, "ingest", registry))
            loops.append(Relay(settings.database, producer, OutboxMetrics("ingest", registry), utc_now))
            if "access" in roles:
                has_key = settings.pseudonyms_key is not None
                routers += [tenant_routes(sessions, utc_now, access, pseudonyms=has_key), key_routes(sessions, utc_now, access)]
            if roles & channels.ROLES:
                parts = channels.channel_parts(roles, settings, sessions, intake, registry, utc_now, stack)
                routers += parts.routers
                loops += parts.loops
                if "events" not in roles:
                    health.add_check(parts.directory.missing)
            if roles & imports.ROLES:
                router, workers = imports.import_parts(settings, sessions, intake, registry, utc_now)
                routers.append(router)
                loops += workers
            if roles & surveys.ROLES:
                asking = surveys.survey_parts(settings, kafka, sessions, intake, access.tenants, registry, utc_now, stack)
                routers += asking.routers
                loops += asking.loops
        requests = RequestMetrics("ingest", registry)
        events = Events(settings, intake, utc_now)
        if "events" in roles:
            routers.append(event_routes(events))
        app: ASGIApp = create_app(title="Hearback ingest", description=DESCRIPTION, access=access, health=health, registry=registry,
                                  requests=requests, routers=routers, max_body_bytes=settings.max_body_bytes,
                                  large_bodies=imports.large_bodies(settings))  # fmt: skip
        if "events" in roles:
            app = FastLane(app, events, access, requests)
        return await run_process(
            app, host=settings.host, port=settings.port, loops=loops, health=health, drain_seconds=settings.drain_seconds
        )

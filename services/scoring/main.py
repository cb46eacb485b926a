"""Puts scoring together and runs it: the API, the consumer of events with the relay of its dead letters, the publisher of samples."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import uvloop

from services.scoring.api import metric_routes
from services.scoring.consumer import ScoringHandler
from services.scoring.publisher import Publisher, PublisherMetrics
from services.scoring.settings import ScoringSettings
from services.scoring.sources import BACKFILL, GROUP, LIVE
from services.scoring.wanted import WantedSeries
from shared.clock import utc_now
from shared.contracts.topics import METRICS_UPDATED, dead_topic
from shared.database.engine import create_engine, create_sessions
from shared.database.outbox import Relay
from shared.database.watch import DatabaseWatch
from shared.kafka.consumer import Consumer
from shared.kafka.metrics import ConsumerMetrics, OutboxMetrics
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

ROLES = frozenset({"api", "consumer", "publisher"})
OVERLAP_MARGIN = timedelta(seconds=5)
DESCRIPTION = "Answers and announces the live numbers: each with its n and its 95 % confidence interval."


def main(roles: frozenset[str] = ROLES) -> int:
    """Run scoring in these roles until SIGTERM. Returns the exit code. Raises ConfigurationError when it cannot start."""
    settings = load(ScoringSettings)
    configure_logs("scoring", settings.log_format, settings.log_level)
    with traces_of("scoring", settings.drain_seconds), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, load(KafkaSettings), roles))


async def _run(settings: ScoringSettings, kafka: KafkaSettings, roles: frozenset[str]) -> int:
    registry = process_registry()
    health = Health()
    access = Access(kafka, utc_now)
    async with AsyncExitStack() as stack:
        engine = create_engine(settings.database, "hearback scoring")
        stack.push_async_callback(engine.dispose)
        sessions = create_sessions(engine)
        health.add_check(access.missing)
        watch = DatabaseWatch(engine, "scoring", registry)
        health.add_check(watch.missing)
        health.add_check(watch.unwritable, needed=roles != {"api"})  # what is stored can be read
        producer = Producer(kafka, "hearback-scoring", [METRICS_UPDATED, *map(dead_topic, (*LIVE, *BACKFILL))])
        stack.push_async_callback(producer.close)
        loops: list[Loop] = [producer, access.copy, watch]
        if "consumer" in roles:
            consumed = ConsumerMetrics("scoring", registry)
            loops.append(
                Consumer(
                    kafka=kafka, group=GROUP, live=LIVE, backfill=BACKFILL, handler=ScoringHandler(), sessions=sessions, metrics=consumed
                )
            )
            loops.append(Relay(settings.database, producer, OutboxMetrics("scoring", registry), utc_now))
        if "publisher" in roles:
            overlap = timedelta(seconds=settings.transaction_timeout_seconds) + OVERLAP_MARGIN
            wanted = WantedSeries(kafka)
            loops += [wanted.copy, Publisher(sessions, producer, PublisherMetrics(registry), overlap, wanted)]
        routers = [metric_routes(sessions)] if "api" in roles else []
        app = create_app(
            title="Hearback scoring",
            description=DESCRIPTION,
            access=access,
            health=health,
            registry=registry,
            requests=RequestMetrics("scoring", registry),
            routers=routers,
        )
        return await run_process(
            app, host=settings.host, port=settings.port, loops=loops, health=health, drain_seconds=settings.drain_seconds
        )

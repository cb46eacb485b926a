"""Puts closed_loop together and runs it: the API, the consumer of feedback, the timers of the clocks, the relay of what they announce."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import uvloop

from services.closed_loop.api import closed_loop_routes
from services.closed_loop.catching_up import CatchingUp
from services.closed_loop.configuration import Calendars
from services.closed_loop.consumer import ClosedLoopHandler
from services.closed_loop.settings import ClosedLoopSettings
from services.closed_loop.sources import BACKFILL, BATCH, GROUP, LIVE
from services.closed_loop.timers import clock_loop
from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS, dead_topic
from shared.database.engine import create_engine, create_sessions
from shared.database.outbox import Relay
from shared.database.timers import TimerMetrics
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

ROLES = frozenset({"api", "consumer", "timers"})
DESCRIPTION = "Walks every complaint back to the customer: cases, and the clocks that they run under."


def main(roles: frozenset[str] = ROLES) -> int:
    """Run closed_loop in these roles until SIGTERM. Returns the exit code. Raises ConfigurationError when it cannot start."""
    settings = load(ClosedLoopSettings)
    configure_logs("closed_loop", settings.log_format, settings.log_level)
    with traces_of("closed_loop", settings.drain_seconds), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, load(KafkaSettings), roles))


async def _run(settings: ClosedLoopSettings, kafka: KafkaSettings, roles: frozenset[str]) -> int:
    registry = process_registry()
    health = Health()
    access = Access(kafka, utc_now)
    calendars = Calendars()
    async with AsyncExitStack() as stack:
        engine = create_engine(settings.database, "hearback closed_loop")
        stack.push_async_callback(engine.dispose)
        sessions = create_sessions(engine)
        health.add_check(access.missing)
        watch = DatabaseWatch(engine, "closed_loop", registry)
        health.add_check(watch.missing)
        health.add_check(watch.unwritable, needed=roles != {"api"})  # what is stored can be read
        producer = Producer(kafka, "hearback-closed_loop", [CASES_EVENTS, *map(dead_topic, (*LIVE, *BACKFILL))])
        stack.push_async_callback(producer.close)
        # every role writes to the outbox: commands, consumed events and due clocks are all announced
        relay = Relay(settings.database, producer, OutboxMetrics("closed_loop", registry), utc_now)
        loops: list[Loop] = [producer, access.copy, watch, relay]
        if "consumer" in roles:
            consumed = ConsumerMetrics("closed_loop", registry)
            loops.append(Consumer(kafka=kafka, group=GROUP, live=LIVE, backfill=BACKFILL, handler=ClosedLoopHandler(calendars),
                                sessions=sessions, metrics=consumed, batch=BATCH))  # fmt: skip
        if "timers" in roles:
            fired = TimerMetrics("hearback_clocks", registry)
            longest = timedelta(seconds=settings.timers_wait_seconds)
            catching_up = CatchingUp(kafka, sessions, GROUP, LIVE, longest)
            loops += [catching_up, clock_loop(settings.database, sessions, calendars, fired, catching_up.over, longest)]
        app = create_app(
            title="Hearback closed loop",
            description=DESCRIPTION,
            access=access,
            health=health,
            registry=registry,
            requests=RequestMetrics("closed_loop", registry),
            routers=closed_loop_routes(sessions, calendars) if "api" in roles else [],
        )
        return await run_process(
            app, host=settings.host, port=settings.port, loops=loops, health=health, drain_seconds=settings.drain_seconds
        )

"""Puts alerts together and runs it: the API, the consumer of samples and case events, the timers, the deliveries."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import uvloop
from prometheus_client import CollectorRegistry

from services.alerts.api.alerts import alert_routes, delivery_routes
from services.alerts.api.configuration import receiver_routes, route_routes, rule_routes
from services.alerts.consumer import BATCH, GROUP, LIVE, AlertsHandler
from services.alerts.deliver import AlertReceivers
from services.alerts.files import ConfiguredFiles, TenantFile, read_files
from services.alerts.samples import CHANNEL as RULE_CHANNEL
from services.alerts.settings import AlertsSettings, load_settings
from services.alerts.store.groups import CHANNEL as GROUP_CHANNEL
from services.alerts.timers import GroupLooks, RuleTimers, SilenceWatch
from shared.clock import utc_now
from shared.contracts.topics import ALERTS_EVENTS, SERIES_WANTED, dead_topic
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.outbox import Relay
from shared.database.timers import TimerLoop, TimerMetrics
from shared.database.watch import DatabaseWatch
from shared.delivery.delivery import DeliveryPolicy
from shared.delivery.guard import GuardedNetwork
from shared.delivery.loop import DeliveryLoop
from shared.delivery.mail import MailSender
from shared.delivery.metrics import DeliveryMetrics
from shared.delivery.secrets import SecretBox
from shared.delivery.webhook import WebhookSender
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

ROLES = frozenset({"api", "consumer", "timers", "deliver"})
DESCRIPTION = "Tells the right person when a number or a clock goes wrong: rules, routes, receivers, and every delivery."


def main(roles: frozenset[str] = ROLES) -> int:
    """Run alerts in these roles until SIGTERM. Returns the exit code. Raises ConfigurationError when it cannot start."""
    settings = load_settings()
    files = [] if settings.configuration is None else read_files(settings.configuration)
    box = None if settings.secrets_key is None else SecretBox(settings.secrets_key, "HEARBACK_ALERTS_SECRETS_KEY")
    configure_logs("alerts", settings.log_format, settings.log_level)
    with traces_of("alerts", settings.drain_seconds), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, load(KafkaSettings), roles, files, box))


async def _run(
    settings: AlertsSettings, kafka: KafkaSettings, roles: frozenset[str], files: list[TenantFile], box: SecretBox | None
) -> int:
    registry = process_registry()
    health = Health()
    access = Access(kafka, utc_now)
    async with AsyncExitStack() as stack:
        engine = create_engine(settings.database, "hearback alerts")
        stack.push_async_callback(engine.dispose)
        sessions = create_sessions(engine)
        watch = DatabaseWatch(engine, "alerts", registry)
        configured = ConfiguredFiles(files, sessions, box, utc_now)
        for check in (access.missing, watch.missing, configured.missing):
            health.add_check(check)
        health.add_check(watch.unwritable, needed=roles != {"api"})  # what is stored can be read
        producer = Producer(kafka, "hearback-alerts", [ALERTS_EVENTS, SERIES_WANTED, *map(dead_topic, LIVE)])
        stack.push_async_callback(producer.close)
        relay = Relay(settings.database, producer, OutboxMetrics("alerts", registry), utc_now)
        loops: list[Loop] = [producer, access.copy, watch, configured, relay]
        if "consumer" in roles:
            consumed = ConsumerMetrics("alerts", registry)
            loops.append(Consumer(kafka=kafka, group=GROUP, live=LIVE, handler=AlertsHandler(), sessions=sessions, metrics=consumed,
                                  batch=BATCH))  # fmt: skip
        if "timers" in roles:
            loops += _timers(settings, sessions, registry)
        if "deliver" in roles:
            network = GuardedNetwork(allow_private=settings.allow_private_receivers)
            stack.callback(network.close)
            mails = None if settings.smtp is None else MailSender(settings.smtp, utc_now)
            receivers = AlertReceivers(box, WebhookSender(network, utc_now), mails)
            policy = DeliveryPolicy(lease_seconds=2 * settings.delivery_timeout_seconds, timeout_seconds=settings.delivery_timeout_seconds)
            loops.append(DeliveryLoop(settings.database, sessions, receivers, DeliveryMetrics("alerts", registry), policy))
        configuration = [rule_routes(sessions, utc_now), route_routes(sessions, utc_now), receiver_routes(sessions, utc_now, box)]
        app = create_app(
            title="Hearback alerts",
            description=DESCRIPTION,
            access=access,
            health=health,
            registry=registry,
            requests=RequestMetrics("alerts", registry),
            routers=[*configuration, alert_routes(sessions, utc_now), delivery_routes(sessions)] if "api" in roles else [],
        )
        return await run_process(
            app, host=settings.host, port=settings.port, loops=loops, health=health, drain_seconds=settings.drain_seconds
        )


def _timers(settings: AlertsSettings, sessions: Sessions, registry: CollectorRegistry) -> list[Loop]:
    database = settings.database
    rules, groups = TimerMetrics("hearback_alerts_rule_timers", registry), TimerMetrics("hearback_alerts_groups", registry)
    looks = GroupLooks(groups, settings.external_url)
    return [
        TimerLoop("rule timers", database, sessions, RULE_CHANNEL, RuleTimers(rules), rules),
        TimerLoop("groups", database, sessions, GROUP_CHANNEL, looks, groups),
        SilenceWatch(sessions, timedelta(seconds=settings.no_samples_seconds)),
    ]

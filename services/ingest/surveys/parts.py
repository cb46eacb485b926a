"""Puts surveys together for ingest's process: the routes and loops of its role `surveys`."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from services.ingest.channels.pruning import Pruning
from services.ingest.intake import Intake
from services.ingest.personal.identities import Identities
from services.ingest.settings import IngestSettings
from services.ingest.surveys.api import opt_out_routes, survey_routes
from services.ingest.surveys.consumer import BATCH, GATHER_MILLISECONDS, GROUP, LIVE, SurveysHandler
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.incentives_api import incentive_routes
from services.ingest.surveys.invitations_api import invitation_routes
from services.ingest.surveys.notes import note_loop, note_routes
from services.ingest.surveys.pages.form_page import form_pages
from services.ingest.surveys.pages.place_page import place_pages
from services.ingest.surveys.pages.survey_page import survey_pages
from services.ingest.surveys.pages.visitors import Visitors
from services.ingest.surveys.places_api import place_routes
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.senders import Pace, Sender, Senders, TenantsSenders
from services.ingest.surveys.senders_api import sender_routes
from services.ingest.surveys.sending import SurveyReceivers
from services.ingest.surveys.timers import invitation_loop
from services.ingest.surveys.waves import wave_loop
from shared.clock import Clock
from shared.contracts.access import TenantRecord
from shared.database.engine import Sessions
from shared.database.timers import TimerMetrics
from shared.delivery.delivery import DeliveryPolicy
from shared.delivery.guard import GuardedNetwork
from shared.delivery.loop import DeliveryLoop
from shared.delivery.mail import MailSender
from shared.delivery.metrics import DeliveryMetrics
from shared.delivery.secrets import SecretBox
from shared.delivery.sms import SmsSender
from shared.delivery.wechat import WeChatSender
from shared.kafka.consumer import Consumer
from shared.kafka.metrics import ConsumerMetrics
from shared.loops import Loop
from shared.settings import KafkaSettings

PER_MINUTE, BURST = 120, 60
"""Requests of one address to the pages; an office may share one."""
KEPT = (
    ("survey_tokens", "expires_at", "true", timedelta(0)),
    ("survey_contacts", "last_at", "true", timedelta(days=400)),
    ("survey_replies", "at", "true", timedelta(days=30)),
    ("deliveries", "finished_at", "true", timedelta(days=90)),
    ("survey_undeliverable", "at", "true", timedelta(days=180)),
    ("survey_addresses", "last_at", "true", timedelta(days=400)),
    ("survey_addresses", "last_at", "tenant NOT IN (SELECT id FROM tenants WHERE survey_addresses)", timedelta(0)),
)
"""A quarter and more of customers met, for the waves; of messages sent only as long as somebody may ask about one; an address that took
nothing is tried again after half a year."""
TO_ONE_GATEWAY = 16
"""Messages of one tenant on their way at a time, in one process."""
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, GIVE_UP_SECONDS = 5.0, 900.0, 3 * 86_400.0
"""A mail server that says "later" wants minutes, not seconds; nobody minds a survey a day late."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process serves and runs."""

    routers: list[APIRouter] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)


def survey_parts(
    settings: IngestSettings, kafka: KafkaSettings, sessions: Sessions, intake: Intake, tenants: Mapping[str, TenantRecord],
    registry: CollectorRegistry, clock: Clock, stack: AsyncExitStack,
) -> Parts:  # fmt: skip
    """Everything of the role; `stack` closes what is opened here."""
    database, public_url = settings.database, settings.public_url.rstrip("/")
    box = None if settings.secrets_key is None else SecretBox(settings.secrets_key, "HEARBACK_INGEST_SECRETS_KEY")
    network = GuardedNetwork(allow_private=settings.allow_private_addresses)
    stack.callback(network.close)
    senders = TenantsSenders(_senders(settings, clock, stack), box, network, clock, stack)
    reach = Reach(senders, Identities(tenants, settings.pseudonyms_master))
    events, visitors = SurveyEvents(intake, registry), Visitors(PER_MINUTE, BURST, settings.trusted_proxies)
    timers = [TimerMetrics(f"hearback_ingest_survey_{name}", registry) for name in ("invitations", "waves", "notes")]
    receivers = SurveyReceivers(reach, events, public_url)
    patience = settings.delivery_timeout_seconds
    policy = DeliveryPolicy(
        lease_seconds=2 * patience, timeout_seconds=patience, per_receiver=TO_ONE_GATEWAY, first_retry_seconds=FIRST_RETRY_SECONDS,
        retry_factor=2.0, longest_retry_seconds=LONGEST_RETRY_SECONDS, longest_retry_after_seconds=86_400.0,
        give_up_seconds=GIVE_UP_SECONDS,
    )  # fmt: skip
    consumed = ConsumerMetrics("ingest", registry)
    handler = SurveysHandler(reach, events)
    return Parts(
        routers=[
            survey_routes(sessions, clock),
            invitation_routes(sessions, events, reach, public_url, clock),
            sender_routes(sessions, box, network, clock),
            place_routes(sessions, public_url, clock),
            incentive_routes(sessions, clock),
            opt_out_routes(sessions, reach, clock),
            note_routes(sessions, clock),
            survey_pages(sessions, events, visitors, clock),
            place_pages(sessions, events, visitors, public_url, clock),
            form_pages(sessions, events, visitors, public_url, clock),
        ],
        loops=[
            Consumer(kafka=kafka, group=GROUP, live=LIVE, handler=handler, sessions=sessions, metrics=consumed, batch=BATCH,
                     gather_milliseconds=GATHER_MILLISECONDS),
            invitation_loop(database, sessions, events, reach, timers[0]),
            wave_loop(database, sessions, reach, timers[1]),
            note_loop(database, sessions, timers[2]),
            Pruning(sessions, KEPT, "survey pruning"),
            DeliveryLoop(database, sessions, receivers, DeliveryMetrics("ingest", registry), policy),
        ],
    )  # fmt: skip


def _senders(settings: IngestSettings, clock: Clock, stack: AsyncExitStack) -> Senders:
    mail = None if settings.smtp is None else MailSender(settings.smtp, clock)
    sms = None if settings.sms is None else SmsSender(settings.sms)
    wechat = None if settings.wechat is None else WeChatSender(settings.wechat)
    for sender in (sms, wechat):
        if sender is not None:
            stack.push_async_callback(sender.close)
    found: dict[Way, Sender | None] = {"email": mail, "sms": sms, "wechat": wechat}
    by_way = {way: sender for way, sender in found.items() if sender is not None}
    return Senders(by_way, dict.fromkeys(by_way, Pace("", settings.survey_messages_per_second)))

"""Puts channels together for ingest's process: the routes and loops of its roles `channels` and `pulls`."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from services.ingest.channels.directory import Directory
from services.ingest.channels.endpoints_api import channel_routes, endpoint_routes, try_routes
from services.ingest.channels.job import PullPolicy
from services.ingest.channels.kept_api import kept_routes
from services.ingest.channels.metrics import ChannelMetrics, PullMetrics
from services.ingest.channels.outgoing import VendorCalls
from services.ingest.channels.polls import Polls
from services.ingest.channels.pruning import Pruning
from services.ingest.channels.pulling import PullLoop
from services.ingest.channels.receiving import Receiver
from services.ingest.channels.tally import Tally
from services.ingest.channels.vendor_keys import VendorKeys
from services.ingest.channels.webhooks import webhook_routes
from services.ingest.intake import Intake
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.delivery.guard import GuardedNetwork
from shared.delivery.secrets import SecretBox
from shared.loops import Loop


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process serves and runs."""

    directory: Directory
    routers: list[APIRouter] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)


def channel_parts(
    roles: frozenset[str], settings: IngestSettings, sessions: Sessions, intake: Intake, registry: CollectorRegistry, clock: Clock,
    stack: AsyncExitStack,
) -> Parts:  # fmt: skip
    """Everything of these roles; `stack` closes what is opened here. Raises ConfigurationError for a key that is none."""
    box = None if settings.secrets_key is None else SecretBox(settings.secrets_key, "HEARBACK_INGEST_SECRETS_KEY")
    policy = PullPolicy()
    network = GuardedNetwork(allow_private=settings.allow_private_addresses)
    stack.callback(network.close)
    calls = VendorCalls(network, clock, policy.call_seconds)
    directory, tally = Directory(settings.database, sessions, box), Tally(sessions)
    parts = Parts(directory, loops=[directory, tally])
    if "channels" in roles:
        keys = VendorKeys(calls)
        receiver = Receiver(directory, intake, sessions, box, keys, tally, ChannelMetrics(registry), clock)
        stack.callback(receiver.close)
        parts.routers.extend((
            channel_routes(),
            endpoint_routes(sessions, clock, box, settings.public_url),
            try_routes(sessions, clock, box, settings.public_url, intake, keys),
            kept_routes(sessions, clock, box, intake),
            webhook_routes(receiver, settings, clock),
        ))  # fmt: skip
    if "pulls" in roles:
        pulls = PullLoop(settings.database, sessions, directory, intake, calls, box, tally, PullMetrics(registry), clock, policy)
        parts.loops.extend((Polls(sessions, directory, box, clock), pulls, Pruning(sessions)))
    return parts

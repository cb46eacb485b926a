"""Puts imports together for ingest's process: the routes and loops of its role `imports`."""

from collections.abc import Sequence

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from services.ingest.imports.api import PATH, import_routes
from services.ingest.imports.running import ImportMetrics
from services.ingest.imports.worker import ImportLoop
from services.ingest.intake import Intake
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.loops import Loop


def import_parts(
    settings: IngestSettings, sessions: Sessions, intake: Intake, registry: CollectorRegistry, clock: Clock
) -> tuple[APIRouter, Sequence[Loop]]:
    """Everything of the role."""
    metrics = ImportMetrics(registry)
    loops = [ImportLoop(number, settings, sessions, intake, metrics, clock) for number in range(1, settings.import_workers + 1)]
    return import_routes(sessions, clock, settings.import_bytes), loops


def large_bodies(settings: IngestSettings) -> dict[str, int]:
    """The path whose requests carry a file, and how large it may be."""
    return {PATH: settings.import_bytes}

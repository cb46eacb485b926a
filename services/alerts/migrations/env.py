"""Alembic's entry into alerts's history; `hearback migrate` calls it."""

from services.alerts.schema import metadata
from shared.database.migrations import run

run(metadata)

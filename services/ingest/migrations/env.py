"""Alembic's entry into ingest's history; `hearback migrate` calls it."""

from services.ingest.schema import metadata
from shared.database.migrations import run

run(metadata)

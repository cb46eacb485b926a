"""Alembic's entry into ingest's history; `hearback migrate` calls it. Every package's tables are on the one metadata."""

import services.ingest.surveys.schema  # noqa: F401 - adds its tables
from services.ingest.schema import metadata
from shared.database.migrations import run

run(metadata)

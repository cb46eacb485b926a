"""Alembic's entry into ingest's history; `hearback migrate` calls it. Every package's tables are on the one metadata."""

import services.ingest.channels.schema
import services.ingest.imports.schema
import services.ingest.surveys.schema  # noqa: F401 - they add their tables
from services.ingest.schema import metadata
from shared.database.migrations import run

run(metadata)

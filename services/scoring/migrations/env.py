"""Alembic's entry into scoring's history; `hearback migrate` calls it."""

from services.scoring.schema import metadata
from shared.database.migrations import run

run(metadata)

"""Alembic's entry into closed_loop's history; `hearback migrate` calls it."""

from services.closed_loop.schema import metadata
from shared.database.migrations import run

run(metadata)

"""What ingest can be told."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class IngestSettings(ServiceSettings):
    """Settings of ingest, from `HEARBACK_INGEST_…`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_INGEST_")

    port: int = 8001
    max_body_bytes: Annotated[int, Field(ge=1024)] = 5 * 1024 * 1024
    max_event_bytes: Annotated[int, Field(ge=1024, le=900 * 1024)] = 256 * 1024
    max_events_per_request: Annotated[int, Field(ge=1)] = 5000
    queue_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """What may wait for Kafka in memory; above it requests are refused with 503 at once."""
    remembered_ids: Annotated[int, Field(ge=0)] = 50_000
    """How many lately acknowledged ids a replica remembers, to tell a client of its repetitions."""

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
    """Of a request's body, unpacked. NDJSON beyond it is taken as a stream, up to `max_stream_bytes`."""
    max_stream_bytes: Annotated[int, Field(ge=1024)] = 4 * 1024**3
    max_decompression_ratio: Annotated[float, Field(ge=1)] = 100.0
    max_event_bytes: Annotated[int, Field(ge=1024, le=900 * 1024)] = 256 * 1024
    max_events_per_request: Annotated[int, Field(ge=1)] = 5000
    bodies_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """What the bodies of all requests may take in memory together; above it large requests are refused with 503."""
    body_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long the next piece of a body may let itself be waited for."""
    events_per_second_per_key: Annotated[float, Field(gt=0)] = 100_000.0
    events_per_second_per_tenant: Annotated[float, Field(gt=0)] = 200_000.0
    """Of one replica, on average; above it requests are refused with 429, and streams are read more slowly."""
    burst_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long nothing has to come for so many seconds' worth to be taken at once."""
    stream_patience_seconds: Annotated[float, Field(ge=0)] = 30.0
    """How long a stream waits for a Kafka that takes nothing, before it is answered how far it came."""
    queue_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """What may wait for Kafka in memory; above it requests are refused with 503 at once."""
    bulk_bytes: Annotated[int, Field(ge=64 * 1024)] = 1024 * 1024
    """The share of the queue that history, imports and streams have together, so that single events do not wait behind them."""
    remembered_ids: Annotated[int, Field(ge=0)] = 50_000
    """How many lately acknowledged ids a replica remembers, to tell a client of its repetitions."""

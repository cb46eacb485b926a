"""What ingest can be told."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.delivery.mail import SmtpServer
from shared.delivery.sms import SmsGateway
from shared.delivery.wechat import WeChatAccount
from shared.errors import ConfigurationError
from shared.settings import ServiceSettings, load


class IngestSettings(ServiceSettings):
    """Settings of ingest, from `HEARBACK_INGEST_…`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_INGEST_")

    port: int = 8001
    environment: Literal["production", "development"] = "development"
    public_url: str = "http://127.0.0.1:8001"
    """Where vendors and customers reach this service from without: stands in the URLs that are given out, and some vendors sign it."""
    secrets_key: SecretStr | None = None
    """Fernet keys, with commas between them, that seal the secrets of endpoints. Without one no endpoint can be made."""
    allow_private_addresses: bool = False
    """Whether what customers configure to be called may lie at private, loopback or link-local addresses; never in production."""
    trusted_proxies: Annotated[int, Field(ge=0)] = 0
    """How many of our own proxies stand in front of the survey pages and write X-Forwarded-For; by it the rates of visitors are told."""
    smtp: SmtpServer | None = None
    """Sends survey invitations: HEARBACK_INGEST_SMTP__HOST, __PORT, __SENDER, __ENCRYPTION, __USERNAME, __PASSWORD."""
    delivery_timeout_seconds: Annotated[float, Field(gt=0)] = 15.0
    """A mail server or gateway has so long to answer. After twice as long a message whose sender has died is sent by another."""
    survey_messages_per_second: Annotated[float, Field(gt=0)] = 20.0
    """What the mail server, gateway and account here take of surveys, each; of all replicas and of all tenants that have none of their
    own."""
    sms: SmsGateway | None = None
    """HEARBACK_INGEST_SMS__KIND (twilio or http), __SENDER, __URL, __ACCOUNT, __TOKEN."""
    wechat: WeChatAccount | None = None
    """HEARBACK_INGEST_WECHAT__APPID, __SECRET, __TEMPLATE, __FIELDS (JSON), __URL."""
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
    requests_per_second_per_endpoint: Annotated[float, Field(gt=0)] = 500.0
    """Of a channel's endpoint at one replica, on average, proven or not; above it vendors are answered 429."""
    burst_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long nothing has to come for so many seconds' worth to be taken at once."""
    stream_patience_seconds: Annotated[float, Field(ge=0)] = 30.0
    """How long a stream waits for a Kafka that takes nothing, before it is answered how far it came."""
    queue_bytes: Annotated[int, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """What may wait for Kafka in memory; above it requests are refused with 503 at once."""
    bulk_bytes: Annotated[int, Field(ge=64 * 1024)] = 1024 * 1024
    """The share of the queue that history, imports and streams have together, so that single events do not wait behind them."""
    import_bytes: Annotated[int, Field(ge=1024)] = 1024**3
    """Of one file to be imported. It lies in PostgreSQL until its import has ended."""
    import_unpacked_bytes: Annotated[int, Field(ge=1024)] = 4 * 1024**3
    """Of what an XLSX file unpacks to."""
    import_workers: Annotated[int, Field(ge=1, le=8)] = 2
    """Imports that one process works on at a time."""
    import_lease_seconds: Annotated[float, Field(ge=2)] = 30.0
    """An import whose worker was silent for so long is gone on with by another."""
    pseudonyms_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """What the pseudonyms of tenants that want them are made with. The same on every replica, and kept: with another one nobody is known
    again. Without one no tenant can have pseudonyms."""
    remembered_ids: Annotated[int, Field(ge=0)] = 50_000
    """How many lately acknowledged ids a replica remembers, to tell a client of its repetitions."""

    @property
    def pseudonyms_master(self) -> bytes | None:
        """The key as bytes."""
        return None if self.pseudonyms_key is None else self.pseudonyms_key.get_secret_value().encode()


def load_settings() -> IngestSettings:
    """Read the settings. Raises ConfigurationError, also for what production must not have."""
    settings = load(IngestSettings)
    if settings.environment == "production" and settings.allow_private_addresses:
        raise ConfigurationError(
            "HEARBACK_INGEST_ALLOW_PRIVATE_ADDRESSES=true is refused in production: endpoints could reach into this network; "
            "unset it, or set HEARBACK_INGEST_ENVIRONMENT=development"
        )
    return settings

"""Settings that several services share, and how any settings class is loaded. The environment is read here and nowhere else."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError


class Settings(BaseSettings):
    """The root of every settings class: frozen, nothing unknown, prefix given by the subclass."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_nested_delimiter="__")


class KafkaSettings(Settings):
    """How to reach Kafka, local or managed, and the waits that the fault tests shorten."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_KAFKA_")

    bootstrap: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_file: Path | None = None
    ssl_cert_file: Path | None = None
    ssl_key_file: Path | None = None

    replication: Annotated[int, Field(ge=1)] = 1
    min_insync_replicas: Annotated[int, Field(ge=1)] = 1
    topic_partitions: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Partitions of single topics, by name, where the table in shared.contracts.topics does not fit."""

    request_timeout_seconds: Annotated[float, Field(gt=0)] = 40.0
    """How long the client library tries to get one request answered; callers of ours are refused earlier, after five seconds."""
    session_timeout_seconds: Annotated[float, Field(gt=0)] = 15.0
    """A consumer that was killed loses its partitions to the others after this; brokers allow 6 s and more unless told otherwise."""
    max_poll_interval_seconds: Annotated[float, Field(gt=0)] = 60.0
    """A consumer that lives but no longer asks for records loses its partitions after this."""


class DatabaseSettings(BaseModel):
    """One service's PostgreSQL. `url` is `postgresql://user:password@host:port/database`."""

    model_config = {"frozen": True}

    url: SecretStr
    pool_size: Annotated[int, Field(ge=1)] = 8
    transaction_timeout_seconds: float = 15.0
    leadership_idle_seconds: float = 10.0


class ServiceSettings(Settings):
    """What every service is told; its own class adds the prefix `HEARBACK_<SERVICE>_` and what only it needs."""

    host: str = "127.0.0.1"
    port: int
    database_url: SecretStr
    database_pool_size: Annotated[int, Field(ge=1)] = 8
    transaction_timeout_seconds: Annotated[float, Field(gt=0)] = 15.0
    """The server itself ends a transaction that takes longer, so that a process that was stopped in it holds its locks no longer."""
    leadership_idle_seconds: Annotated[float, Field(ge=3)] = 10.0
    """Who relays or publishes and was silent for so long has lost that office. At least 3: a holder speaks every two seconds."""
    drain_seconds: float = 20.0
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def database(self) -> DatabaseSettings:
        """The part that shared.database takes."""
        return DatabaseSettings(
            url=self.database_url,
            pool_size=self.database_pool_size,
            transaction_timeout_seconds=self.transaction_timeout_seconds,
            leadership_idle_seconds=self.leadership_idle_seconds,
        )


class TracingSettings(Settings):
    """Whether OpenTelemetry traces are wanted, by its standard variables; the SDK reads all others of these itself.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """

    model_config = SettingsConfigDict(env_prefix="OTEL_", env_ignore_empty=True)

    sdk_disabled: bool = False
    traces_exporter: Literal["otlp", "none"] = "otlp"
    exporter_otlp_endpoint: str | None = None
    exporter_otlp_traces_endpoint: str | None = None
    exporter_otlp_protocol: str = "http/protobuf"
    exporter_otlp_traces_protocol: str | None = None

    @property
    def on(self) -> bool:
        """Whether a collector is named and nothing forbids sending to it."""
        named = self.exporter_otlp_traces_endpoint or self.exporter_otlp_endpoint
        return named is not None and self.traces_exporter == "otlp" and not self.sdk_disabled

    @property
    def protocol(self) -> str:
        """How the collector is to be spoken to."""
        return self.exporter_otlp_traces_protocol or self.exporter_otlp_protocol


S = TypeVar("S", bound=Settings)


def load(settings: type[S]) -> S:
    """Read one settings class from the environment.

    Raises ConfigurationError in one line that names the variable and what it should hold, never its value.
    """
    try:
        return settings()
    except ValidationError as refused:
        prefix = settings.model_config.get("env_prefix", "")
        problems = "; ".join(
            f"{prefix}{'__'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in refused.errors(include_input=False)
        )
        raise ConfigurationError(f"cannot start, correct the environment: {problems}") from None

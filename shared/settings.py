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

    request_timeout_seconds: float = 40.0
    session_timeout_seconds: float = 15.0
    max_poll_interval_seconds: float = 60.0


class DatabaseSettings(BaseModel):
    """One service's PostgreSQL. `url` is `postgresql://user:password@host:port/database`."""

    model_config = {"frozen": True}

    url: SecretStr
    pool_size: Annotated[int, Field(ge=1)] = 8
    transaction_timeout_seconds: float = 15.0


class ServiceSettings(Settings):
    """What every service is told; its own class adds the prefix `HEARBACK_<SERVICE>_` and what only it needs."""

    host: str = "127.0.0.1"
    port: int
    database_url: SecretStr
    database_pool_size: Annotated[int, Field(ge=1)] = 8
    transaction_timeout_seconds: float = 15.0
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
        )


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

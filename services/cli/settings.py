"""Where the local stack listens and what it uses instead of starting its own, read from the environment once by `hearback up`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings

SERVICES = ("ingest", "scoring", "closed_loop", "alerts")
ServiceName = StrEnum("ServiceName", {name: name for name in SERVICES})  # type: ignore[misc]
"""What `serve` and `migrate` take."""

Port = Annotated[int, Field(ge=1, le=65535)]


class LocalSettings(Settings):
    """The local stack; every value has a default that works on a machine with nothing on it."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_")

    ingest_port: Port = 8001
    scoring_port: Port = 8002
    closed_loop_port: Port = 8003
    alerts_port: Port = 8004
    local_kafka_port: Port = 9092
    local_kafka_controller_port: Port = 9093
    local_postgres_port: Port = 54320
    local_maven_repository: str | None = None
    """The address of a Maven repository to use instead of the default one, for instance a mirror inside a company."""

    kafka_bootstrap: str | None = None
    ingest_database_url: SecretStr | None = None
    scoring_database_url: SecretStr | None = None
    closed_loop_database_url: SecretStr | None = None
    alerts_database_url: SecretStr | None = None
    ingest_public_url: str | None = None
    ingest_secrets_key: SecretStr | None = None
    ingest_pseudonyms_key: SecretStr | None = None
    alerts_secrets_key: SecretStr | None = None

    simulate: bool = Field(default=True, validation_alias=AliasChoices("SIMULATE", "HEARBACK_SIMULATE"))
    java_home: Path | None = Field(default=None, validation_alias="JAVA_HOME")
    xdg_cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")

    @property
    def cache(self) -> Path:
        """Where downloads are kept, shared by all checkouts of this user."""
        return (self.xdg_cache_home or Path.home() / ".cache") / "hearback"

    def port_of(self, service: str) -> int:
        """The port that a service listens on."""
        port: int = getattr(self, f"{service}_port")
        return port

    def database_url_of(self, service: str) -> str | None:
        """The database named in the environment for a service, with its password; None: a local one is wanted."""
        url: SecretStr | None = getattr(self, f"{service}_database_url")
        return url.get_secret_value() if url else None

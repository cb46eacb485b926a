"""What alerts can be told."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.delivery.mail import SmtpServer
from shared.errors import ConfigurationError
from shared.settings import ServiceSettings, load


class AlertsSettings(ServiceSettings):
    """Settings of alerts, from `HEARBACK_ALERTS_…`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_ALERTS_")

    port: int = 8004
    environment: Literal["production", "development"] = "development"
    allow_private_receivers: bool = False
    """Whether receivers may lie at private, loopback or link-local addresses; never in production."""
    secrets_key: SecretStr | None = None
    """Fernet keys, with commas between them, that seal the secrets of receivers. Without one no webhook can be made."""
    configuration: Path | None = None
    """A folder of `<tenant>.yaml` with rules, routes and receivers."""
    external_url: str = "http://127.0.0.1:8004"
    """Where people reach this API; stands in notifications."""
    no_samples_seconds: Annotated[float, Field(ge=1)] = 90.0
    """No sample of any series for so long means that scoring is behind."""
    delivery_timeout_seconds: Annotated[float, Field(gt=0)] = 15.0
    """A receiver has so long to answer. After twice as long a delivery whose sender has died is sent by another."""
    smtp: SmtpServer | None = None
    """HEARBACK_ALERTS_SMTP__HOST, __PORT, __SENDER, __ENCRYPTION, __USERNAME, __PASSWORD."""


def load_settings() -> AlertsSettings:
    """Read the settings. Raises ConfigurationError, also for what production must not have."""
    settings = load(AlertsSettings)
    if settings.environment == "production" and settings.allow_private_receivers:
        raise ConfigurationError(
            "HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS=true is refused in production: receivers could reach into this network; "
            "unset it, or set HEARBACK_ALERTS_ENVIRONMENT=development"
        )
    return settings

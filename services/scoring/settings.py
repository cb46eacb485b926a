"""What scoring can be told."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ScoringSettings(ServiceSettings):
    """Settings of scoring, from `HEARBACK_SCORING_…`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_SCORING_")

    port: int = 8002

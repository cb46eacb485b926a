"""What closed_loop can be told."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ClosedLoopSettings(ServiceSettings):
    """Settings of closed_loop, from `HEARBACK_CLOSED_LOOP_…`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_CLOSED_LOOP_")

    port: int = 8003

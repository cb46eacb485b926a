"""What closed_loop can be told."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ClosedLoopSettings(ServiceSettings):
    """Settings of closed_loop, from `HEARBACK_CLOSED_LOOP_…`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_CLOSED_LOOP_")

    port: int = 8003
    timers_wait_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How long what is due waits at most for events that stand unread in the log and may answer it, after a start too."""

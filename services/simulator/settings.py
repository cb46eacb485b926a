"""Where a client of the public API posts to when it is not the stack that runs here."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class ClientSettings(Settings):
    """Set both to post to another installation: `HEARBACK_INGEST_URL` and `HEARBACK_KEY`."""

    model_config = SettingsConfigDict(env_prefix="HEARBACK_")

    ingest_url: str | None = None
    key: SecretStr | None = None

"""Where commands post to: the stack that runs here, or another installation that the environment names."""

import httpx

from services.cli.stack.stack_file import StackFile
from services.simulator.settings import ClientSettings
from shared.errors import ConfigurationError
from shared.settings import load

TIMEOUT_SECONDS = 30.0


def public_api(stack: StackFile | None) -> httpx.AsyncClient:
    """A client of ingest with a key. Raises ConfigurationError when neither a stack nor the environment gives both."""
    settings = load(ClientSettings)
    url, key = settings.ingest_url, settings.key.get_secret_value() if settings.key else None
    if stack is not None and "ingest" in stack.services:
        url = url or stack.services["ingest"].url
    if stack is not None and stack.demo is not None and settings.ingest_url is None:  # a key of ours is told to no other installation
        key = key or stack.demo.key
    if url is None or key is None:
        raise ConfigurationError("no stack runs here: start it with `make run`, or set HEARBACK_INGEST_URL and HEARBACK_KEY")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError("HEARBACK_INGEST_URL must begin with http:// or https://")
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_SECONDS)

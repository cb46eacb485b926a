"""How endpoints and channels are shown to people: with the address, and with what to do at the vendor."""

from functools import reduce
from typing import Any
from urllib.parse import urlsplit

from services.ingest.adapters.adapter import Adapter
from services.ingest.channels.endpoint import Misconfigured, StoredEndpoint, open_endpoint
from services.ingest.channels.forms import ChannelView, EndpointView
from shared.delivery.secrets import SecretBox

_HERE = ("127.0.0.1", "localhost", "::1")
_ONLY_HERE = "First let the operator set HEARBACK_INGEST_PUBLIC_URL: the address below is reached from this machine alone"


def shown(endpoint: StoredEndpoint, adapter: Adapter[Any, Any], public_url: str, box: SecretBox | None) -> dict[str, Any]:
    """The fields of an EndpointView."""
    url = None if adapter.receive is None else f"{public_url.rstrip('/')}/v1/channels/{endpoint.channel}/{endpoint.id}"
    fields = {name: getattr(endpoint, name) for name in EndpointView.model_fields if hasattr(endpoint, name)}
    former = [one.valid_until for one in endpoint.secrets if one.valid_until is not None]
    known = {"{url}": url or "", "{public}": public_url.rstrip("/"), "{id}": endpoint.id}
    setup = [reduce(lambda text, name: text.replace(name, known[name]), known, line) for line in adapter.setup]
    if urlsplit(public_url).hostname in _HERE and any(known["{public}"] in line for line in setup):
        setup.insert(0, _ONLY_HERE)
    told = {"title": adapter.title, "url": url, "setup": setup, "unsigned_body": adapter.unsigned_body, "error": _error(endpoint, box)}
    return {**fields, **told, "options": dict(endpoint.options), "former_secrets_until": max(former, default=None)}


def _error(endpoint: StoredEndpoint, box: SecretBox | None) -> str | None:
    try:
        open_endpoint(endpoint, box)
    except Misconfigured as wrong:
        return str(wrong)
    return None


def channel_view(adapter: Adapter[Any, Any]) -> ChannelView:
    """An adapter as a console draws it."""
    return ChannelView(
        name=adapter.name,
        title=adapter.title,
        webhook=adapter.receive is not None,
        polled=adapter.poll is not None,
        unsigned_body=adapter.unsigned_body,
        setup=list(adapter.setup),
        secrets=adapter.secrets.model_json_schema(),
        options=adapter.options.model_json_schema(),
    )

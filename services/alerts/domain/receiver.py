"""Who is told, and how. Secrets are in a document only on its way in; what is stored and shown has none."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from services.alerts.domain.rule import Document, RuleId, refusal, refuse
from shared.contracts.fields import Email


def _http(url: str) -> str:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        named = None
    if not named:
        refuse("url", "must begin with http:// or https:// and name a host")
    return url


class WebhookReceiver(Document):
    """Posts Alertmanager's webhook body, signed as Standard Webhooks wants it; several secrets during a rotation."""

    receiver: RuleId
    kind: Literal["webhook"]
    url: Annotated[str, Field(max_length=2048), AfterValidator(_http)]
    secrets: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=4)] = ()
    send_resolved: bool = True


class EmailReceiver(Document):
    """Writes to people."""

    receiver: RuleId
    kind: Literal["email"]
    to: Annotated[tuple[Email, ...], Field(min_length=1, max_length=50)]
    send_resolved: bool = True


Receiver = WebhookReceiver | EmailReceiver
_ADAPTER: TypeAdapter[Receiver] = TypeAdapter(Annotated[Receiver, Field(discriminator="kind")])


def read_receiver(document: object) -> Receiver:
    """A receiver from its document. Raises RuleRefused."""
    try:
        return _ADAPTER.validate_python(document)
    except ValidationError as refused:
        raise refusal(refused) from None


def without_secrets(receiver: Receiver) -> dict[str, Any]:
    """The document as it is stored and shown."""
    return {name: value for name, value in receiver.dump().items() if name != "secrets"}

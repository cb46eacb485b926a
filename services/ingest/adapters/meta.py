"""What Facebook Pages, Instagram, Messenger and WhatsApp share: the signature over the raw bytes, the check of a URL, batches of changes.

Meta signs the body in the form in which it sends it, with \\uXXXX escapes: a body that was parsed and written again does not hold. There
is no timestamp in the signature; a repetition is known by its ids.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field

from services.ingest.adapters.adapter import Answer, Form, NotProven, Request, Unreadable
from services.ingest.adapters.forms import query
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import check_hmac, check_token

GRAPH = "https://graph.facebook.com/v23.0"

_MILLISECONDS_BEGIN = 100_000_000_000
"""As seconds the year 5138, as milliseconds 1973."""
_ID = re.compile(r"[0-9_]{1,128}")


class MetaSecrets(Form):
    """What Meta signs with, and what it repeats when it checks the URL."""

    app_secret: Annotated[str, Field(min_length=1, max_length=256, description="In the App Dashboard: App settings, Basic, App secret")]
    verify_token: Annotated[str, Field(min_length=1, max_length=256, description="Any text of your own; type the same at Meta, see setup")]


class Change(NamedTuple):
    """One change of a batch: which account of ours it concerns, what kind of change, its content, and when Meta sent it."""

    account: str
    field: str
    value: Node
    sent_at: datetime | None


def challenged(request: Request, secrets: Sequence[MetaSecrets]) -> Answer | None:
    """The answer to Meta's check of the URL; None when the request is not one. Raises NotProven for a foreign token."""
    if request.method != "GET":
        return None
    with proving():
        asked = query(request.url)
        check_token(asked["hub.verify_token"].text(), (secret.verify_token for secret in secrets))
        challenge = asked["hub.challenge"].text()
    if asked["hub.mode"].text() != "subscribe" or challenge is None:
        raise NotProven("no_challenge")
    return Answer(body=challenge.encode())


def verified(request: Request, secrets: Sequence[MetaSecrets], kind: str) -> Node:
    """The body of a signed request about objects of that kind."""
    keys = (secret.app_secret.encode() for secret in secrets)
    check_hmac(request.headers.get("x-hub-signature-256"), request.body, keys, prefix="sha256=")
    body = json_body(request.body)
    if body["object"].text() != kind:
        raise Unreadable(f"object should be {kind}: this endpoint was subscribed to something else")
    return body


def changes(entry: Node) -> Iterator[Change]:
    """The changes of an entry, in both shapes: a list, and with Instagram Login one field and value flat in the entry."""
    account, at = entry["id"].id() or "", sent_at(entry)
    for change in [*entry["changes"], entry] if entry["field"].here else entry["changes"]:
        yield Change(account, change["field"].text() or "", change["value"], at)


def sent_at(entry: Node) -> datetime | None:
    """When Meta sent an entry: in seconds for changes, in milliseconds for messages."""
    number = entry["time"].number()
    return entry["time"].epoch(1 if number is None or abs(number) < _MILLISECONDS_BEGIN else 1000)


def graph_id(node: Node) -> str:
    """An id fit for the path of a call. Raises Unreadable."""
    return node.required_like(_ID, "an id of digits")

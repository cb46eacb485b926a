"""Trustpilot's webhook: batches of service reviews written, changed and deleted. Nothing is signed.

https://support.trustpilot.com/hc/en-us/community/posts/10109980750738
"""

from services.ingest.adapters.adapter import Adapter, Endpoint, NoOptions, Outcome, Request
from services.ingest.adapters.conversations import LAST_REVISION, REMOVED, of
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.reviews import reviewed
from services.ingest.adapters.times import revision
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

_CREATED, _UPDATED, _DELETED = "service-review-created", "service-review-updated", "service-review-deleted"
_KEY_LENGTH = 64
_MOST_TAGS = 64


def receive(request: Request, endpoint: Endpoint[TokenSecrets, NoOptions]) -> Outcome:
    """Each review one `comment_posted`, known by its id."""
    check_sent_token(request, endpoint.secrets)
    return gathered(_found(event, request, endpoint) for event in json_body(request.body)["events"])


def _found(event: Node, request: Request, endpoint: Endpoint[TokenSecrets, NoOptions]) -> Found:
    name, review = event["eventName"].text(), event["eventData"]
    if name not in (_CREATED, _UPDATED, _DELETED):
        return "other_event"
    id, consumer = review["id"].required_id(), review["consumer"]
    at = review["createdAt"].iso(endpoint.zone) or request.at
    customer = of("trustpilot", consumer["id"].id())
    if name == _DELETED:
        return reviewed(id, at, None, REMOVED, customer=present(id=customer), revision=LAST_REVISION)
    changed_at = review["updatedAt"].iso(endpoint.zone)
    return reviewed(
        id,
        at,
        review["stars"].number(),
        review["title"].text(),
        review["text"].text(),
        customer=present(id=customer, name=consumer["name"].name()),
        author=consumer["name"].name(),
        url=review["link"].text(2048),
        language=review["language"].language(),
        interaction_id=review["referenceId"].id(),
        touchpoint=review["locationId"].name(),
        tags=_tags(review["tags"]),
        revision=_version(name, None if changed_at is None else revision(changed_at)),
    )


def _version(name: str | None, changed: int | None) -> int | None:
    """A change comes after the review itself, whichever arrives first."""
    return changed if name == _CREATED else changed or 2


def _tags(tags: Node) -> dict[str, str]:
    pairs = ((tag["group"].text(_KEY_LENGTH), tag["value"].name()) for tag in tags)
    return dict([(group, value) for group, value in pairs if group and value][:_MOST_TAGS])


ADAPTER = Adapter(
    name="trustpilot",
    title="Trustpilot",
    secrets=TokenSecrets,
    options=NoOptions,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In Trustpilot Business open Integrations, Developers, Webhooks, and add {url}?token=<the token of this endpoint> "
        "for service reviews created, updated and deleted",
        "Send your order's number as the reference id of invitations, so that reviews find their order",
        "Test: Send test notification in Trustpilot; the answer must be 200",
    ),
)

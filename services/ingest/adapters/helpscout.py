"""Help Scout's satisfaction ratings: Great, Okay or Bad. Signed over the body with SHA-1, without a timestamp.

https://developer.helpscout.com/webhooks/
"""

from typing import Annotated

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, NoOptions, Outcome, Request
from services.ingest.adapters.conversations import of
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, full_name, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.scales import GREAT_OKAY_BAD, worded
from services.ingest.adapters.signatures import base64_text, check_hmac


class Secrets(Form):
    """What Help Scout signs with."""

    secret_key: Annotated[
        str, Field(min_length=1, max_length=256, description="The webhook's secret key; in Help Scout: Manage, Apps, Webhooks")
    ]


def receive(request: Request, endpoint: Endpoint[Secrets, NoOptions]) -> Outcome:
    """One rating, known by its id, revised when it is modified. Help Scout's other events carry no rating."""
    keys = (secrets.secret_key.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("x-helpscout-signature"), request.body, keys, "sha1", written=base64_text)
    return gathered([_rating(json_body(request.body), request, endpoint)])


def _rating(body: Node, request: Request, endpoint: Endpoint[Secrets, NoOptions]) -> Found:
    points = worded(GREAT_OKAY_BAD, body["rating"].name())
    if points is None:
        return "no_answer"
    created = body["createdAt"].iso(endpoint.zone)
    modified = body["modifiedAt"].iso(endpoint.zone)
    customer = body["customer"]
    data = present(
        channel="email",
        survey="satisfaction_rating",
        interaction_id=body["ticketId"].id(),
        customer=present(
            id=of("helpscout", customer["id"].id()),
            email=customer["emails"][0]["value"].email(),
            name=full_name(customer["firstName"], customer["lastName"]),
        ),
        team=body["mailbox"]["name"].name(),
        answers=[{"question": "satisfaction", "instrument": "csat", **points}],
        comment=body["comments"].text(),
        revision=times.revision(modified or created or request.at),
    )
    return ChannelEvent("feedback.survey_answered.v1", body["id"].required_id(), created or modified or request.at, data)


ADAPTER = Adapter(
    name="helpscout",
    title="Help Scout",
    secrets=Secrets,
    options=NoOptions,
    receive=receive,
    setup=(
        "In Help Scout: Manage, Apps, Webhooks, Install, and enter the callback URL {url}",
        "Choose a secret key and enter the same here; the event is Satisfaction ratings",
        "Test: send yourself a reply with the ratings and rate it; the rating is here within a minute",
    ),
)

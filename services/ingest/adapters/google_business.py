"""Reviews of a Google Business Profile: Pub/Sub pushes that there is one, and its words are pulled.

https://developers.google.com/my-business/content/notification-setup, /reference/rest/v4/accounts.locations.reviews
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import (
    Adapter,
    Call,
    ChannelEvent,
    Endpoint,
    Fetch,
    Http,
    NoOptions,
    Outcome,
    Pulled,
    Request,
)
from services.ingest.adapters.conversations import replied
from services.ingest.adapters.google import RefreshToken, token_of_consent
from services.ingest.adapters.google_push import check_push, push_keys, pushed
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.reviews import REVIEW, reviewed
from services.ingest.adapters.scales import STAR_WORDS, worded
from services.ingest.adapters.times import revision

_API = "https://mybusiness.googleapis.com/v4"
_REVIEW = re.compile(r"accounts/[A-Za-z0-9_-]{1,64}/locations/([A-Za-z0-9_-]{1,64})/reviews/([A-Za-z0-9_-]{1,200})")
_EVENTS = ("NEW_REVIEW", "UPDATED_REVIEW")
_UNTRANSLATED = "(Original)\n"


class Secrets(RefreshToken):
    """What proves the push, and what opens the reviews."""

    audience: Annotated[str, Field(min_length=1, max_length=512, description="The audience of the push subscription, any text of your own")]
    account: Annotated[
        str, Field(min_length=3, max_length=320, description="The address of the service account that the subscription signs as")
    ]


def keys(request: Request, _: Endpoint[Secrets, NoOptions]) -> Call | None:
    """Google's public keys."""
    return push_keys(request)


def receive(request: Request, endpoint: Endpoint[Secrets, NoOptions]) -> Outcome:
    """A new or changed review becomes a fetch of it."""
    check_push(request, ((secrets.audience, secrets.account) for secrets in endpoint.secrets))
    news = pushed(request)
    kind = news["notificationType"].text() or news["notification_type"].text()
    if kind not in _EVENTS:
        return Outcome(passed_over={"other_event": 1})
    name = news["reviewName"] if news["reviewName"].here else news["review_name"]
    review = name.required_like(_REVIEW, "accounts/…/locations/…/reviews/…")
    return Outcome(fetches=[Fetch(f"review:{review}", {"review": review})])


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, NoOptions], http: Http, _: datetime) -> Pulled:
    """The review as it stands now, and the company's reply."""
    name = fetch.arguments["review"]
    token = await token_of_consent(endpoint.secrets[0], http)
    reply = await http(Call("GET", f"{_API}/{name}", {"authorization": f"Bearer {token}", "accept": "application/json"}))
    return Pulled(_events(json_body(reply.body), name, endpoint))


def _events(review: Node, name: str, endpoint: Endpoint[Secrets, NoOptions]) -> list[ChannelEvent]:
    location, id = _REVIEW.fullmatch(name).groups()  # type: ignore[union-attr]  # checked when it was asked for
    at = review["createTime"].iso(endpoint.zone) or review["createTime"].wrong("a time")
    changed_at = review["updateTime"].iso(endpoint.zone) or at
    stars = worded(STAR_WORDS, review["starRating"].text()) or {}
    reviewer = review["reviewer"]
    events = [
        reviewed(
            id,
            at,
            stars.get("score"),
            _original(review["comment"].text()),
            author=None if reviewer["isAnonymous"].boolean() else reviewer["displayName"].name(),
            touchpoint=location,
            revision=revision(changed_at),
        )
    ]
    if text := _original(review["reviewReply"]["comment"].text()):
        replied_at = review["reviewReply"]["updateTime"].iso(endpoint.zone) or changed_at
        own = f"{id}/reply"
        events.append(replied(own, replied_at, text, thread=id, channel=REVIEW, touchpoint=location, revision=revision(replied_at)))
    return events


def _original(text: str | None) -> str | None:
    """The words themselves, where Google puts its own translation before them."""
    before, found, after = (text or "").partition(_UNTRANSLATED)
    return after.strip() if found and before.startswith("(Translated by Google)") else text


ADAPTER = Adapter(
    name="google_business",
    title="Google Business Profile reviews",
    secrets=Secrets,
    options=NoOptions,
    receive=receive,
    pull=pull,
    keys=keys,
    unsigned_body=True,
    setup=(
        "In Google Cloud make a Pub/Sub topic; let mybusiness-api-pubsub@system.gserviceaccount.com publish to it",
        "Make a push subscription to {url} with authentication on: choose a service account and an audience, "
        "and give both to this endpoint",
        "Make an OAuth client and consent, as a manager of the profile, to "
        "https://www.googleapis.com/auth/business.manage with offline access",
        "Switch notifications on: PATCH https://mybusinessnotifications.googleapis.com/v1/accounts/<id>/notificationSetting "
        "with the topic, NEW_REVIEW and UPDATED_REVIEW",
        "Test: write a review of one of your places; the endpoint shows the fetch, and within seconds the review",
    ),
)

"""Freshdesk: satisfaction ratings, by an automation whose body the administrator writes, or from its API.

An automation tells words (Extremely happy) and no time; the API tells points from -103 to 103, every question, and when it was changed.
Use one of the two for one Freshdesk, or ratings count twice. https://developers.freshdesk.com/api/#satisfaction-ratings
"""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Http, Outcome, Poll, Pulled, Request
from services.ingest.adapters.conversations import of
from services.ingest.adapters.gathering import readable
from services.ingest.adapters.generic import Events, Options, received
from services.ingest.adapters.mapping import Asked, EventMapping, Source
from services.ingest.adapters.node import Node, id_of, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.scales import HAPPINESS, worded
from services.ingest.adapters.schemes import HeaderToken, Scheme, SchemeSecrets
from services.ingest.adapters.times import revision

_PAGE = 100
_AGAIN = timedelta(days=1)
"""How far each round reaches back behind the last one, for ratings that were changed."""
_WORDS = {
    **{
        "extremely happy": 7.0,
        "very happy": 6.0,
        "happy": 5.0,
        "neutral": 4.0,
        "unhappy": 3.0,
        "very unhappy": 2.0,
        "extremely unhappy": 1.0,
    },
    **{points: float(step) for points, step in HAPPINESS[2].items()},
}
_RATED = EventMapping(
    type="feedback.survey_answered",
    id=("$.freshdesk_webhook.ticket_id", "$.freshdesk_webhook.triggered_event"),
    fields={
        "channel": Source(value="web"),
        "survey": Source(value="freshdesk_satisfaction"),
        "interaction_id": "$.freshdesk_webhook.ticket_id",
        "customer.email": "$.freshdesk_webhook.requester_email",
        "customer.name": "$.freshdesk_webhook.requester_name",
        "comment": "$.freshdesk_webhook.ticket_satisfaction_survey_comment",
    },
    answers=(
        Asked(
            question="satisfaction",
            instrument="csat",
            scale_min=1,
            scale_max=7,
            path="$.freshdesk_webhook.ticket_satisfaction_rating",
            points=_WORDS,
        ),
    ),
)


class FreshdeskSecrets(SchemeSecrets):
    """What the automation proves itself with, and the key to the API."""

    api_key: Annotated[str | None, Field(max_length=256, description="Profile settings, View API key; only to ask the API")] = None


class FreshdeskOptions(Options):
    """The mapping of the automation's body, and where the API is."""

    scheme: Scheme = HeaderToken()
    events: Events = (_RATED,)
    domain: Annotated[
        str | None,
        Field(pattern=r"^[a-z0-9-]{1,63}\.freshdesk\.com$", description="acme.freshdesk.com; with an API key ratings are asked for"),
    ] = None
    every_minutes: Annotated[int, Field(ge=5, le=1440, description="How often to ask")] = 15


def receive(request: Request, endpoint: Endpoint[FreshdeskSecrets, FreshdeskOptions]) -> Outcome:
    """A rating by an automation, through the mapping."""
    return received(request, endpoint.options, endpoint.secrets, endpoint.zone)


def poll(endpoint: Endpoint[FreshdeskSecrets, FreshdeskOptions]) -> list[Poll]:
    """The satisfaction ratings, where the API may be asked."""
    may = endpoint.options.domain is not None and endpoint.secrets[0].api_key is not None
    return [Poll(Fetch("ratings"), endpoint.options.every_minutes * 60)] if may else []


async def pull(fetch: Fetch, endpoint: Endpoint[FreshdeskSecrets, FreshdeskOptions], http: Http, now: datetime) -> Pulled:
    """A page of a hundred ratings."""
    since, page = fetch.arguments.get("since"), int(fetch.arguments.get("page", 1))
    asked = urlencode(present(created_since=since, page=page, per_page=_PAGE))
    key = base64.b64encode(f"{endpoint.secrets[0].api_key}:X".encode()).decode()
    url = f"https://{endpoint.options.domain}/api/v2/surveys/satisfaction_ratings?{asked}"
    ratings = list(json_body((await http(Call("GET", url, {"authorization": f"Basic {key}"}))).body))
    events, passed_over = readable(ratings, lambda rating: _event(rating, endpoint, now))
    begun = fetch.arguments.get("begun") or now.isoformat()
    if len(ratings) >= _PAGE:
        return Pulled(events, Fetch(fetch.key, present(since=since, page=page + 1, begun=begun)), passed_over=passed_over)
    next_since = (datetime.fromisoformat(begun) - _AGAIN).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Pulled(events, cursor={"since": next_since}, passed_over=passed_over)


def _event(rating: Node, endpoint: Endpoint[FreshdeskSecrets, FreshdeskOptions], now: datetime) -> Iterator[ChannelEvent]:
    created_at, updated_at = rating["created_at"].iso(endpoint.zone), rating["updated_at"].iso(endpoint.zone)
    answers: list[dict[str, Any]] = []
    for question, points in rating["ratings"].members():
        found = worded(HAPPINESS, points.text())
        if found is not None and question:
            answers.append({"question": question[:256], "instrument": "csat", **found})
    if not answers:
        return
    data = present(
        channel="web",
        survey=f"freshdesk:{rating['survey_id'].required_id()}"[:256],
        interaction_id=rating["ticket_id"].id(),
        agent=rating["agent_id"].name(),
        customer=present(id=of("freshdesk", rating["user_id"].id())),
        answers=answers[:200],
        comment=rating["feedback"].text(),
        revision=None if updated_at is None or updated_at == created_at else revision(updated_at),
    )
    yield ChannelEvent("feedback.survey_answered.v1", id_of("rating", rating["id"].required_id()), created_at or now, data)


ADAPTER = Adapter(
    name="freshdesk",
    title="Freshdesk",
    secrets=FreshdeskSecrets,
    options=FreshdeskOptions,
    receive=receive,
    pull=pull,
    poll=poll,
    unsigned_body=True,
    setup=(
        "Better: give this endpoint domain and api_key; then it asks Freshdesk's API for the ratings, and nothing is set up there",
        "Or: in Freshdesk open Admin, Workflows, Automations, Ticket updates, New rule: when a customer feedback is received",
        "Action: Trigger webhook, POST, JSON, to {url}, with the custom header x-hearback-token and this endpoint's secret; "
        "content Simple, with triggered event, ticket ID, satisfaction rating, survey comment, requester name and e-mail",
        "Do not do both: the ratings would count twice",
        "Test: rate a ticket, and look at the endpoint's counts",
    ),
)

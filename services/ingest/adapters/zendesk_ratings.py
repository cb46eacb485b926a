"""Zendesk's ratings, polled: the satisfaction ratings of old, good or bad, and the CSAT surveys that take their place.

https://developer.zendesk.com/api-reference/ticketing/ticket-management/satisfaction_ratings/
https://developer.zendesk.com/api-reference/ticketing/ticket-management/csat_survey_responses/
"""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Call, ChannelEvent, Endpoint, Fetch, Form, Http, Poll, Pulled
from services.ingest.adapters.conversations import Treated, of
from services.ingest.adapters.gathering import readable
from services.ingest.adapters.node import Node, id_of, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present
from services.ingest.adapters.rounds import Round
from services.ingest.adapters.scales import GOOD_BAD, worded

POLLED_SECONDS = 900.0
WINDOW = timedelta(days=30)
"""How long after it was offered a rating still comes or changes: Zendesk's surveys expire after 28 days, and it filters by the offer."""
PAGE = 100
_PATHS = {"satisfaction_ratings": "satisfaction_ratings.json", "csat_surveys": "guide/survey_responses"}
_TEXT = Question(instrument="text")


class Secrets(Form):
    """What Zendesk signs with, and an API token where ratings are wanted."""

    signing_secret: Annotated[
        str,
        Field(
            min_length=1,
            max_length=256,
            description="The webhook's signing secret; in the Admin Center: Webhooks, the webhook, Reveal secret",
        ),
    ]
    api_token: Annotated[
        str | None, Field(max_length=256, description="For ratings: an API token; in the Admin Center: APIs, Zendesk API")
    ] = None


class Options(Treated):
    """Where ratings are, and what surveys ask: a rating is csat of 1 to 5 unless its question is described here."""

    ratings: Annotated[
        Literal["none", "satisfaction_ratings", "csat_surveys"],
        Field(description="Which ratings to fetch: the satisfaction ratings of old (good or bad), or those of CSAT surveys"),
    ] = "none"
    subdomain: Annotated[
        str | None,
        Field(max_length=63, pattern="^[a-z0-9][a-z0-9-]*$", description="The first part of the account's address: NAME.zendesk.com"),
    ] = None
    email: Annotated[str | None, Field(max_length=320, description="The e-mail address of the agent to whom the API token belongs")] = None
    questions: Questions = Field(default_factory=dict)


def poll(endpoint: Endpoint[Secrets, Options]) -> Sequence[Poll]:
    """The ratings that the options name, where they can be asked for."""
    options = endpoint.options
    asked = options.ratings != "none" and options.subdomain and options.email and any(secrets.api_token for secrets in endpoint.secrets)
    return [Poll(Fetch(options.ratings), POLLED_SECONDS)] if asked else []


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """One page; all that could still change is looked through, and what is new or was changed is handed on."""
    current, options = Round.of(fetch.arguments, now, WINDOW), endpoint.options
    token = next((secrets.api_token for secrets in endpoint.secrets if secrets.api_token), "")
    basic = base64.b64encode(f"{options.email}/token:{token}".encode()).decode()
    url = f"https://{options.subdomain}.zendesk.com/api/v2/{_PATHS[fetch.key]}?{urlencode(_query(fetch.key, now, current.page))}"
    page = json_body((await http(Call("GET", url, {"authorization": f"Basic {basic}", "accept": "application/json"}))).body)
    listed, read = (page[fetch.key], _rating) if fetch.key == "satisfaction_ratings" else (page["survey_responses"], _response)
    found, passed_over = readable(listed, lambda item: read(item, endpoint))
    following = page["meta"]["after_cursor"].text() if page["meta"]["has_more"].boolean() else None
    return current.pulled(fetch.key, found, None if following == current.page else following, passed_over)


def _query(key: str, now: datetime, after: str | None) -> dict[str, Any]:
    begin = int((now - WINDOW).timestamp())
    window = {"score": "received", "start_time": begin} if key == "satisfaction_ratings" else {"filter[created_at_start]": begin * 1000}
    return window | {"page[size]": PAGE} | present(**{"page[after]": after})


def _rating(rating: Node, endpoint: Endpoint[Secrets, Options]) -> Iterator[tuple[ChannelEvent, datetime]]:
    """A rating of old with the instant of its last change; nothing while it was only offered."""
    word = rating["score"].name()
    if word in (None, "offered", "unoffered"):
        return
    at = rating["updated_at"].iso(endpoint.zone) or rating["created_at"].iso(endpoint.zone) or rating["updated_at"].wrong("a time")
    answer = {"question": "satisfaction", "instrument": "csat", **(worded(GOOD_BAD, word) or {})}
    data = present(
        channel="web",
        survey="satisfaction_rating",
        interaction_id=rating["ticket_id"].id(),
        customer=present(id=of("zendesk", rating["requester_id"].id())),
        agent=rating["assignee_id"].name(),
        tags=present(group_id=rating["group_id"].name(), reason=rating["reason"].name()),
        answers=[answer],
        comment=rating["comment"].text(),
        revision=times.revision(at),
    )
    yield ChannelEvent("feedback.survey_answered.v1", id_of("rating", rating["id"].required_id()), at, data), at


def _response(response: Node, endpoint: Endpoint[Secrets, Options]) -> Iterator[tuple[ChannelEvent, datetime]]:
    """A survey's answers with the instant of the last one; nothing while there are none."""
    answers = [answer for answer in (_answer(answer, endpoint.options) for answer in response["answers"]) if answer is not None]
    instants = [at for at in (answer["updated_at"].iso(endpoint.zone) for answer in response["answers"]) if at is not None]
    if not answers:
        return
    at = max(instants) if instants else response["answers"].wrong("answers with their times")
    tickets = [subject["id"].id() for subject in response["subjects"] if (subject["type"].text() or "").endswith("ticket")]
    data = present(
        channel="web",
        survey=response["survey"]["id"].required_id(),
        interaction_id=next((ticket for ticket in tickets if ticket), None),
        customer=present(id=of("zendesk", response["responder_id"].id())),
        answers=answers[:200],
        revision=times.revision(at),
    )
    yield ChannelEvent("feedback.survey_answered.v1", response["id"].required_id(), at, data), at


def _answer(answer: Node, options: Options) -> dict[str, Any] | None:
    name = answer["question"]["id"].name() or answer["question"].wrong("a question with its id")
    asked = options.questions.get(name)
    match answer["type"].text():
        case "rating_scale":
            return answered(name, answer["rating"], asked or Question(instrument="csat", scale_min=1, scale_max=5))
        case "open_ended":
            return answered(name, answer["value"], _TEXT)
        case "closed_ended":
            chosen = ", ".join(option for option in (selection["option_id"].name() for selection in answer["selections"]) if option)
            return answered(name, Node(chosen or None), Question(instrument="choice"))
    return None

"""Genesys Cloud: ends of conversations over Amazon EventBridge; their figures, and surveys, by its Platform API.

EventBridge signs nothing: its connection sends our token, and the event's source names the organization. A queue that a customer leaves
ends a conversation only when they gave up waiting. Field names: Platform SDK 269, `*_detail_event_topic_*`, `analytics_conversation`.
"""

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from services.ingest.adapters.adapter import (
    Adapter,
    Call,
    ChannelEvent,
    Endpoint,
    Fetch,
    Form,
    Http,
    NotProven,
    Outcome,
    Poll,
    Pulled,
    Request,
)
from services.ingest.adapters.genesys_survey import survey_answered
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Questions, present
from services.ingest.adapters.signatures import proof_asked_for
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

ENDED_IN_QUEUE, ENDED, COUNTED = 1, 2, 3
"""Revisions of a conversation: each knows more than the one before."""

POLLED_SECONDS = 900.0
CONVERSATIONS_OF_DAYS = 14
"""How long after its conversation a survey is still found."""
PAGE = 25

_DIALLED = {"VOICE": "phone", "CALLBACK": "phone", "CHAT": "chat", "COBROWSE": "chat", "VIDEO": "chat", "EMAIL": "email"}
_WRITTEN = {"SMS": "sms", "WEBMESSAGING": "chat", "TWITTER": "social", "LINKEDIN": "social"}


class Secrets(TokenSecrets):
    """The token that EventBridge sends, and an OAuth client of the organization where surveys are wanted."""

    client_id: Annotated[
        str | None,
        Field(max_length=256, description="For surveys: an OAuth client with the grant Client Credentials; in Genesys Cloud: Admin, OAuth"),
    ] = None
    client_secret: Annotated[str | None, Field(max_length=256, description="The secret of that OAuth client")] = None


class Options(Form):
    """Whose events they are. A survey's question that is not described counts as likert from 0 to its group's highest score when it alone
    makes up that score, and as a choice otherwise."""

    organization: Annotated[
        str, Field(pattern="^[0-9a-fA-F-]{36}$", description="The organization's id; in Genesys Cloud: Admin, Organization")
    ]
    region: Annotated[
        str,
        Field(
            max_length=100,
            pattern="^[a-z0-9]+([.-][a-z0-9]+)+$",
            description="The domain of the organization's region, as in mypurecloud.de",
        ),
    ] = "mypurecloud.com"
    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One end of a conversation; its figures are fetched where there is an OAuth client."""
    check_sent_token(request, endpoint.secrets)
    body = json_body(request.body)
    if proof_asked_for() and not (body["source"].text() or "").lower().startswith(
        f"aws.partner/genesys.com/cloud/{endpoint.options.organization.lower()}/"
    ):
        raise NotProven("foreign_organization")
    topic = body["detail"]["topicName"].text() or ""
    if not topic.endswith((".customer.end", ".acd.end")):
        return Outcome(passed_over={"other_event": 1})
    in_queue = topic.endswith(".acd.end")
    if in_queue and body["detail"]["eventBody"]["acdOutcome"].text() != "ABANDON":
        return Outcome(passed_over={"left_queue": 1})
    event = _ended(body["detail"]["eventBody"], in_queue)
    counted = [] if _client(endpoint) is None else [Fetch(f"conversation:{event.id}", {"conversation": event.id})]
    return Outcome([event], fetches=counted)


def _ended(body: Node, in_queue: bool) -> ChannelEvent:
    data = present(
        channel=_channel(body["mediaType"], body["messageType"]),
        interaction_id=body["conversationId"].required_id(),
        customer=_customer(body["externalContactId"], body["ani"]),
        direction=_direction(body["direction"]),
        disposition=body["disconnectType"].name(),
        handle_seconds=None if in_queue else body["interactingDurationMs"].seconds(1000),
        wait_seconds=body["connectedDurationMs"].seconds(1000) if in_queue else None,
        abandoned=True if in_queue else None,
        tags=present(queue_id=body["queueId"].name()),
        revision=ENDED_IN_QUEUE if in_queue else ENDED,
    )
    at = body["eventTime"].epoch(1000) or body["eventTime"].wrong("a time")
    return ChannelEvent("interaction.completed.v1", data["interaction_id"], at, data)


def _channel(media: Node, message: Node) -> str:
    kind = (media.text() or "").upper()
    return _WRITTEN.get((message.text() or "").upper(), "messaging") if kind == "MESSAGE" else _DIALLED.get(kind, "other")


def _customer(contact: Node, address: Node) -> dict[str, Any]:
    """The external contact, and the address that was used, which Genesys writes as a URI."""
    scheme, _, rest = (address.text() or "").partition(":")
    used = Node(rest, address.place)
    return present(id=contact.id(), phone=used.phone() if scheme == "tel" else None, email=used.email() if scheme == "mailto" else None)


def _direction(direction: Node) -> str | None:
    word = (direction.text() or "").lower()
    return word if word in ("inbound", "outbound") else None


def _client(endpoint: Endpoint[Secrets, Options]) -> Secrets | None:
    return next((secrets for secrets in endpoint.secrets if secrets.client_id and secrets.client_secret), None)


def poll(endpoint: Endpoint[Secrets, Options]) -> Sequence[Poll]:
    """Surveys, where there is an OAuth client."""
    return [] if _client(endpoint) is None else [Poll(Fetch("surveys"), POLLED_SECONDS)]


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """The figures of a conversation, or one page of the conversations whose surveys were finished."""
    client = _client(endpoint)
    if client is None:
        return Pulled()
    headers = await _signed_in(client, endpoint.options.region, http)
    base = f"https://api.{endpoint.options.region}/api/v2"
    arguments = Node(dict(fetch.arguments))
    if arguments["conversation"].here:
        url = f"{base}/analytics/conversations/{quote(arguments['conversation'].required_id(), safe='')}/details"
        event = _whole(json_body((await http(Call("GET", url, headers))).body), endpoint)
        return Pulled([] if event is None else [event])
    return await _surveys(arguments, endpoint, base, headers, http, now)


async def _surveys(
    arguments: Node, endpoint: Endpoint[Secrets, Options], base: str, headers: dict[str, str], http: Http, now: datetime
) -> Pulled:
    since = arguments["since"].text() or ""
    page = int(arguments["page"].number() or 1)
    newest = arguments["newest"].text() or since
    query = {
        "interval": f"{now - timedelta(days=CONVERSATIONS_OF_DAYS):%Y-%m-%dT%H:%MZ}/{now:%Y-%m-%dT%H:%MZ}",
        "surveyFilters": [{"type": "and", "predicates": [{"type": "dimension", "dimension": "surveyStatus", "value": "Finished"}]}],
        "paging": {"pageSize": PAGE, "pageNumber": page},
        "order": "asc",
        "orderBy": "conversationStart",
    }
    body = json.dumps(query).encode()
    call = Call("POST", f"{base}/analytics/conversations/details/query", {**headers, "content-type": "application/json"}, body)
    conversations = list(json_body((await http(call)).body)["conversations"])
    events = []
    for survey in (survey for conversation in conversations for survey in conversation["surveys"]):
        completed = survey["surveyCompletedDate"].iso(endpoint.zone)
        at = "" if completed is None else completed.isoformat()
        if (survey["surveyStatus"].text() or "").lower() != "finished" or at < since:
            continue
        url = f"{base}/quality/surveys/{quote(survey['surveyId'].required_id(), safe='')}"
        event = survey_answered(json_body((await http(Call("GET", url, headers))).body), endpoint.options.questions, endpoint.zone)
        events += [] if event is None else [event]
        newest = max(newest, at)
    if len(conversations) == PAGE:
        return Pulled(events, then=Fetch("surveys", {"since": since, "page": page + 1, "newest": newest}))
    return Pulled(events, cursor={"since": newest})


async def _signed_in(client: Secrets, region: str, http: Http) -> dict[str, str]:
    basic = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    reply = await http(Call("POST", f"https://login.{region}/oauth/token", headers, b"grant_type=client_credentials"))
    return {"authorization": f"Bearer {json_body(reply.body)['access_token'].required_text()}"}


def _whole(found: Node, endpoint: Endpoint[Secrets, Options]) -> ChannelEvent | None:
    """A conversation with its figures; None while it goes on."""
    at = found["conversationEnd"].iso(endpoint.zone)
    if at is None:
        return None
    participants = list(found["participants"])
    customer = next((one for one in participants if one["purpose"].text() in ("customer", "external")), Node(None))
    sessions = [session for participant in participants for session in participant["sessions"]]
    first = customer["sessions"][0]
    figures: dict[str, float] = {}
    for metric in (metric for session in sessions for metric in session["metrics"]):
        name = metric["name"].text() or ""
        figures[name] = figures.get(name, 0) + (metric["value"].seconds(1) or 0)
    agents = [one["userId"].name() for one in participants if one["purpose"].text() in ("agent", "user")]
    data = present(
        channel=_channel(first["mediaType"], first["messageType"]),
        interaction_id=found["conversationId"].required_id(),
        customer=_customer(customer["externalContactId"], first["ani"]),
        direction=_direction(found["originatingDirection"]),
        agent=next((agent for agent in reversed(agents) if agent), None),
        disposition=first["segments"][-1]["disconnectType"].name(),
        handle_seconds=_seconds(figures.get("tHandle")),
        wait_seconds=_seconds(figures.get("tAcd")),
        transfers=int(figures.get("nTransferred", 0)),
        abandoned="tAbandon" in figures,
        handled_by="human" if agents else "self_service" if found["selfServed"].boolean() else None,
        revision=COUNTED,
    )
    return ChannelEvent("interaction.completed.v1", data["interaction_id"], at, data)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else min(milliseconds / 1000, 1e9)


ADAPTER = Adapter(
    name="genesys_cloud",
    title="Genesys Cloud (over Amazon EventBridge)",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=pull,
    poll=poll,
    unsigned_body=True,
    setup=(
        "In Genesys Cloud: Admin, Integrations, add Amazon EventBridge Source with your AWS account and region, and the topics "
        "v2.detail.events.conversation.{id}.customer.end and v2.detail.events.conversation.{id}.acd.end",
        "In AWS: EventBridge, Partner event sources, associate the new source with an event bus",
        "EventBridge, API destinations: create a connection of type API key, key name X-Hearback-Token, value the token of this endpoint; "
        "then an API destination with the address {url} and method POST",
        "On the event bus make a rule that matches the partner source, with the API destination as target, the input left as it is, "
        "and retries for 24 hours with a dead-letter queue",
        "For surveys and waiting times: Admin, OAuth, add a client with the grant Client Credentials and a role that has "
        "Quality: Survey: View and Analytics: Conversation Detail: View; enter its id and secret here",
        "Test: end a conversation; within a minute it is counted here, and Monitoring of the rule shows no failed invocation",
    ),
)

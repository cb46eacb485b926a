"""Genesys Cloud: ends of conversations over Amazon EventBridge; their figures, and surveys, by its Platform API.

EventBridge signs nothing: its connection sends our token, and the event's source names the organization. A queue that a customer leaves
ends a conversation only when they gave up waiting. Field names: Platform SDK 269, `*_detail_event_topic_*`, `analytics_conversation`.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from services.ingest.adapters.adapter import (
    Adapter,
    Call,
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
from services.ingest.adapters.gathering import readable
from services.ingest.adapters.genesys_conversation import ended, whole
from services.ingest.adapters.genesys_survey import survey_answered
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Questions
from services.ingest.adapters.signatures import proof_asked_for
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

POLLED_SECONDS = 900.0
CONVERSATIONS_OF_DAYS = 14
"""How long after its conversation a survey is still found."""
PAGE = 25


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
    event = ended(body["detail"]["eventBody"], in_queue)
    counted = [] if _client(endpoint) is None else [Fetch(f"conversation:{event.id}", {"conversation": event.id})]
    return Outcome([event], fetches=counted)


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
        event = whole(json_body((await http(Call("GET", url, headers))).body), endpoint.zone)
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
    finished, odd = readable(conversations, lambda conversation: _finished(conversation, since, endpoint))
    replies = []
    for id, at in finished:
        replies.append((await http(Call("GET", f"{base}/quality/surveys/{quote(id, safe='')}", headers))).body)
        newest = max(newest, min(at, now.isoformat()))  # a date that lies ahead would keep out everything until then
    events, odder = readable(replies, lambda body: survey_answered(json_body(body), endpoint.options.questions, endpoint.zone))
    passed_over = Counter(odd) + Counter(odder)
    if len(conversations) == PAGE:
        return Pulled(events, then=Fetch("surveys", {"since": since, "page": page + 1, "newest": newest}), passed_over=passed_over)
    return Pulled(events, cursor={"since": newest}, passed_over=passed_over)


def _finished(conversation: Node, since: str, endpoint: Endpoint[Secrets, Options]) -> Iterator[tuple[str, str]]:
    """Ids of its surveys that were finished since then, each with when."""
    for survey in conversation["surveys"]:
        completed = survey["surveyCompletedDate"].iso(endpoint.zone)
        at = "" if completed is None else completed.isoformat()
        if (survey["surveyStatus"].text() or "").lower() == "finished" and at >= since:
            yield survey["surveyId"].required_id(), at


async def _signed_in(client: Secrets, region: str, http: Http) -> dict[str, str]:
    basic = base64.b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    reply = await http(Call("POST", f"https://login.{region}/oauth/token", headers, b"grant_type=client_credentials"))
    return {"authorization": f"Bearer {json_body(reply.body)['access_token'].required_text()}"}


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

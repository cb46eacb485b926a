"""Slack: what is written in a channel where colleagues, or customers, tell feedback. The URL's check is answered with its challenge.

A message is known by its channel and its timestamp, also when it is edited or deleted later.
https://docs.slack.dev/authentication/verifying-requests-from-slack https://docs.slack.dev/reference/events/message
"""

import html
from typing import Annotated, Any, Literal

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, Answer, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import LAST_REVISION, REMOVED, Treated, of, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, id_of, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import check_fresh, check_hmac
from shared.contracts.fields import NAME_LENGTH


class Secrets(Form):
    """What Slack signs with."""

    signing_secret: Annotated[
        str,
        Field(
            min_length=1, max_length=256, description="The app's signing secret; at api.slack.com/apps: Basic Information, App Credentials"
        ),
    ]


class Options(Treated):
    """Who writes in the channels: colleagues tell what they heard, customers in a shared channel speak for themselves."""

    written_by: Annotated[
        Literal["staff", "customers"], Field(description="Who writes in these channels; what staff writes counts as observed")
    ] = "staff"
    channels: Annotated[
        frozenset[Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]],
        Field(max_length=200, description="The ids of the channels to listen to; none means every channel that the app is in"),
    ] = frozenset()


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One event; what Slack sends again is known by the message's timestamp."""
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    keys = (secrets.signing_secret.encode() for secrets in endpoint.secrets)
    signed = b"v0:" + timestamp.encode("utf-8", "surrogatepass") + b":" + request.body
    check_hmac(request.headers.get("x-slack-signature"), signed, keys, prefix="v0=")
    check_fresh(times.epoch(timestamp), request.at)
    body = json_body(request.body)
    match body["type"].text():
        case "url_verification":
            return Outcome(answer=Answer(200, body["challenge"].required_text().encode()))
        case "event_callback" if body["event"]["type"].text() == "message":
            return gathered([_message(body["event"], endpoint.options)])
    return Outcome(passed_over={"other_event": 1})


def _message(event: Node, options: Options) -> Found:
    channel = event["channel"].required_id()
    if options.channels and channel not in options.channels:
        return "other_channel"
    subtype = event["subtype"].text()
    match subtype:
        case "message_changed":
            message = event["message"]
            edited = message["edited"]["ts"].epoch()
            return "not_edited" if edited is None else _written(message, message["ts"], channel, options, revision=times.revision(edited))
        case "message_deleted":
            return _written(event["previous_message"], event["deleted_ts"], channel, options, text=REMOVED, revision=LAST_REVISION)
        case None | "thread_broadcast" | "file_share" | "me_message":
            return _written(event, event["ts"], channel, options)
    return "own_words" if subtype == "bot_message" else "other_event"


def _written(
    message: Node, stamp: Node, channel: str, options: Options, *, text: str | None = None, revision: int | None = None
) -> ChannelEvent | str:
    if message["bot_id"].here:
        return "own_words"
    words = text or html.unescape(message["text"].text() or "")
    if not words:
        return "no_text"
    at = stamp.epoch() or stamp.wrong("a time")
    id, begun = _known(channel, stamp), message["thread_ts"]
    thread = _known(channel, begun) if begun.here else None
    writer = message["user"].id()
    common: dict[str, Any] = present(channel="chat", interaction_id=thread, revision=revision)
    if options.written_by == "staff":
        tags = present(slack_channel=channel, slack_user=writer)
        return ChannelEvent("feedback.observed.v1", id, at, common | {"method": "staff", "text": words, "tags": tags})
    tags = {"slack_channel": channel}
    return said(options, id, at, words, thread=thread or id, customer=present(id=of("slack", writer)), tags=tags, **common)


def _known(channel: str, stamp: Node) -> str:
    return id_of(channel, stamp.required_text())


ADAPTER = Adapter(
    name="slack",
    title="Slack",
    secrets=Secrets,
    options=Options,
    receive=receive,
    setup=(
        "At api.slack.com/apps create an app, copy its signing secret here, and install it in the workspace",
        "Event Subscriptions: switch them on with the request URL {url}, which is checked at once, and subscribe to the bot event "
        "message.channels, and message.groups for private channels",
        "Invite the app into the channels to listen to, with /invite",
        "Test: write a message in one of them; it is here within seconds",
    ),
)

"""Amazon Connect's contacts: the event of their end, and the contact record, which knows the same and more."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.adapters import times
from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.node import Node, id_of
from services.ingest.adapters.questions import Question, answered, present

_CHANNELS = {"VOICE": "phone", "CHAT": "chat", "EMAIL": "email", "TELEPHONY": "phone"}
_DIRECTIONS = {"INBOUND": "inbound", "OUTBOUND": "outbound", "EXTERNAL_OUTBOUND": "outbound", "CALLBACK": "outbound"}


def channel_of(channel: Node) -> str:
    """The channel of a contact."""
    return _CHANNELS.get((channel.text() or "").upper(), "other")


def disconnected(detail: Node, zone: ZoneInfo) -> ChannelEvent:
    """The event of a contact's end."""
    queue, agent = detail["queueInfo"], detail["agentInfo"]
    joined = agent["connectedToAgentTimestamp"].iso(zone)
    queued = queue["enqueueTimestamp"].iso(zone)
    end = detail["disconnectTimestamp"].iso(zone) or detail["disconnectTimestamp"].wrong("a time")
    id = detail["contactId"].required_id()
    data = present(
        channel=channel_of(detail["channel"]),
        interaction_id=detail["initialContactId"].id() or id,
        direction=_DIRECTIONS.get(detail["initiationMethod"].text() or ""),
        agent=_last_step(agent["agentArn"]),
        tags=present(queue_id=_last_step(queue["queueArn"])),
        wait_seconds=times.between(queued, joined or end),
        handle_seconds=times.between(joined, end),
        abandoned=None if queued is None else joined is None,
        handled_by="human" if joined else None,
        disposition=detail["disconnectReason"].name(),
    )
    return ChannelEvent("interaction.completed.v1", id, end, data)


def record(
    found: Node, questions: dict[str, Question], survey: str, customer_attribute: str, zone: ZoneInfo
) -> Iterator[ChannelEvent | str]:
    """A contact record: the contact's end, and a survey answered by contact attributes where they hold answers."""
    id = found["ContactId"].required_id()
    updated = found["LastUpdateTimestamp"].iso(zone)
    end = found["DisconnectTimestamp"].iso(zone)
    if end is None:
        yield "still_going_on"
        return
    agent, attributes, address = found["Agent"], found["Attributes"], found["CustomerEndpoint"]
    kind = (address["Type"].text() or "").upper()
    common = present(
        channel=channel_of(found["Channel"]),
        interaction_id=found["InitialContactId"].id() or id,
        customer=present(
            id=attributes[customer_attribute].id(),
            phone=address["Address"].phone() if kind == "TELEPHONE_NUMBER" else None,
            email=address["Address"].email() if kind == "EMAIL_ADDRESS" else None,
        ),
        team=found["Queue"]["Name"].name(),
        agent=agent["Username"].name(),
        tags=present(queue_id=_last_step(found["Queue"]["ARN"])),
        revision=2 if updated is None else max(2, times.revision(updated)),
    )
    yield ChannelEvent("interaction.completed.v1", id, end, common | _figures(found, end, zone))
    answers = [answer for name, asked in questions.items() if (answer := answered(name, attributes[name], asked))]
    if answers:
        yield ChannelEvent("feedback.survey_answered.v1", id_of(id, "survey"), end, common | {"survey": survey, "answers": answers[:200]})


def _figures(found: Node, end: datetime, zone: ZoneInfo) -> dict[str, Any]:
    agent, queue = found["Agent"], found["Queue"]
    joined = agent["ConnectedToAgentTimestamp"].iso(zone)
    talked, after = times.between(joined, end), agent["AfterContactWorkDuration"].seconds()
    return present(
        direction=_DIRECTIONS.get(found["InitiationMethod"].text() or ""),
        wait_seconds=queue["Duration"].seconds(),
        handle_seconds=None if talked is None else min(1e9, talked + (after or 0)),
        abandoned=joined is None if queue.here else None,
        transfers=1 if found["TransferCompletedTimestamp"].here else 0,
        handled_by="human" if joined else None if queue.here else "self_service",
        disposition=found["DisconnectReason"].name(),
    )


def _last_step(arn: Node) -> str | None:
    return Node((arn.text() or "").rpartition("/")[2], arn.place).name()

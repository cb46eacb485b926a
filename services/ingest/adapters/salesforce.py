"""Salesforce's outbound messages: up to 100 changed records in a SOAP envelope, answered with an Ack.

Salesforce signs nothing. It proves itself by our token behind the URL, by the organization that the message names, and, where a proxy
before ingest asks for it, by its client certificate. Messages come out of order and more than once, with the record as it was when it
was sent, so its last change decides which version is the newest.
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_understanding.htm
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from xml.etree.ElementTree import Element

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, Answer, ChannelEvent, Endpoint, Form, NotProven, Outcome, Request, Unreadable
from services.ingest.adapters.conversations import NO_TEXT
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, id_of, paragraphs
from services.ingest.adapters.questions import Questions, answered, present
from services.ingest.adapters.signatures import proof_asked_for
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token
from services.ingest.adapters.xml import local, xml_body
from shared.contracts.fields import NAME_LENGTH

ACK = Answer(
    200,
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>\n",
    "text/xml",
)
MOST_NOTIFICATIONS = 100

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_CHANNELS = {
    "phone": "phone",
    "email": "email",
    "web": "web",
    "chat": "chat",
    "messaging": "messaging",
    "facebook": "social",
    "twitter": "social",
}
_SEVERITIES = {"high": "high", "medium": "normal", "low": "low", "critical": "critical"}

_Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]


class Options(Form):
    """Whose records they are, which fields are answers to questions, and which cases are complaints."""

    organization: Annotated[
        str,
        Field(pattern="^00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$", description="The organization's id, 00D…; in Setup: Company Information"),
    ]
    questions: Questions = Field(default_factory=dict)
    survey: Annotated[_Name, Field(description="The survey under which answers kept in fields are counted")] = "case_fields"
    complaint_types: Annotated[frozenset[_Name], Field(max_length=50, description="Values of a case's Type that make it a complaint")] = (
        frozenset({"Complaint"})
    )


def receive(request: Request, endpoint: Endpoint[TokenSecrets, Options]) -> Outcome:
    """One message: of every case, that it is a complaint, that it is closed, and what was answered."""
    check_sent_token(request, endpoint.secrets)
    message = _first(xml_body(request.body), "notifications")
    named = _text(message, "OrganizationId") or ""
    if proof_asked_for() and named[:15] != endpoint.options.organization[:15]:  # the last three of 18 are a checksum of the rest
        raise NotProven("foreign_organization")
    notifications = [element for element in message if local(element) == "Notification"]
    if not notifications or len(notifications) > MOST_NOTIFICATIONS:
        raise Unreadable(f"the message should have 1 to {MOST_NOTIFICATIONS} notifications")
    return gathered((found for one in notifications for found in _notified(one, request, endpoint)), ACK)


def _notified(notification: Element, request: Request, endpoint: Endpoint[TokenSecrets, Options]) -> Iterator[Found]:
    record = _first(notification, "sObject")
    kind = record.get(_TYPE, "").rpartition(":")[2]
    fields = Node({local(field): None if field.get(_NIL) == "true" else field.text for field in record}, kind)
    events = list(_events(fields, kind, request.at, endpoint))
    yield from events
    if not events:
        yield "nothing_said"


def _events(fields: Node, kind: str, now: datetime, endpoint: Endpoint[TokenSecrets, Options]) -> Iterator[ChannelEvent]:
    options, zone = endpoint.options, endpoint.zone
    id = fields["Id"].required_id()
    created, closed = fields["CreatedDate"].iso(zone), fields["ClosedDate"].iso(zone)
    changed = fields["SystemModstamp"].iso(zone) or fields["LastModifiedDate"].iso(zone) or closed or created
    common = _common(fields, id) | present(revision=None if changed is None else times.revision(changed))
    if kind == "Case" and fields["Type"].text() in options.complaint_types:
        text = paragraphs(fields["Subject"].text(), fields["Description"].text())
        severity = _SEVERITIES.get((fields["Priority"].text() or "").lower())
        said = present(text=text or NO_TEXT, category=fields["Reason"].name(), severity=severity)
        yield ChannelEvent("feedback.complaint_raised.v1", id_of(id, "complaint"), created or changed or now, common | said)
    if kind == "Case" and closed is not None:
        ended = present(category=fields["Type"].name(), disposition=fields["Status"].name())
        yield ChannelEvent("interaction.completed.v1", id_of(id, "closed"), closed, common | ended)
    answers = [answer for name, asked in options.questions.items() if (answer := answered(name, fields[name], asked))]
    if answers:
        survey = {"survey": options.survey, "answers": answers[:200]}
        yield ChannelEvent("feedback.survey_answered.v1", id_of(id, "survey"), changed or now, common | survey)


def _common(fields: Node, id: str) -> dict[str, Any]:
    return present(
        channel=_CHANNELS.get((fields["Origin"].text() or "").lower(), "other"),
        interaction_id=fields["CaseId"].id() or fields["Case__c"].id() or id,
        customer=present(
            id=fields["ContactId"].id() or fields["AccountId"].id(),
            email=fields["SuppliedEmail"].email() or fields["ContactEmail"].email(),
            phone=fields["SuppliedPhone"].phone() or fields["ContactPhone"].phone(),
            name=fields["SuppliedName"].name(),
        ),
        agent=fields["OwnerId"].name(),
        tags=present(case_number=fields["CaseNumber"].name()),
    )


def _first(element: Element, name: str) -> Element:
    """The first element of that name, at any depth. Raises Unreadable."""
    found = next((inner for inner in element.iter() if local(inner) == name), None)
    if found is None:
        raise Unreadable(f"the XML should have a {name}")
    return found


def _text(element: Element, name: str) -> str | None:
    return next((inner.text for inner in element if local(inner) == name), None)


ADAPTER = Adapter(
    name="salesforce",
    title="Salesforce (outbound messages)",
    secrets=TokenSecrets,
    options=Options,
    receive=receive,
    kept=ACK,
    unsigned_body=True,
    setup=(
        "In Setup: Outbound Messages, New, object Case, endpoint URL {url}?token=TOKEN with this endpoint's token, Send Session ID off",
        "Choose the fields Id, CaseNumber, Type, Origin, Status, Priority, Subject, Description, Reason, ContactId, SuppliedEmail, "
        "SuppliedPhone, CreatedDate, ClosedDate, SystemModstamp and those that hold answers; without SystemModstamp a later change may be "
        "taken for an earlier one",
        "In a Flow, started when a case is created or changes, add the action Outbound Message with this message",
        "Setup, Company Information: copy the organization's id here",
        "Where a proxy stands before ingest, let it ask for Salesforce's client certificate: Setup, Certificate and Key Management, "
        "API Client Certificate",
        "Test: change a case; Setup, Outbound Messages, View Message Delivery Status shows nothing waiting",
    ),
)

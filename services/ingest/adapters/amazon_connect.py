"""Amazon Connect: contact events over EventBridge, contact records over Firehose, Contact Lens analyses handed on from their bucket.

Neither EventBridge nor Firehose signs: both send our token. A contact record knows all that the event of its end knew, and comes again
when it changes, so it replaces it. https://docs.aws.amazon.com/connect/latest/adminguide/ctr-data-model.html
https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

import base64
import json
from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from services.ingest.adapters import connect_lens, connect_records
from services.ingest.adapters.adapter import Adapter, Answer, Endpoint, Form, Outcome, Request, Unreadable
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Questions
from services.ingest.adapters.signatures import check_token
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token
from shared.contracts.fields import NAME_LENGTH

FIREHOSE_TOKEN = "x-amz-firehose-access-key"  # noqa: S105 - a header's name


class Options(Form):
    """Which contact attributes say what, and which of Contact Lens's categories are complaints."""

    questions: Questions = Field(default_factory=dict)
    survey: Annotated[
        str,
        Field(min_length=1, max_length=NAME_LENGTH, description="The survey under which answers kept in contact attributes are counted"),
    ] = "contact_attributes"
    customer_attribute: Annotated[
        str, Field(min_length=1, max_length=NAME_LENGTH, description="The contact attribute that holds the customer's id")
    ] = "customerId"
    complaint_categories: Annotated[
        frozenset[str], Field(max_length=100, description="Categories of Contact Lens rules that make a call a complaint")
    ] = frozenset()


def receive(request: Request, endpoint: Endpoint[TokenSecrets, Options]) -> Outcome:
    """One event, record or analysis, or Firehose's batch of them."""
    if FIREHOSE_TOKEN in request.headers:
        check_token(request.headers[FIREHOSE_TOKEN], (secrets.token for secrets in endpoint.secrets))
    else:
        check_sent_token(request, endpoint.secrets)
    body = json_body(request.body)
    if body["records"].here and body["requestId"].here:
        found = [_found(record, request, endpoint) for record in _delivered(body)]
        return gathered((one for several in found for one in several), _receipt(body["requestId"].required_text(), request))
    return gathered(_found(body, request, endpoint))


def _found(body: Node, request: Request, endpoint: Endpoint[TokenSecrets, Options]) -> list[Found]:
    options, zone = endpoint.options, endpoint.zone
    if body["detail"].here:
        return [_event(body, zone)]
    if body["ContactId"].here:
        return list(connect_records.record(body, options.questions, options.survey, options.customer_attribute, zone))
    if body["CustomerMetadata"].here:
        return [connect_lens.analysis(body, options.complaint_categories, request.at)]
    raise Unreadable("the body should be a contact event, a contact record, or an analysis of Contact Lens")


def _event(body: Node, zone: ZoneInfo) -> Found:
    if body["source"].text() != "aws.connect" or body["detail"]["eventType"].text() != "DISCONNECTED":
        return "other_event"
    return connect_records.disconnected(body["detail"], zone)


def _delivered(body: Node) -> Iterator[Node]:
    """The records in Firehose's envelope."""
    for record in body["records"]:
        try:
            content = base64.b64decode(record["data"].value or "", validate=True)
        except (ValueError, TypeError):
            record["data"].wrong("base64")
        read = json_body(content)
        yield Node(read.value, f"{record.place}.data")


def _receipt(id: str, request: Request) -> Answer:
    """What Firehose takes for a receipt: its own id, and the time in milliseconds. To anything else it sends the batch again."""
    receipt = {"requestId": id, "timestamp": int(request.at.timestamp() * 1000)}
    return Answer(200, json.dumps(receipt).encode(), "application/json")


def kept(request: Request) -> Answer:
    """The receipt of a batch that could not be read: its id stands in a header as well."""
    id = request.headers.get("x-amz-firehose-request-id")
    return Answer() if id is None else _receipt(id, request)


ADAPTER = Adapter(
    name="amazon_connect",
    title="Amazon Connect",
    secrets=TokenSecrets,
    options=Options,
    receive=receive,
    kept=kept,
    unsigned_body=True,
    setup=(
        "Contact events: in EventBridge, API destinations, create a connection of type API key with the key name X-Hearback-Token and this "
        "endpoint's token as value, then an API destination with {url} and POST, and a rule for the source aws.connect, detail type "
        "Amazon Connect Contact Event, with the API destination as target and the input left as it is",
        "Contact records: in Amazon Connect, Data storage, Data streaming, stream contact records to a Kinesis stream or to Firehose; "
        "give the Firehose stream the destination HTTP endpoint {url} with this endpoint's token as access key",
        "Contact Lens: let a function that S3 starts for new files under Analysis/ send each file's content as it is to {url}, "
        "with the header X-Hearback-Token",
        "Test: end a call; it is counted here within a minute, and the rule or the Firehose stream shows no failed delivery",
    ),
)

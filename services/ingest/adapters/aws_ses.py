"""Amazon SES over SNS: mails received, and what became of mails that were sent.

https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html, /notification-contents.html
"""

from collections.abc import Iterator

from services.ingest.adapters.adapter import Adapter, Call, Endpoint, Outcome, Request, Unreadable
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.mail import Mails, Received, failures, found_in
from services.ingest.adapters.mime import Failed, headers_of, mail_in
from services.ingest.adapters.mime import binary as from_base64
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.sns import Topic, certificate_at, subscription, verified


def keys(request: Request, endpoint: Endpoint[Topic, Mails]) -> Call | None:
    """The certificate of the message, which is SNS's own or none."""
    return certificate_at(request, [topic.topic_arn for topic in endpoint.secrets])


def receive(request: Request, endpoint: Endpoint[Topic, Mails]) -> Outcome:
    """A mail known by its SES id, failures by their feedback id; a new subscription is confirmed."""
    message = verified(request, [topic.topic_arn for topic in endpoint.secrets], endpoint.zone)
    about_itself = subscription(message)
    return about_itself or gathered(_found(json_body(message["Message"].required_text().encode()), endpoint))


def _found(notification: Node, endpoint: Endpoint[Topic, Mails]) -> list[Found]:
    match notification["notificationType"].text() or notification["eventType"].text():
        case "Received":
            return _received(notification, endpoint)
        case "Bounce":
            return _bounced(notification, endpoint)
        case "Complaint":
            return _complained(notification, endpoint)
    return ["other_event"]


def _received(notification: Node, endpoint: Endpoint[Topic, Mails]) -> list[Found]:
    receipt, about_mail = notification["receipt"], notification["mail"]
    if receipt["virusVerdict"]["status"].text() == "FAIL":
        return ["virus"]
    if receipt["spamVerdict"]["status"].text() == "FAIL" and not endpoint.options.take_spam:
        return ["spam"]
    content = notification["content"].value
    if not isinstance(content, str) or not content.strip():
        raise Unreadable("the receipt rule should publish the mail's content: let its action be SNS, not S3")
    raw = from_base64(content) if receipt["action"]["encoding"].text() == "BASE64" else content.encode("utf-8", "surrogatepass")
    at = about_mail["timestamp"].iso(endpoint.zone) or about_mail["timestamp"].wrong("a time")
    authentic = receipt["dmarcVerdict"]["status"].text() == "PASS"
    received = Received(mail_in(raw), about_mail["messageId"].required_id(), at, authentic=authentic)
    return found_in(received, endpoint.options, endpoint.zone)


def _bounced(notification: Node, endpoint: Endpoint[Topic, Mails]) -> list[Found]:
    bounce = notification["bounce"]
    kind, finer = bounce["bounceType"].text(64), bounce["bounceSubType"].text(64)
    return _failed(notification, bounce, bounce["bouncedRecipients"], (kind, finer), endpoint, permanent=kind == "Permanent")


def _complained(notification: Node, endpoint: Endpoint[Topic, Mails]) -> list[Found]:
    """Customers who told their mail service that our mail is spam will not read the next one either."""
    complaint = notification["complaint"]
    reasons = ("Complaint", complaint["complaintFeedbackType"].text(64))
    return _failed(notification, complaint, complaint["complainedRecipients"], reasons, endpoint, permanent=True)


def _failed(
    notification: Node,
    report: Node,
    recipients: Node,
    reasons: tuple[str | None, ...],
    endpoint: Endpoint[Topic, Mails],
    *,
    permanent: bool,
) -> list[Found]:
    at = report["timestamp"].iso(endpoint.zone) or report["timestamp"].wrong("a time")
    failed = [
        Failed(one["emailAddress"].email(), " ".join(filter(None, (*reasons, one["status"].text(32)))) or None, permanent)
        for one in recipients
    ]
    return [*failures(report["feedbackId"].required_id(), at, failed, headers_of(_sent(notification["mail"])))] or ["delivery_status"]


def _sent(mail: Node) -> Iterator[tuple[str, str]]:
    """The headers of our own mail, which SES adds where it is told to include them."""
    for header in mail["headers"]:
        name, value = header["name"].text(256), header["value"].text()
        if name and value:
            yield name, value


ADAPTER = Adapter(
    name="aws_ses",
    title="Amazon SES over SNS",
    secrets=Topic,
    options=Mails,
    receive=receive,
    keys=keys,
    setup=(
        "In Amazon SNS make a standard topic and copy its ARN into this endpoint",
        "Subscribe {url} to the topic, protocol HTTPS, raw message delivery off; the subscription confirms itself within seconds",
        "In Amazon SES open Email receiving and make a rule for your address whose action is to publish to the topic, encoding Base64",
        "For bounces and complaints open the identity, Notifications, and choose the topic; check Include original headers",
        "Test: write a mail to the address; the endpoint shows it within seconds",
    ),
)

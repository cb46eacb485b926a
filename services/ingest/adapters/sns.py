"""Messages of Amazon SNS: signed with RSA over some of their members, with a certificate that SNS publishes at its own hosts alone.

Whoever has an AWS account can have SNS sign messages: one is ours only when it is of our topic.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import binascii
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import Field

from services.ingest.adapters.adapter import Call, Form, NotProven, Outcome, Request
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import check_fresh, proof_asked_for

_HOST = re.compile(r"sns\.[a-z0-9-]{1,32}\.amazonaws\.com(\.cn)?")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem")
_FRESH = timedelta(hours=2)
"""SNS sends again for an hour."""
_HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Topic(Form):
    """Which messages are ours."""

    topic_arn: Annotated[
        str,
        Field(pattern="^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", description="Amazon SNS, Topics: the ARN of your topic"),
    ]


def certificate_at(request: Request, topics: Sequence[str]) -> Call | None:
    """Where the certificate lies that the message says it is signed with. Raises NotProven for any place but SNS's own."""
    if not proof_asked_for():
        return None
    with proving():
        return Call("GET", _certificate_url(_ours(request, topics)))


def verified(request: Request, topics: Sequence[str], zone: ZoneInfo) -> Node:
    """A message of one of the topics, whose signature holds. Raises NotProven."""
    if not proof_asked_for():
        return json_body(request.body)
    with proving():
        message = _ours(request, topics)
        _certificate_url(message)
        _check_signature(message, request)
        check_fresh(message["Timestamp"].iso(zone), request.at, _FRESH)
    return message


def subscription(message: Node) -> Outcome | None:
    """What a message about the subscription itself amounts to, None for one that holds something. Raises NotProven."""
    match message["Type"].text():
        case "SubscriptionConfirmation":
            url = message["SubscribeURL"].required_text()
            if not is_of_sns(url):
                raise NotProven("foreign_subscription")
            return Outcome(confirm=url)
        case "UnsubscribeConfirmation":
            return Outcome(passed_over={"unsubscribed": 1})
    return None


def is_of_sns(url: str) -> bool:
    """Whether a URL leads to SNS itself."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc == parts.hostname and bool(_HOST.fullmatch(parts.netloc))
    except ValueError:
        return False


def _ours(request: Request, topics: Sequence[str]) -> Node:
    message = json_body(request.body)
    if message["TopicArn"].required_text() not in topics:
        raise NotProven("foreign_topic")
    return message


def _certificate_url(message: Node) -> str:
    url = message["SigningCertURL"].required_text()
    if not is_of_sns(url) or not _CERTIFICATE.fullmatch(urlsplit(url).path) or urlsplit(url).query:
        raise NotProven("foreign_certificate")
    return url


def _check_signature(message: Node, request: Request) -> None:
    names, algorithm = _SIGNED.get(message["Type"].text() or ""), _HASHES.get(message["SignatureVersion"].text() or "")
    if names is None or algorithm is None or request.keys is None:
        raise NotProven("no_signature")
    try:
        certificate = x509.load_pem_x509_certificate(request.keys)
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or not certificate.not_valid_before_utc <= request.at <= certificate.not_valid_after_utc:
            raise NotProven("wrong_certificate")
        signature = binascii.a2b_base64(message["Signature"].required_text().encode("ascii", "replace"))
        key.verify(signature, _canonical(message, names), padding.PKCS1v15(), algorithm())
    except (ValueError, InvalidSignature):
        raise NotProven("wrong_signature") from None


def _canonical(message: Node, names: Sequence[str]) -> bytes:
    """Name and value of each member that is there, a line each."""
    lines = [part for name in names if message[name].here for part in (name, message[name].value)]
    if not all(isinstance(line, str) for line in lines):
        raise NotProven("no_signature")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")

"""Amazon SES: whose signature holds, subscriptions, and what became of mails that were sent."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.adapters import generic
from services.ingest.adapters.adapter import Endpoint, NotProven, Outcome, Request
from services.ingest.adapters.aws_ses import keys, receive
from services.ingest.adapters.mail import Mails
from services.ingest.adapters.mapping import EventMapping, Source
from services.ingest.adapters.schemes import SchemeSecrets, Sns
from services.ingest.adapters.sns import Topic
from shared.contracts.identity import address_hash
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.aws_ses import ARN, AT, ENVELOPE, URL, in_envelope, signed
from tests.ingest.adapters.judging import take
from tests.ingest.adapters.keypairs import certificate

RECEIVED = json.loads((SAMPLES / "aws_ses/received_notification.json").read_bytes())


def receiving(body: bytes, *, pem: bytes | None = None, at: datetime = AT, options: Mails | None = None) -> Outcome:
    """What becomes of a body that SNS sends, its certificate fetched as the adapter asks for it."""
    endpoint = Endpoint((Topic(topic_arn=ARN),), options or Mails(), UTC_ZONE)
    request = Request("POST", URL, {"content-type": "text/plain; charset=UTF-8"}, body, at)
    assert keys(request, endpoint) is not None
    outcome = receive(Request("POST", URL, request.headers, body, at, certificate() if pem is None else pem), endpoint)
    take(outcome.events, at)
    return outcome


def envelope(**members: Any) -> bytes:
    """The sample's envelope with other members, signed."""
    return signed(json.dumps({**ENVELOPE, **members}).encode())


def notification(**members: Any) -> bytes:
    """The sample's notification with other members, in a signed envelope."""
    return in_envelope(json.dumps({**RECEIVED, **members}).encode())


def refused(body: bytes, **how: Any) -> str:
    """Why a body is not proven."""
    with pytest.raises(NotProven) as error:
        receiving(body, **how)
    return error.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-00.pem",
        "https://evil.example/SimpleNotificationService-00.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-00.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
        "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-00.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-00.pem",
        "https://sns.us-east-1.amazonaws.com/other.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem?to=https://evil.example",
        "https://[sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem",
    ],
)
def test_a_certificate_of_any_host_but_snss_own_is_not_even_fetched(url: str) -> None:
    assert refused(envelope(SigningCertURL=url)) == "foreign_certificate"


@pytest.mark.parametrize("url", ["https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-ab.pem"])
def test_snss_hosts_in_china_are_its_own(url: str) -> None:
    outcome = receiving(envelope(SigningCertURL=url))

    assert len(outcome.events) == 1


def test_a_message_of_another_topic_is_refused_however_well_it_is_signed() -> None:
    assert refused(envelope(TopicArn="arn:aws:sns:us-east-1:999999999999:mine")) == "foreign_topic"


def test_both_versions_of_the_signature_hold() -> None:
    outcomes = [receiving(envelope(SignatureVersion=version)) for version in ("1", "2")]

    assert outcomes[0].events == outcomes[1].events
    assert refused(envelope(SignatureVersion="3")) == "no_signature"


def test_a_message_without_a_subject_is_signed_without_it() -> None:
    bare = {name: value for name, value in ENVELOPE.items() if name != "Subject"}

    outcome = receiving(signed(json.dumps(bare).encode()))

    assert len(outcome.events) == 1


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "wrong_signature"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "wrong_signature"),
        (certificate(datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)), "wrong_certificate"),
    ],
    ids=["nothing", "no certificate", "expired"],
)
def test_only_a_certificate_that_is_valid_proves_anything(pem: bytes, reason: str) -> None:
    assert refused(envelope(), pem=pem) == reason


@pytest.mark.parametrize("late", [timedelta(hours=3), -timedelta(hours=3)], ids=str)
def test_a_recording_is_refused_once_sns_would_have_given_up(late: timedelta) -> None:
    assert refused(envelope(), at=AT + late) == "stale"
    assert len(receiving(envelope(), at=AT + timedelta(hours=1)).events) == 1


def confirmation(url: str) -> bytes:
    """What SNS sends when an endpoint is subscribed."""
    return envelope(Type="SubscriptionConfirmation", Message="You have chosen to subscribe …", Token="2336412f37", SubscribeURL=url)


def test_a_subscription_is_confirmed_at_sns_and_nowhere_else() -> None:
    url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:012345678912:x&Token=2336412f37"

    outcome = receiving(confirmation(url))

    assert (outcome.confirm, outcome.events) == (url, ())
    assert refused(confirmation("https://evil.example/?Action=ConfirmSubscription")) == "foreign_subscription"


def test_viruses_and_spam_are_counted_and_spam_is_taken_where_the_options_say_so() -> None:
    spam = notification(receipt={**RECEIVED["receipt"], "spamVerdict": {"status": "FAIL"}})
    virus = notification(receipt={**RECEIVED["receipt"], "virusVerdict": {"status": "FAIL"}})

    passed_over = [receiving(body).passed_over for body in (spam, virus)]

    assert passed_over == [{"spam": 1}, {"virus": 1}]
    assert len(receiving(spam, options=Mails(take_spam=True)).events) == 1


def test_a_sender_whose_domain_does_not_stand_behind_the_address_is_not_verified() -> None:
    outcome = receiving(notification(receipt={**RECEIVED["receipt"], "dmarcVerdict": {"status": "GRAY"}}))

    assert outcome.events[0].data["customer"] == {"email": "emily@example.com", "name": "Emily Adams"}


def sent(**headers: str) -> dict[str, Any]:
    """What SES tells of a mail of ours."""
    return {"messageId": "m-1", "headers": [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]}


def test_a_bounce_tells_the_case_that_our_mail_was_about() -> None:
    bounce = {
        "feedbackId": "f-1",
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "timestamp": "2026-03-19T09:30:00.000Z",
        "bouncedRecipients": [{"emailAddress": "Emily@example.com", "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550"}],
    }

    outcome = receiving(notification(notificationType="Bounce", bounce=bounce, mail=sent(Hearback_Case="0190f3c2-7c1e")))

    (event,) = outcome.events
    assert (event.type, event.id, event.time) == ("message.delivery_failed.v1", "f-1", datetime(2026, 3, 19, 9, 30, tzinfo=UTC))
    assert event.data == {
        "channel": "email",
        "case": "0190f3c2-7c1e",
        "address_hash": address_hash("emily@example.com"),
        "reason": "Permanent General 5.1.1",
        "permanent": True,
    }


def test_a_complaint_about_an_invitation_is_a_failure_for_good() -> None:
    complaint = {
        "feedbackId": "f-2",
        "timestamp": "2026-03-19T09:30:00.000Z",
        "complaintFeedbackType": "abuse",
        "complainedRecipients": [{"emailAddress": "emily@example.com"}],
    }

    outcome = receiving(notification(notificationType="Complaint", complaint=complaint, mail=sent(Hearback_Invitation="i-7")))

    (event,) = outcome.events
    assert (event.data["invitation"], event.data["reason"], event.data["permanent"]) == ("i-7", "Complaint abuse", True)


def test_a_bounce_of_a_mail_that_nothing_ties_to_us_is_counted_only() -> None:
    bounce = {"feedbackId": "f-1", "timestamp": "2026-03-19T09:30:00.000Z", "bouncedRecipients": [{"emailAddress": "emily@example.com"}]}

    outcome = receiving(notification(notificationType="Bounce", bounce=bounce, mail=sent(Subject="Newsletter")))

    assert (list(outcome.events), outcome.passed_over) == ([], {"delivery_status": 1})


def test_a_topic_of_a_generic_endpoint_is_subscribed_to_and_a_foreign_one_is_not() -> None:
    mapping = EventMapping(type="feedback.message_received", id=("$.id",), fields={"text": "$.text", "channel": Source(value="other")})
    options = generic.Options(scheme=Sns(), events=(mapping,))
    url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"

    def heard(topic: str) -> Outcome:
        request = Request("POST", URL, {"content-type": "text/plain"}, confirmation(url), AT, certificate())
        return generic.receive(request, Endpoint((SchemeSecrets(secret=topic),), options, UTC_ZONE))

    assert heard(ARN).confirm == url
    with pytest.raises(NotProven, match="foreign_topic"):
        heard(ARN.replace("us-east-1", "eu-west-1"))

"""The signature, verified by the reference implementation, and what answers mean."""

import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.clock import utc_now
from shared.delivery.delivery import Delivery, Verdict
from shared.delivery.guard import GuardedNetwork
from shared.delivery.webhook import WebhookSender, WebhookTarget, answered, new_secret, retry_after, signature, signing_key
from tests.shared.delivery.receivers import Receiver

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def delivery(body: bytes) -> Delivery:
    return Delivery(
        id=uuid4(), tenant="acme", group_key="g", receiver="a", kind="webhook", sequence=1, body=body, state="leased", attempt=1,
        failures=0, created_at=NOW, trying_since=NOW, next_at=NOW,
    )  # fmt: skip


async def test_during_a_rotation_each_of_two_secrets_verifies_and_no_other(receiver: Receiver) -> None:
    old, new, foreign = new_secret(), new_secret(), new_secret()
    network = GuardedNetwork(allow_private=True)
    target = WebhookTarget(receiver.url("/a"), (signing_key(new), signing_key(old)))

    sent = delivery('{"summary": "满意度下降"}'.encode())
    outcome = await WebhookSender(network, utc_now).send(target, sent)

    network.close()
    (arrival,) = receiver.arrivals
    assert outcome.verdict is Verdict.DELIVERED
    assert arrival.id == str(sent.id)
    for secret in (old, new):
        assert Webhook(secret).verify(arrival.body, arrival.headers) == {"summary": "满意度下降"}
    with pytest.raises(WebhookVerificationError):
        Webhook(foreign).verify(arrival.body, arrival.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(arrival.body + b" ", arrival.headers)


async def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    network = GuardedNetwork(allow_private=True)

    await WebhookSender(network, utc_now).send(WebhookTarget(receiver.url("/a")), delivery(b"{}"))

    network.close()
    assert "webhook-signature" not in receiver.arrivals[0].headers


@given(st.text(min_size=1, max_size=40), st.binary(min_size=24, max_size=64))
def test_the_signature_is_the_one_of_the_reference_implementation(body: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()

    ours = signature("id", int(NOW.timestamp()), body.encode(), [signing_key(secret)])

    assert ours == Webhook(secret).sign("id", NOW, body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "a" * 44])
def test_a_secret_that_is_none_is_refused_when_it_is_read(secret: str) -> None:
    with pytest.raises(ValueError):
        signing_key(secret)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "delivered"), (204, "delivered"), (299, "delivered"), (301, "refused"), (308, "refused"), (400, "refused"), (401, "refused"),
     (404, "refused"), (410, "refused"), (408, "again"), (429, "again"), (500, "again"), (503, "again"), (599, "again")],
)  # fmt: skip
def test_only_2xx_is_success_and_only_some_failures_come_again(status: int, verdict: str) -> None:
    assert answered(status, [], NOW).verdict == verdict


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0), (format_datetime(NOW - timedelta(days=1)), 0.0),
     ("", None), ("soon", None), ("-5", None), ("Sun, 01 Mar 2026 12:00:00", None)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds
    assert answered(503, [(b"Retry-After", value.encode())], NOW).retry_after_seconds == seconds

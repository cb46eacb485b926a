"""What Salesforce's envelope adds to the contract of all adapters."""

import dataclasses

import pytest

from services.ingest.adapters.adapter import NotProven, Unreadable
from tests.ingest.adapters.cases.salesforce import A_HUNDRED, CLOSED
from tests.ingest.adapters.judging import written


def test_a_message_may_hold_a_hundred_notifications() -> None:
    request = A_HUNDRED.request(A_HUNDRED.body)

    outcome = A_HUNDRED.receive(request)

    assert written(outcome.events) == list(A_HUNDRED.expected)


def test_more_than_a_hundred_notifications_are_not_salesforces() -> None:
    twice = A_HUNDRED.body.replace(b"</notifications>", b"<Notification/></notifications>")

    with pytest.raises(Unreadable):
        A_HUNDRED.receive(A_HUNDRED.request(twice))


def test_the_message_of_another_organization_is_refused() -> None:
    foreign = CLOSED.body.replace(b"00D000000000001EAA", b"00D000000000002EAA")

    with pytest.raises(NotProven) as refused:
        CLOSED.receive(CLOSED.request(foreign))

    assert refused.value.reason == "foreign_organization"


def test_an_organization_may_be_named_by_its_short_id() -> None:
    short = dataclasses.replace(CLOSED, options=CLOSED.options.model_copy(update={"organization": "00D000000000001"}))

    outcome = short.receive(short.request(short.body))

    assert len(outcome.events) == 3


def test_a_document_type_is_refused_before_anything_is_expanded() -> None:
    entity = CLOSED.body.replace(b"<soapenv:Envelope", b'<!DOCTYPE x [<!ENTITY e "boom">]><soapenv:Envelope', 1)

    with pytest.raises(Unreadable, match="document type"):
        CLOSED.receive(CLOSED.request(entity))

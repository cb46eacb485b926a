"""What a tenant wants is done to the personal data of its events, and what the contract takes stays what the contract takes."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.personal.emails import normal_email
from services.ingest.personal.policy import Policies
from services.ingest.personal.pseudonyms import Pseudonyms
from shared.contracts.access import TenantRecord
from shared.contracts.decoding import admit, decode, encode
from shared.contracts.examples import EXAMPLES
from shared.errors import Unavailable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MASTER = b"a master key of some thirty-two bytes"
CARD = "4111 1111 1111 1111"


def record(tenant: str = "acme", **settings: Any) -> TenantRecord:
    return TenantRecord(tenant=tenant, name="A tenant", created_at=NOW, **settings)


def stored(event: dict[str, Any], region: str | None = None, tenant: str = "acme", **settings: Any) -> Any:
    """The event as its readers get it."""
    policies = Policies({tenant: record(tenant, **settings)}, MASTER)
    submitted = policies.of(tenant).applied(admit(json.dumps(event).encode(), NOW), region)
    return decode(encode(submitted, id="e-1", source="/crm", tenant=tenant, receivedat=NOW))


def complaint(**data: Any) -> dict[str, Any]:
    event = copy.deepcopy(EXAMPLES["feedback.complaint_raised.v1"])
    event["data"] |= data
    return event


@pytest.mark.parametrize(
    ("phone", "country", "region", "normal"),
    [
        ("+49 (0)30 1234567", None, None, "+49301234567"),
        ("030 1234567", "DE", None, "+49301234567"),
        ("030 1234567", "US", "DE", "+49301234567"),
        ("(415) 555-0123", "US", None, "+14155550123"),
        ("0044 20 7946 0958", "DE", None, "+442079460958"),
        ("+442079460958", None, None, "+442079460958"),
        ("030 1234567", None, None, "030 1234567"),
        ("ask at the desk", "DE", None, "ask at the desk"),
    ],
)
def test_numbers_become_e164_with_the_country_of_the_way_in_or_of_the_tenant(
    phone: str, country: str | None, region: str | None, normal: str
) -> None:
    event = stored(complaint(customer={"phone": phone}), region, country=country)

    assert event.data.customer.phone == normal


@pytest.mark.parametrize(
    ("email", "normal"), [("Ann.Lee@Example.COM", "ann.lee@example.com"), ("u\u0308@x.org", "ü@x.org"), ("\t@x", "\t@x")]
)
def test_addresses_are_compared_in_lower_case_and_composed(email: str, normal: str) -> None:
    event = stored(complaint(customer={"email": email}))

    assert event.data.customer.email == normal


def test_every_free_text_is_redacted_and_nothing_else() -> None:
    event = complaint(
        text=f"paid with {CARD}",
        remedy_sought=CARD,
        tags={"order": "4111111111111112", "note": CARD},
        customer={"id": "c-1", "name": "Ann", "email": "ann@example.com", "attributes": {"about": CARD, "orders": 4111111111111111}},
        interaction_id="4111111111111111",
    )
    event |= {"subject": f"about {CARD}", "myext": CARD}

    found = stored(event, redaction=True)

    assert (found.data.text, found.data.remedy_sought, found.subject) == ("paid with [card]", "[card]", "about [card]")
    assert found.data.tags == {"order": "4111111111111112", "note": "[card]"}
    assert found.data.customer.attributes == {"about": "[card]", "orders": 4111111111111111}
    assert (found.data.customer.email, found.data.interaction_id) == ("ann@example.com", "4111111111111111")


def test_answers_are_redacted() -> None:
    event = copy.deepcopy(EXAMPLES["feedback.survey_answered.v1"])
    event["data"] |= {"comment": CARD, "answers": [
        {"question": "q1", "instrument": "text", "text": CARD}, {"question": "q2", "instrument": "choice", "choice": CARD}]}  # fmt: skip

    found = stored(event, redaction=True)

    assert (found.data.comment, found.data.answers[0].text, found.data.answers[1].choice) == ("[card]", "[card]", "[card]")


def test_only_the_kinds_that_a_tenant_names_are_redacted() -> None:
    event = stored(complaint(text=f"{CARD} a@b.com"), redaction=True, redacted=("email",))

    assert event.data.text == f"{CARD} [email]"


def test_a_text_that_marks_make_longer_is_still_taken_by_every_reader() -> None:
    event = stored(complaint(text="a@b.cc " * 7142 + "......"), redaction=True)

    assert len(event.data.text) == 50_000


def test_pseudonyms_are_the_same_for_a_person_however_written_and_other_for_another_tenant() -> None:
    def customer(tenant: str, **named: Any) -> Any:
        return stored(complaint(customer=named), tenant=tenant, country="DE", pseudonyms=True).data.customer

    first = customer("acme", id="c-1", name="Ann", email="Ann@Example.com", phone="030 1234567", email_verified=True)
    again = customer("acme", email="ann@example.com", phone="+49 30 1234567")
    other = customer("umbrella", email="ann@example.com")

    assert (first.email, first.phone) == (again.email, again.phone)
    assert first.email != other.email
    assert first.email.endswith("@pseudonym.invalid")
    assert (first.id, first.name, first.email_verified) == ("c-1", None, True)
    assert "ann" not in first.email


def test_an_id_that_is_an_address_is_hidden_too_and_so_is_the_key_that_the_record_has() -> None:
    event = complaint(customer={"id": "Ann@Example.com"}, author="Ann")
    event["type"], event["data"] = (
        "feedback.comment_posted.v1",
        {"channel": "review", "text": "good", "author": "Ann", "customer": {"id": "Ann@Example.com"}},
    )
    policies = Policies({"acme": record(pseudonyms=True)}, MASTER)

    submitted = policies.of("acme").applied(admit(json.dumps(event).encode(), NOW), None)

    assert submitted.customer_id == Pseudonyms(MASTER, "acme").email("ann@example.com")
    assert b"ann" not in submitted.data.lower().replace(b"channel", b"")


@given(email=st.emails())
def test_what_is_a_pseudonym_stays_one(email: str) -> None:
    pseudonyms = Pseudonyms(MASTER, "acme")

    once = pseudonyms.email(normal_email(email))

    assert pseudonyms.email(once) == once
    assert pseudonyms.id(once) == once


def test_a_changed_record_changes_what_happens_from_then_on() -> None:
    tenants = {"acme": record()}
    policies = Policies(tenants, MASTER)
    before = policies.of("acme")
    tenants["acme"] = record(redaction=True)

    assert (before.touches_all, policies.of("acme").touches_all, policies.of("umbrella").touches_all) == (False, True, False)
    assert policies.of("acme") is policies.of("acme")


def test_without_a_key_for_pseudonyms_nothing_goes_through_unhidden() -> None:
    with pytest.raises(Unavailable):
        Policies({"acme": record(pseudonyms=True)}, None).of("acme")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_of_the_contract_is_still_one_when_everything_is_on(name: str) -> None:
    event = stored(copy.deepcopy(EXAMPLES[name]), country="DE", redaction=True, pseudonyms=True)

    assert event.type == name

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


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://x.example/p/4111111111111111?mail=ann%40x.example&card=4111+1111+1111+1111&n=7#a@b.com",
         "https://x.example/p/4111111111111111?mail=[email]&card=[card]&n=7#[email]"),
        ("https://x.example/of/ann%40x.example/9", "https://x.example/of/[email]/9"),
        ("https://social.example/@ann/1?x=%E6%BC%A2", "https://social.example/@ann/1?x=%E6%BC%A2"),
    ],
)  # fmt: skip
def test_what_stands_in_the_query_of_a_web_address_is_redacted_and_the_page_stays(url: str, left: str) -> None:
    event = complaint()
    event |= {"type": "feedback.comment_posted.v1", "data": {"channel": "review", "text": "good", "url": url}}

    assert stored(event, redaction=True).data.url == left


def test_ids_are_not_redacted_for_two_events_would_become_one() -> None:
    event = complaint(interaction_id="ann@example.com") | {"id": "ann@example.com"}

    submitted = Policies({"acme": record(redaction=True)}, MASTER).of("acme").applied(admit(json.dumps(event).encode(), NOW), None)

    assert (submitted.id, json.loads(submitted.data)["interaction_id"]) == ("ann@example.com", "ann@example.com")


def test_every_mark_is_told_by_its_kind() -> None:
    told: list[str] = []
    policies = Policies({"acme": record(redaction=True)}, None, told.append)

    policies.of("acme").applied(admit(json.dumps(complaint(text=f"{CARD} a@b.com", remedy_sought="c@d.com")).encode(), NOW), None)

    assert sorted(told) == ["card", "email", "email"]


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


@pytest.mark.parametrize(
    ("id", "left"),
    [
        ("Ann@Example.com", "{email}"),
        ("order:Ann@example.com:17", "order:{email}:17"),
        ("whatsapp:+493012345678", "whatsapp:{phone}"),
        ("whatsapp:493012345678", "whatsapp:{phone}"),
        ("4930123456789", "4930123456789"),
        ("answer-17", "answer-17"),
    ],
)
def test_ids_that_hold_the_customers_address_or_number_are_hidden_and_stay_the_same_id(id: str, left: str) -> None:
    pseudonyms = Pseudonyms(MASTER, "acme")
    wanted = left.format(email=pseudonyms.email("ann@example.com"), phone=pseudonyms.phone("+493012345678"))
    event = complaint(interaction_id=id, customer={"id": id, "phone": "+49 30 12345678"})
    event |= {"id": id, "subject": id}

    submitted = Policies({"acme": record(pseudonyms=True)}, MASTER).of("acme").applied(admit(json.dumps(event).encode(), NOW), None)

    data = json.loads(submitted.data)
    assert {submitted.id, submitted.subject, submitted.customer_id, data["customer"]["id"], data["interaction_id"]} == {wanted}


def test_an_id_that_pseudonyms_make_too_long_is_one_itself() -> None:
    pseudonyms = Pseudonyms(MASTER, "acme")
    long = ",".join(f"{name}@example.com" for name in "abcdefgh")

    hidden = pseudonyms.id(long)

    assert hidden == pseudonyms.id(long) != pseudonyms.id(long + ",i@example.com")
    assert len(hidden) < 256
    assert "example" not in hidden


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

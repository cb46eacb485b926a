"""Customers with pseudonyms: reached where the tenant wants that, by addresses that lie nowhere in the clear, never after an opt-out."""

import json
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.intake import Accepted, Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import Policies
from services.ingest.personal.sealing import HEADER, Sealer
from services.ingest.settings import IngestSettings
from services.ingest.surveys.store.people import opt_out
from shared.clock import utc_now
from shared.contracts.access import TenantRecord
from shared.contracts.decoding import decode
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.kafka.batch import Received
from shared.settings import DatabaseSettings
from tests.ingest.partitions import Partitions
from tests.ingest.surveys.test_sending import delivering, mails_over, until
from tests.ingest.surveys.world import MASTER, World, contact, event
from tests.shared.delivery.test_mail import Mailbox, mail_server

SENT = "SELECT every(sent_at IS NOT NULL) FROM survey_invitations"
ANN = {"id": "c-ann", "email": "Ann@Example.com", "phone": "0171 2345678"}


def wants(world: World, *, pseudonyms: bool = True, survey_addresses: bool = True) -> None:
    """What the tenant wants from now on."""
    wanted = {"tenant": "acme", "name": "ACME", "country": "DE", "created_at": utc_now()}
    world.tenants["acme"] = TenantRecord.model_validate({**wanted, "pseudonyms": pseudonyms, "survey_addresses": survey_addresses})


def through_the_edge(world: World, id: str, customer: dict[str, Any], type: str = "interaction.completed.v1", **data: Any) -> Accepted:
    """What the edge makes of an event."""
    settings = IngestSettings.model_validate({"database_url": "unused"})
    intake = Intake(settings, Partitions(), IngestMetrics(CollectorRegistry()), Policies(world.tenants, MASTER))  # type: ignore[arg-type]
    item = {"type": type, "id": id, "source": "/crm", "time": utc_now(), "data": {"channel": "chat", "customer": customer, **data}}
    return intake.judge("acme", msgspec.json.encode(item), source="/crm", id=id, now=utc_now(), traceparent=b"00-0-0-00")


async def happen(world: World, *accepted: Accepted) -> None:
    """A batch of such records."""
    batch = [Received(decode(one.record.value), FEEDBACK_EVENTS, 0, 0, utc_now(), None, tuple(one.record.headers)) for one in accepted]
    async with world.sessions.begin() as session:
        await world.handler.apply(session, batch)


async def everything(world: World) -> str:
    """All that the role keeps and announces."""
    tables = ("survey_invitations", "survey_contacts", "survey_addresses", "survey_opt_outs", "deliveries", "delivery_attempts", "outbox")
    return " ".join([str(await world.rows(f"SELECT * FROM {table}")) for table in tables]).lower()


async def test_a_customer_with_a_pseudonym_is_asked_and_their_address_lies_nowhere_in_the_clear(
    world: World, surveys_database: DatabaseSettings
) -> None:
    wants(world)
    await world.make("after-contact")
    accepted = through_the_edge(world, "1", ANN)
    await happen(world, accepted)
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, SENT)

    assert [str(mail["To"]) for mail in mailbox.mails] == ["ann@example.com"]
    kept = await everything(world)
    assert "ann@example.com" not in kept and "1712345678" not in kept
    [sealed] = [value for name, value in accepted.record.headers if name == HEADER]
    opened = {kind: Sealer(MASTER, "acme").open(one) for kind, one in json.loads(sealed).items()}
    assert opened == {"email": "ann@example.com", "phone": "+491712345678"}
    assert Sealer(MASTER, "umbrella").open(json.loads(sealed)["email"]) is None
    [sent] = await world.said("sent")
    assert sent["data"]["customer"] == {"id": "c-ann"}


@pytest.mark.parametrize("setting", [{"survey_addresses": False}, {"pseudonyms": False}])
async def test_nothing_is_sealed_for_a_tenant_that_does_not_want_it(world: World, setting: dict[str, bool]) -> None:
    wants(world, **setting)
    accepted = through_the_edge(world, "1", ANN)
    await world.make("after-contact")
    await happen(world, accepted)

    assert HEADER not in dict(accepted.record.headers)
    [invitation] = await world.invitations()
    assert invitation["reason"] == ("no_way" if setting.get("pseudonyms", True) else None)


async def test_a_follow_up_reaches_who_only_ever_complained(world: World) -> None:
    wants(world)
    await world.make("complaint", "follow_up")
    complaint = through_the_edge(world, "1", ANN, "feedback.complaint_raised.v1", text="Broken.")
    await happen(world, complaint)
    hidden = decode(complaint.record.value).data.customer
    wanted = {"request": "r-1", "case": "case-1", "survey": "complaint", "customer": {"email": hidden.email}}
    await world.happen(event("survey.requested.v1", wanted, id="e-1"))

    [invitation] = await world.invitations()
    assert (invitation["state"], invitation["way"]) == ("planned", "email")


@pytest.mark.parametrize("who", [{"email": "ANN@example.com"}, {"phone": "0171/2345678"}, {"phone": "+49 171 2345678"}])
async def test_an_opt_out_by_the_real_address_holds_for_the_pseudonym(world: World, who: dict[str, str]) -> None:
    wants(world)
    await world.make("after-contact")
    await happen(world, through_the_edge(world, "1", {**ANN, "id": "c-1"}))
    async with world.client("ingest:write") as client:
        await client.post("/v1/survey-opt-outs", json=who)
        found = (await client.post("/v1/survey-opt-outs/find", json=who)).json()
    await happen(world, through_the_edge(world, "2", {**ANN, "id": "c-2"}))
    await world.fire()

    assert found["opted_out"]
    assert [(row["state"], row["reason"]) for row in await world.invitations()] == [("passed_over", "opted_out")] * 2


async def test_an_opt_out_from_before_there_were_pseudonyms_holds_and_so_does_one_from_after_they_are_gone(world: World) -> None:
    await world.make("after-contact", fatigue_days=0)
    await world.happen(contact("before", customer={"id": None, "email": "ann@example.com"}))
    [invitation] = await world.invitations()
    async with world.sessions.begin() as session:
        await opt_out(session, "acme", invitation["person_keys"], via="link", now=utc_now())
    wants(world)
    await happen(world, through_the_edge(world, "during", {"email": "ann@example.com"}))
    await world.fire()

    assert {row["reason"] for row in await world.invitations()} == {"opted_out"}
    assert len(await world.invitations()) == 2


async def test_an_erased_customer_leaves_no_sealed_address(world: World) -> None:
    wants(world)
    accepted = through_the_edge(world, "1", ANN)
    await happen(world, accepted)
    before = await world.rows("SELECT * FROM survey_addresses")
    customer = decode(accepted.record.value).data.customer
    members = [{"kind": kind, "source": "crm", "value": getattr(customer, kind)} for kind in ("id", "email", "phone")]
    await world.happen(event("customer.erased.v1", {"customer": "p-1", "members": members}, id="2"))

    assert len(before) == 6, "two addresses under each of three keys"
    assert await world.rows("SELECT * FROM survey_addresses") == []

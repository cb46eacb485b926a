"""Mail servers that refuse, are slow, hang up or are away; addresses that are dead; nights and paces that hold messages back."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.clock import utc_now
from shared.settings import DatabaseSettings
from tests.ingest.surveys.test_sending import delivering, mails_over, until
from tests.ingest.surveys.world import PACES, World, contact, event
from tests.shared.delivery.test_mail import Mailbox, mail_server

DONE = "SELECT every(state <> 'planned') FROM survey_invitations"


class Troubled(Mailbox):
    """Answers the first tries for each recipient as it is told to, then takes the mail."""

    def __init__(self, *troubles: str) -> None:
        super().__init__()
        self.troubles = troubles
        self.tries: Counter[str] = Counter()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        trouble = self.troubles[self.tries[address]] if self.tries[address] < len(self.troubles) else "250 OK"
        self.tries[address] += 1
        if trouble == "hangs up":
            assert server.transport is not None
            server.transport.abort()
        if trouble == "sleeps":
            await asyncio.sleep(1.3)
        elif trouble != "250 OK":
            return trouble
        envelope.rcpt_tos.append(address)
        return "250 OK"


async def sent(world: World) -> list[dict[str, Any]]:
    """What deliveries there were, as the database has them."""
    return await world.rows("SELECT * FROM deliveries ORDER BY created_at")


@pytest.mark.parametrize("trouble", ["450 4.2.1 try again later", "421 4.3.2 too many connections", "hangs up", "sleeps"])
async def test_what_is_refused_for_now_dropped_or_not_answered_is_tried_again_and_arrives_once(
    world: World, surveys_database: DatabaseSettings, trouble: str
) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"))
    mailbox = Troubled(trouble, trouble)
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, DONE, 20)

    [delivery] = await sent(world)
    attempts = await world.rows("SELECT started_at, verdict FROM delivery_attempts ORDER BY attempt")
    assert [one["verdict"] for one in attempts] == ["again", "again", "delivered"]
    assert (delivery["failures"], len(mailbox.mails)) == (2, 1)
    assert [one["type"] for one in await world.said("survey_")] == ["feedback.survey_sent.v1"]
    assert await world.rows("SELECT * FROM survey_undeliverable") == []


async def test_an_address_that_does_not_exist_is_written_to_by_no_survey_any_more_and_a_text_goes_instead(
    world: World, surveys_database: DatabaseSettings
) -> None:
    await world.make("after-contact", fatigue_days=0)
    await world.happen(contact("ann"))
    mailbox = Troubled("550 5.1.1 no such user", "550 5.1.1 no such user")
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, DONE)
    await world.happen(contact("again", customer={"id": "c-ann", "email": "Ann@example.com"}))
    await world.happen(contact("phone", customer={"id": "c-ann", "email": "ann@example.com", "phone": "+4915112345678"}))
    async with world.client("ingest:write") as client:
        told = (await client.post("/v1/survey-opt-outs/find", json={"email": "ann@example.com"})).json()
    async with world.client() as client:
        await client.post("/v1/survey-opt-outs/withdraw", json={"email": "ann@example.com"})
    await world.happen(contact("later", customer={"id": "c-ann", "email": "ann@example.com"}))

    found = [(row["state"], row["reason"], row["way"]) for row in await world.invitations()]
    assert found == [
        ("failed", "the mail server answered 550", "email"),
        ("passed_over", "no_way", "email"),
        ("planned", None, "sms"),
        ("planned", None, "email"),
    ]
    assert told == {"opted_out": False, "undeliverable": True}
    assert (mailbox.mails, sum(mailbox.tries.values())) == ([], 1)


@pytest.mark.parametrize("answer", ["554 5.7.1 relay access denied", "550 5.7.26 not authenticated", "552 5.2.2 mailbox full"])
async def test_what_a_server_has_against_us_or_this_mail_condemns_no_address(
    world: World, surveys_database: DatabaseSettings, answer: str
) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"))
    async with mail_server(Troubled(answer), None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, DONE)

    assert [row["state"] for row in await world.invitations()] == ["failed"]
    assert await world.rows("SELECT * FROM survey_undeliverable") == []


async def test_what_bounced_for_good_is_failed_and_its_address_is_written_off_and_what_bounced_for_now_is_not(world: World) -> None:
    await world.make("after-contact")
    await world.make("later", fatigue_days=0, triggers=[])
    await world.happen(contact("ann"), contact("bob"))
    await world.rows("UPDATE survey_invitations SET state = 'sent', sent_at = now(), next_at = now()")
    for row in await world.invitations():
        failed = {"channel": "email", "invitation": row["id"], "permanent": row["contact"]["customer"] == "c-ann"}
        await world.happen(event("message.delivery_failed.v1", failed, id=row["id"]))
    await world.fire()
    async with world.client("ingest:write") as client:
        people = [{"id": f"again-{name}", "customer": {"email": f"{name}@example.com"}} for name in ("ann", "bob")]
        made = await client.post("/v1/surveys/later/invitations", json={"people": people})

    found = {row["contact"]["customer"]: (row["state"], row["sends"]) for row in await world.invitations() if row["survey"] != "later"}
    assert found == {"c-ann": ("failed", 0), "c-bob": ("sent", 1)}
    assert [(one["state"], one["reason"]) for one in made.json()["items"]] == [("passed_over", "no_way"), ("planned", None)]


async def test_a_message_that_is_held_up_into_the_night_waits_for_the_morning(world: World, surveys_database: DatabaseSettings) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"))
    await world.fire()
    now = utc_now()
    night = f'{{"since": "{now - timedelta(hours=1):%H:00}", "until": "{now + timedelta(hours=2):%H:00}"}}'
    await world.rows(f"UPDATE survey_versions SET document = jsonb_set(document, '{{quiet}}', '{night}')")
    async with mail_server(Mailbox(), None) as port, delivering(world, surveys_database, mails_over(port)):
        await until(world, "SELECT every(failures > 0) FROM deliveries")

    [delivery] = await sent(world)
    assert (delivery["state"], delivery["last_error"]) == ("pending", "it is night where the customer is")
    assert delivery["next_at"] > now + timedelta(minutes=59)
    assert [row["state"] for row in await world.invitations()] == ["planned"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("INSERT INTO survey_opt_outs SELECT tenant, person_key, now(), 'test' FROM survey_invitations, unnest(person_keys) person_key",
         "opted_out"),
        ("UPDATE surveys SET active = false", "retired"),
        ("UPDATE survey_invitations SET expires_at = now()", "expired"),
    ],
)  # fmt: skip
async def test_who_is_not_to_be_asked_any_more_when_the_message_goes_out_is_passed_over_and_not_failed(
    world: World, surveys_database: DatabaseSettings, change: str, reason: str
) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"))
    await world.fire()
    await world.rows(change)
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await until(world, DONE)

    assert [(row["state"], row["reason"]) for row in await world.invitations()] == [("passed_over", reason)]
    assert (mailbox.mails, await world.said()) == ([], [])


async def test_messages_go_out_at_the_pace_of_their_sender_however_many_replicas_hand_them_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PACES, "email", PACES["email"]._replace(per_second=2.0))
    await world.make("after-contact")
    await world.happen(*(contact(f"p{n}") for n in range(20)))
    while await world.fire():
        pass

    times = sorted(row["next_at"] for row in await sent(world))
    gaps = {round((later - earlier).total_seconds(), 3) for earlier, later in pairwise(times)}
    assert (len(times), gaps) == (20, {0.5})


async def test_a_customer_under_several_names_is_one_who_was_asked_lately(world: World) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"))
    await world.fire()
    await world.happen(contact("mail", customer={"id": None, "email": "ann@example.com"}))
    await world.fire()

    assert [(row["state"], row["reason"]) for row in await world.invitations()] == [("planned", None), ("passed_over", "asked_lately")]


async def test_strata_are_those_of_the_sample_and_events_still_say_everything(world: World) -> None:
    await world.make("after-contact", sampling={"target": 100, "by": ["segment"]})
    vip = {"segment": "vip"}
    await world.happen(contact("ann", region="north", customer=vip), contact("bob", region="south", customer=vip))
    async with world.client("metrics:read") as client:
        strata = (await client.get("/v1/surveys/after-contact/results")).json()["strata"]
    page = await world.link("after-contact", customer={"id": "c", "segment": "vip"}, region="west")

    assert [(one["segment"], one["region"], one["base"]) for one in strata] == [("vip", "", 2)]
    [sent_event] = await world.said("sent")
    assert (sent_event["data"]["customer"]["segment"], sent_event["data"]["region"]) == ("vip", "west")
    assert page

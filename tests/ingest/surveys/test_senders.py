"""A tenant's own sender: used by that tenant alone, sealed, guarded, and never replaced by the installation's in silence."""

from typing import Any

import pytest

from services.ingest.surveys.senders import Senders
from shared.clock import utc_now
from shared.delivery.delivery import Verdict
from shared.delivery.guard import GuardedNetwork
from shared.delivery.mail import Mail, MailSender, MailTarget, SmtpServer
from shared.delivery.sms import SmsSender
from shared.delivery.wechat import WeChatSender
from shared.settings import DatabaseSettings
from tests.ingest.surveys.test_sending import delivering, gateway, mails_over, until
from tests.ingest.surveys.world import SMS, WECHAT, World, contact
from tests.shared.delivery.test_mail import Mailbox, delivery, mail_server

SENT = "SELECT every(sent_at IS NOT NULL) FROM survey_invitations"


def smtp(port: int, **more: Any) -> dict[str, Any]:
    server = {"host": "127.0.0.1", "port": port, "sender": "hello@acme.example", "encryption": "none", **more}
    return {"smtp": server, "per_second": 500}


async def test_each_tenant_sends_by_its_own_and_who_has_none_by_the_installations(world: World, surveys_database: DatabaseSettings) -> None:
    for tenant in ("acme", "umbrella"):
        await world.make("after-contact", tenant=tenant)
        await world.happen(contact(f"from-{tenant}", tenant=tenant))
    own, shared = Mailbox(), Mailbox()
    async with mail_server(own, None) as own_port, mail_server(shared, None) as shared_port:
        async with world.client() as client:
            assert (await client.put("/v1/survey-senders/email", json=smtp(own_port))).status_code == 200
        async with delivering(world, surveys_database, mails_over(shared_port)):
            await world.fire()
            await until(world, SENT)
        async with world.client() as client:
            assert (await client.delete("/v1/survey-senders/email")).status_code == 204
        await world.happen(contact("second"))
        async with delivering(world, surveys_database, mails_over(shared_port)):
            await world.fire()
            await until(world, SENT)

    assert [(str(mail["To"]), mail["From"].addresses[0].addr_spec) for mail in own.mails] == [
        ("from-acme@example.com", "hello@acme.example")
    ]
    assert {(str(mail["To"]), mail["From"].addresses[0].addr_spec) for mail in shared.mails} == {
        ("from-umbrella@example.com", "surveys@hearback.example"), ("second@example.com", "surveys@hearback.example"),
    }  # fmt: skip


async def test_the_secret_is_sealed_never_shown_and_every_change_is_audited(world: World) -> None:
    async with world.client() as client:
        put = await client.put("/v1/survey-senders/email", json=smtp(25, username="u", password="pass-w0rd"))
        shown = (await client.get("/v1/survey-senders")).json()
        await client.delete("/v1/survey-senders/email")
        gone = await client.delete("/v1/survey-senders/email")
    async with world.client(tenant="umbrella") as other:
        theirs = (await other.get("/v1/survey-senders")).json()

    [item] = shown["items"]
    assert (item["way"], item["settings"]["username"], item["per_second"]) == ("email", "u", 500)
    assert (theirs["items"], gone.status_code) == ([], 404)
    for table in ("survey_senders", "audit"):
        assert "pass-w0rd" not in str(await world.rows(f"SELECT * FROM {table}")) + put.text + str(shown)
    audited = await world.rows("SELECT action FROM audit WHERE object = 'survey-sender:email' ORDER BY at")
    assert [row["action"] for row in audited] == ["create", "delete"]


@pytest.mark.parametrize(
    ("way", "body"),
    [
        ("sms", smtp(25)),
        ("email", {}),
        ("email", {"smtp": {"host": "h"}}),
        ("email", {**smtp(25), "account": {"appid": "a", "secret": "s", "template": "t", "fields": {}}}),
        ("wechat", {"account": {"appid": "a", "secret": "s", "template": "t", "fields": {"thing1": "{name}"}}}),
        ("link", smtp(25)),
    ],
)
async def test_what_is_no_sender_of_this_way_is_refused(world: World, way: str, body: dict[str, Any]) -> None:
    async with world.client() as client:
        answer = await client.put(f"/v1/survey-senders/{way}", json=body)

    assert answer.status_code == 422


@pytest.mark.parametrize("allow_private", [False, True])
async def test_what_a_tenant_configures_reaches_into_our_network_only_where_that_is_allowed(allow_private: bool) -> None:
    mailbox, network = Mailbox(), GuardedNetwork(allow_private=allow_private)
    one = delivery(Mail("s", "t"))
    async with mail_server(mailbox, None) as port, gateway(lambda _: {}) as (url, seen):
        server = SmtpServer.model_validate(smtp(port)["smtp"])
        texts = SmsSender(SMS.model_copy(update={"url": url}), network)
        templates = WeChatSender(WECHAT.model_copy(update={"url": url}), network)
        outcomes = [
            await MailSender(server, utc_now, network=network).send(MailTarget(("ann@example.com",)), one),
            await texts.send("+4930", "hello", one),
            await templates.send("oX1", "https://example.com", {}, one),
        ]
        await texts.close()
        await templates.close()
    network.close()

    assert [one.verdict for one in outcomes[:2]] == [Verdict.DELIVERED if allow_private else Verdict.AGAIN] * 2
    assert (len(mailbox.mails), bool(seen)) == (int(allow_private), allow_private)


async def test_a_secret_that_cannot_be_opened_holds_the_message_back(world: World, surveys_database: DatabaseSettings) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port:
        async with world.client() as client:
            await client.put("/v1/survey-senders/email", json=smtp(1))
        await world.rows("UPDATE survey_senders SET sealed = 'not sealed by us'")
        await world.make("after-contact")
        await world.happen(contact("ann"))
        await world.fire()
        async with delivering(world, surveys_database, mails_over(port)):
            await until(world, "SELECT every(failures > 0) FROM deliveries")

    assert mailbox.mails == []
    assert [row["state"] for row in await world.invitations()] == ["planned"]


async def test_a_way_that_was_taken_away_after_planning_fails_the_invitation_and_nothing_else(
    world: World, surveys_database: DatabaseSettings
) -> None:
    await world.make("after-contact", ways=["sms"])
    await world.happen(contact("ann", customer={"phone": "+4915112345678"}))
    world.senders._installation = Senders()
    async with delivering(world, surveys_database, Senders()):
        await world.fire()
        await until(world, "SELECT every(state = 'failed') FROM survey_invitations")

    [failed] = await world.said("failed")
    assert failed["data"]["reason"] == "there is no such receiver"

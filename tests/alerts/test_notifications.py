"""From a firing alert to a receiver on this machine: groups, signatures, failures, acknowledgement, all on real rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text
from standardwebhooks import Webhook

from services.alerts import configuration, people
from services.alerts.deliver import AlertReceivers
from services.alerts.domain.alert import ClockFact, clock_alert
from services.alerts.domain.receiver import read_receiver
from services.alerts.domain.route import read_route
from services.alerts.domain.rule import ClockRule, read_rule
from services.alerts.notifications import Notification, mail, webhook_body
from services.alerts.receivers import SavedReceiver, put_receiver
from services.alerts.store.alerts import list_alerts
from services.alerts.store.groups import CHANNEL
from services.alerts.store.receivers import find_receiver
from services.alerts.timers import GroupLooks
from shared.clock import utc_now
from shared.database.engine import Sessions
from shared.database.timers import TimerLoop, TimerMetrics
from shared.delivery.delivery import DeliveryPolicy
from shared.delivery.guard import GuardedNetwork
from shared.delivery.loop import DeliveryLoop
from shared.delivery.mail import MailSender, SmtpServer
from shared.delivery.metrics import DeliveryMetrics
from shared.delivery.secrets import SecretBox
from shared.delivery.webhook import WebhookSender
from shared.loops import Loop
from shared.settings import DatabaseSettings
from tests.alerts.events import NOON, announced, case, clock, happen, sampled
from tests.alerts.receiver import Receiver, receiving

BOX = SecretBox(SecretStr(Fernet.generate_key().decode()), "KEY")
QUICK = {"receiver": "default", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "0s"}


async def saved(sessions: Sessions, url: str, id: str = "default", **more: Any) -> SavedReceiver:
    async with sessions.begin() as session:
        await configuration.meet_tenants(session, ["acme"], NOON)
        receiver = read_receiver({"receiver": id, "kind": "webhook", "url": url, **more})
        return await put_receiver(session, BOX, "acme", receiver, "api", "key:k", NOON)


async def routed(sessions: Sessions, **tree: Any) -> None:
    async with sessions.begin() as session:
        await configuration.put_route(session, "acme", read_route({**QUICK, **tree}), "api", "key:k", NOON)


@asynccontextmanager
async def running(sessions: Sessions, database: DatabaseSettings, *, replicas: int = 1, allow_private: bool = True) -> AsyncIterator[None]:
    """The timers of groups and the deliveries, as in that many processes."""
    stop = asyncio.Event()
    network = GuardedNetwork(allow_private=allow_private)
    loops: list[Loop] = []
    for _ in range(replicas):
        registry = CollectorRegistry()
        metrics = TimerMetrics("hearback_groups", registry)
        loops.append(TimerLoop("groups", database, sessions, CHANNEL, GroupLooks(metrics, "http://alerts"), metrics))
        loops.append(
            DeliveryLoop(
                database, sessions, AlertReceivers(BOX, WebhookSender(network, utc_now), None), DeliveryMetrics("alerts", registry)
            )
        )
    running = [asyncio.create_task(loop.run(stop, lambda: None)) for loop in loops]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
        network.close()


async def firing(sessions: Sessions) -> list[Any]:
    async with sessions.begin() as session:
        return await list_alerts(session, "acme", state="firing", source=None, rule=None, case=None, before=None, limit=100)


def breaches(receiver: Receiver) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(got.id, got.said["status"], tuple(a["labels"]["case"] for a in got.said["alerts"])) for got in receiver.got]


async def test_a_breach_reaches_its_receiver_signed_and_grouped_and_its_end_follows(
    sessions: Sessions, alerts_database: DatabaseSettings
) -> None:
    async with receiving() as receiver, running(sessions, alerts_database):
        made = await saved(sessions, receiver.url)

        await happen(sessions, case("opened", 1, 0), clock("breached", 2, 3.2, breached=3))
        [first] = await receiver.wait_for(1)
        await happen(sessions, clock("met", 3, 60, breached=3))
        *_, last = await receiver.wait_for(2)

    assert made.new_secret is not None
    for got in (first, last):
        assert Webhook(made.new_secret).verify(got.body, got.headers) == got.said
    said = first.said
    assert (said["version"], said["status"], said["receiver"]) == ("4", "firing", "default")
    assert said["groupLabels"] == {"kind": "first_response", "team": "phone"}
    assert said["groupKey"] == '{}/{source="clock"}:{kind="first_response", team="phone"}'
    assert said["alerts"][0]["startsAt"] == "2026-03-01T12:00:03Z"
    assert said["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert (last.said["status"], last.said["alerts"][0]["reason"]) == ("resolved", "met")
    assert first.id != last.id
    notified = [event for event in await announced(sessions) if event.type == "alert.notified.v1"]
    assert [event.data.actor for event in notified] == ["receiver:default"] * 2


async def test_each_breach_is_one_webhook_id_with_two_replicas_and_redelivery(
    sessions: Sessions, alerts_database: DatabaseSettings
) -> None:
    async with receiving() as receiver, running(sessions, alerts_database, replicas=2):
        await saved(sessions, receiver.url)
        await routed(sessions, group_by=["case"])

        batches = [[clock("breached", 2, 3, case=f"case-{n}", breached=3) for n in range(start, start + 5)] for start in range(0, 20, 5)]
        await asyncio.gather(*(happen(sessions, *batch) for batch in batches for _ in range(2)))
        await receiver.wait_for(20)
        await asyncio.sleep(0.3)

    told = breaches(receiver)
    assert len({id for id, _, _ in told}) == 20
    assert sorted(cases for _, _, (cases,) in told) == sorted(f"case-{n}" for n in range(20))


async def test_a_receiver_that_fails_and_hangs_gets_one_effective_delivery_and_others_do_not_wait(
    sessions: Sessions, alerts_database: DatabaseSettings
) -> None:
    async with receiving(500, 500) as failing, receiving(None) as hanging, receiving() as well:
        await saved(sessions, failing.url, "failing")
        await saved(sessions, hanging.url, "hanging")
        await saved(sessions, well.url)
        takers = [{"receiver": name, "continue": True} for name in ("failing", "hanging", "default")]
        await routed(sessions, routes=takers)
        async with running(sessions, alerts_database):
            await happen(sessions, clock("breached", 2, 3, breached=3))
            await well.wait_for(1, seconds=DeliveryPolicy().timeout_seconds)  # while the other still hangs
            tries = await failing.wait_for(3)
            hanging.hanging.set()

    assert len({got.id for got in tries}) == 1
    assert [got.body for got in tries] == [tries[0].body] * 3


async def test_a_refusing_receiver_is_marked_broken_until_it_is_saved_again(sessions: Sessions, alerts_database: DatabaseSettings) -> None:
    async with receiving(410) as receiver, running(sessions, alerts_database):
        await saved(sessions, receiver.url)
        await happen(sessions, clock("breached", 2, 3, breached=3))
        await receiver.wait_for(1)

        for _ in range(100):
            async with sessions.begin() as session:
                broken = await find_receiver(session, "acme", "default")
            if broken is not None and broken.broken_at is not None:
                break
            await asyncio.sleep(0.02)
        again = await saved(sessions, receiver.url)

    assert broken is not None
    assert broken.broken_reason == "answered 410"
    assert again.stored.broken_at is None
    assert again.new_secret is None


async def test_private_addresses_are_refused_unless_they_are_allowed(sessions: Sessions, alerts_database: DatabaseSettings) -> None:
    async with receiving() as receiver, running(sessions, alerts_database, allow_private=False):
        await saved(sessions, receiver.url)
        await happen(sessions, clock("breached", 2, 3, breached=3))

        for _ in range(150):
            async with sessions.begin() as session:
                states = list((await session.execute(text("SELECT state, last_error FROM deliveries"))).all())
            if states and states[0].state == "dead":
                break
            await asyncio.sleep(0.02)

    assert receiver.got == []
    assert "private" in states[0].last_error


async def test_what_fired_before_its_receiver_existed_is_told_when_it_is_made(
    sessions: Sessions, alerts_database: DatabaseSettings
) -> None:
    async with receiving() as receiver, running(sessions, alerts_database):
        await happen(sessions, clock("breached", 2, 3, breached=3))
        await asyncio.sleep(0.3)

        await saved(sessions, receiver.url)

        await receiver.wait_for(1)


async def test_an_acknowledged_alert_is_not_repeated(sessions: Sessions, alerts_database: DatabaseSettings) -> None:
    async with receiving() as receiver, running(sessions, alerts_database):
        await saved(sessions, receiver.url)
        await routed(sessions, repeat_interval="200ms", group_interval="100ms")
        await happen(sessions, clock("breached", 2, 3, breached=3))
        await receiver.wait_for(2)

        [alert] = await firing(sessions)
        async with sessions.begin() as session:
            taken = await people.acknowledge(session, "acme", alert.id, "key:k", utc_now())
        await asyncio.sleep(0.3)
        count = len(receiver.got)
        await asyncio.sleep(1)

    assert taken is not None
    assert taken.acknowledged_by == "key:k"
    assert len(receiver.got) == count
    assert [event.data.actor for event in await announced(sessions) if event.type == "alert.acknowledged.v1"] == ["key:k"]


async def test_of_one_rule_only_the_highest_severity_is_told_and_the_lower_one_when_that_ends(
    sessions: Sessions, alerts_database: DatabaseSettings
) -> None:
    ladder = {"critical": {"below": 0.5}, "warning": {"below": 0.7}}
    async with receiving() as receiver, running(sessions, alerts_database):
        await saved(sessions, receiver.url)
        await routed(sessions)
        async with sessions.begin() as session:
            await session.execute(text("DELETE FROM rules"))
            rule = read_rule({"rule": "low", "metric": "csat", "window": "1h", "severity": ladder})
            await configuration.put_rule(session, "acme", rule, "api", "key:k", NOON)

        await happen(sessions, sampled(1, 0, 0.4))
        await receiver.wait_for(1)
        await happen(sessions, sampled(2, 10, 0.6))
        await receiver.wait_for(2)

    said = [[(alert["labels"]["severity"], alert["status"]) for alert in got.said["alerts"]] for got in receiver.got]
    assert said[0] == [("critical", "firing")]
    assert set(said[1]) == {("critical", "resolved"), ("warning", "firing")}


def test_secrets_are_sealed_where_they_are_stored() -> None:
    sealed = BOX.seal("whsec_secret")

    assert b"secret" not in sealed
    assert BOX.open(sealed) == "whsec_secret"


@pytest.mark.parametrize("ended", [False, True])
def test_a_mail_says_the_same_in_text_and_html_and_nothing_of_a_customer_becomes_markup(ended: bool) -> None:
    rule = read_rule({"rule": "r", "source": "clock", "state": "breached", "annotations": {"summary": "case {{ labels.case }}"}})
    assert isinstance(rule, ClockRule)
    fact = ClockFact("acme", "clock.breached.v1", "<b>1</b>", "c", "first_response", 0, 0, NOON)
    alert = clock_alert(rule, 1, fact)
    alerts = [alert if not ended else type(alert)(**{**{n: getattr(alert, n) for n in alert.__slots__}, "ends_at": NOON, "reason": "met"})]
    said = Notification("acme", "desk", "{}:{}", {"kind": "first_response"}, alerts, 3, "http://alerts")

    written = mail(said)

    assert written.subject == ("[RESOLVED] first_response" if ended else "[FIRING: 1] first_response")
    assert "case <b>1</b>" in written.text
    assert "3 more" in written.text
    assert written.html is not None
    assert "case &lt;b&gt;1&lt;/b&gt;" in written.html
    assert b'"truncatedAlerts":3' in webhook_body(said)


class _Mailbox:
    """What aiosmtpd hands over."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope)
        return "250 taken"


async def test_an_email_receiver_gets_the_breach_as_a_mail(sessions: Sessions, alerts_database: DatabaseSettings) -> None:
    mailbox = _Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    smtp = SmtpServer(host="127.0.0.1", port=port, sender="alerts@example.org", encryption="none")
    network = GuardedNetwork(allow_private=False)
    receivers = AlertReceivers(BOX, WebhookSender(network, utc_now), MailSender(smtp, utc_now))
    stop = asyncio.Event()
    delivering = DeliveryLoop(alerts_database, sessions, receivers, DeliveryMetrics("alerts", CollectorRegistry()))
    async with sessions.begin() as session:
        await configuration.meet_tenants(session, ["acme"], NOON)
        people_to_tell = read_receiver({"receiver": "default", "kind": "email", "to": ["desk@example.org"]})
        await put_receiver(session, BOX, "acme", people_to_tell, "api", "key:k", NOON)
    await happen(sessions, case("opened", 1, 0), clock("breached", 2, 3, breached=3))
    async with sessions.begin() as session:
        await GroupLooks(TimerMetrics("hearback_groups", CollectorRegistry()), "http://alerts").fire(session, 100)

    running = asyncio.create_task(delivering.run(stop, lambda: None))
    async with asyncio.timeout(10):
        while not mailbox.mails:
            await asyncio.sleep(0.02)
    stop.set()
    await running
    server.close()
    network.close()

    [envelope] = mailbox.mails
    assert envelope.rcpt_tos == ["desk@example.org"]
    assert b"Subject: [FIRING: 1] first_response, phone" in envelope.content
    assert b"The first_response clock of case case-1 is breached" in envelope.content

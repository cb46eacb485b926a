"""The loop closes: a complaint becomes a case, its clock runs out, the receiver is told once, the customer is answered, the case closes.

What is asserted are instants that the services recorded, not how long the test took.
"""

import json
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks import Webhook

from shared.clock import utc_now
from shared.contracts.topics import ALERTS_EVENTS, CASES_EVENTS, FEEDBACK_EVENTS, METRICS_UPDATED
from tests.shared.kafka.reading import mark, read
from tests.system.cases import announced, clock_of, until_cases
from tests.system.platform import Platform, Service
from tests.system.receiver import Received
from tests.system.traffic import post_until_accepted

TARGET = timedelta(seconds=3)
POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": 3}]}]}
DETECTED_WITHIN = timedelta(seconds=2)
TOLD_WITHIN = timedelta(seconds=10)
BEHIND_SECONDS = 90
"""So long may a service need that was started just now, for what all tests before this one left on its topics."""


async def ok(answer: httpx.Response) -> dict[str, object]:
    assert answer.is_success, answer.text
    return dict(answer.json())


async def test_a_complaint_is_walked_back_to_the_customer(
    platform: Platform, ingest: Service, closed_loop: Service, alerts: Service, receiver: Received
) -> None:
    key = await platform.key("tour")
    for service, topics in (("closed_loop", (FEEDBACK_EVENTS,)), ("alerts", (CASES_EVENTS, METRICS_UPDATED))):
        await platform.has_read(service, await mark(platform.kafka_settings, *topics), BEHIND_SECONDS)
    since = await mark(platform.kafka_settings, CASES_EVENTS, ALERTS_EVENTS)
    async with platform.client(ingest, key) as posting, platform.client(closed_loop, key) as loop, platform.client(alerts, key) as alarm:
        await ok(await loop.put("/v1/policies", json=POLICY))
        saved = await ok(await alarm.put("/v1/receivers/default", json={"kind": "webhook", "url": receiver.url}))
        complaint = {
            "specversion": "1.0", "id": "c-1", "source": "/letters", "type": "feedback.complaint_raised.v1", "time": utc_now().isoformat(),
            "data": {"channel": "email", "text": "三周了，没有人回复我。", "customer": {"id": "c-42", "name": "王小明"}},
        }  # fmt: skip

        for _ in range(2):
            await post_until_accepted(posting, [complaint])
        [case] = await until_cases(loop, 1)
        headers, body = await receiver.first("firing")
        told = Webhook(str(saved["new_secret"])).verify(body, headers)
        [firing] = (await ok(await alarm.get("/v1/alerts")))["items"]  # type: ignore[misc]
        await ok(await alarm.post(f"/v1/alerts/{firing['id']}/acknowledge", json={}))
        answer = {"text": "We are sorry.", "next_step": "A call.", "promised_at": (utc_now() + timedelta(hours=1)).isoformat()}
        await ok(await loop.post(f"/v1/cases/{case['id']}/respond", json=answer))
        refused = await loop.post(f"/v1/cases/{case['id']}/close", json={})
        await ok(
            await loop.post(f"/v1/cases/{case['id']}/resolve", json={"outcome": "refunded", "inform_text": "Your refund is on its way."})
        )
        closed = await ok(await loop.post(f"/v1/cases/{case['id']}/close", json={}))
        await receiver.first("resolved")
        events = await announced(platform, since, "tour")
        alert_events = [json.loads(r.value) for r in await read(platform.kafka_settings, since) if r.topic == ALERTS_EVENTS]

    clock = clock_of(case, "first_response")
    [breach] = {event["id"]: event for event in events if event["type"] == "clock.breached.v1"}.values()
    due_at = datetime.fromisoformat(str(clock["due_at"]))
    assert due_at - datetime.fromisoformat(case["received_at"]) == TARGET
    assert timedelta() < datetime.fromisoformat(breach["time"]) - due_at <= DETECTED_WITHIN
    assert breach["data"]["case"] == case["id"]
    firings = [sent for sent, body in receiver.webhooks if json.loads(body)["status"] == "firing"]
    assert {sent["webhook-id"] for sent in firings} == {headers["webhook-id"]}
    assert told["version"] == "4"
    assert [alert["labels"]["case"] for alert in told["alerts"]] == [case["id"]]
    assert datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC) - due_at <= TOLD_WITHIN
    assert refused.status_code == 409
    assert refused.json()["reason"]
    assert (closed["state"], clock_of(closed, "first_response")["status"]) == ("closed", "breached")
    mine = [event for event in alert_events if event["tenant"] == "tour"]
    assert len({event["id"] for event in mine if event["type"] == "alert.fired.v1"}) == 1
    assert {event["type"] for event in mine} >= {"alert.fired.v1", "alert.acknowledged.v1", "alert.resolved.v1", "alert.notified.v1"}

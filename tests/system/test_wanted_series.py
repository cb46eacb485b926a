"""A rule over a series that is not published by itself gets its data: alerts asks, scoring publishes, the rule evaluates and fires."""

import asyncio

from shared.clock import utc_now
from tests.system.platform import Platform, Service
from tests.system.traffic import post_until_accepted

RULE = {
    "metric": "csat",
    "filter": {"channel": "chat"},
    "window": "5m",
    "condition": {"below": 0.5},
    "min_samples": 5,
    "severity": "warning",
}


async def test_a_rule_of_five_minutes_waits_for_data_then_fires_once_enough_answers_say_so(
    platform: Platform, ingest: Service, scoring: Service, alerts: Service
) -> None:
    key = await platform.key("wanted")
    async with platform.client(ingest, key) as posting, platform.client(alerts, key) as alarm:
        saved = await alarm.put("/v1/rules/csat-chat", json=RULE)
        assert (saved.status_code, saved.json()["status"]) == (200, "waiting_for_data")

        await post_until_accepted(posting, [_dissatisfied(number) for number in range(4)])
        async with asyncio.timeout(60):
            while (await alarm.get("/v1/rules/csat-chat")).json()["status"] != "evaluating":
                await asyncio.sleep(0.2)
        before = (await alarm.get("/v1/alerts")).json()["items"]
        await post_until_accepted(posting, [_dissatisfied(number) for number in range(4, 8)])
        async with asyncio.timeout(60):
            while not (fired := (await alarm.get("/v1/alerts")).json()["items"]):
                await asyncio.sleep(0.2)

    assert before == [], "four answers are too few"
    assert [(alert["rule"], alert["labels"]["channel"]) for alert in fired] == [("csat-chat", "chat")]
    assert fired[0]["n"] >= 5
    assert fired[0]["value"] == 0


def _dissatisfied(number: int) -> dict[str, object]:
    answer = {"question": "q", "instrument": "csat", "score": 1, "scale_min": 1, "scale_max": 5}
    return {
        "specversion": "1.0",
        "id": f"a-{number}",
        "source": "/test",
        "type": "feedback.survey_answered.v1",
        "time": utc_now().isoformat(),
        "data": {"channel": "chat", "survey": "s", "answers": [answer]},
    }

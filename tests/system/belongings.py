"""What tenant B has in closed_loop and alerts: cases whose clocks are breached, alerts, and notifications that its receiver refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from services.cli.stack.ports import free_port
from shared.clock import utc_now
from tests.system.attempts import CALENDAR, CASE_BY_HAND, NOTE, ONCE_OF_B, POLICY_OF_B
from tests.system.cases import until_cases

RULE = "b-rule-5c1d"
RECEIVER = "b-receiver-5c1d"
CALENDAR_ID = "b-calendar-5c1d"
_ROUTE = {"receiver": RECEIVER, "group_by": ["case"], "group_wait": "0s", "group_interval": "1s"}
_ONCE = {"idempotency-key": ONCE_OF_B}
_SHOWN = {
    "closed_loop": ("/v1/cases", "/v1/cases/{case}", "/v1/policies", "/v1/calendars", "/v1/insights/sla"),
    "alerts": ("/v1/rules", "/v1/routes", "/v1/receivers", "/v1/alerts", "/v1/deliveries", "/v1/deliveries/{delivery}"),
}
_TIME_DEPENDENT = {"late_seconds", "elapsed_seconds", "as_of", "status"}
"""`status` of a rule follows the numbers that come; that of a clock is in its `breached_at`."""


@dataclass
class Refusing:
    """A receiver of B's on this machine that refuses for good what it is told."""

    url: str
    told: int = 0


@asynccontextmanager
async def refusing() -> AsyncIterator[Refusing]:
    """The receiver, as long as it listens."""
    port = free_port()
    receiver = Refusing(f"http://127.0.0.1:{port}/b-path-5c1d")

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        receiver.told += 1
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", port):
        yield receiver


def answered(id: str, channel: str, customer: str, words: str) -> dict[str, Any]:
    """A content customer's answer of three minutes ago."""
    data = {"channel": channel, "survey": "s", "comment": words, "customer": {"id": customer, "name": words},
            "answers": [{"question": "q", "instrument": "nps", "score": 9}]}  # fmt: skip
    at = (utc_now() - timedelta(minutes=3)).isoformat()
    return {"type": "feedback.survey_answered.v1", "id": id, "source": "/b", "time": at, "data": data}


def complained(id: str, source: str, channel: str, customer: str, words: str) -> dict[str, Any]:
    """A complaint of now."""
    data = {"channel": channel, "text": words, "category": "b-category-5c1d", "customer": {"id": customer, "name": words}}
    return {"type": "feedback.complaint_raised.v1", "id": id, "source": source, "time": utc_now().isoformat(), "data": data}


async def acquire(
    ingest: httpx.AsyncClient, loop: httpx.AsyncClient, alarm: httpx.AsyncClient, receiver: Refusing, complaint: Any
) -> dict[str, str]:
    """Let B have one of everything; the clients carry B's key. Returns what it is called, as the templates of attempts name it."""
    secret = await _configure(loop, alarm, receiver)
    assert (await ingest.post("/v1/events", json=complaint)).status_code == 202
    _, by_hand = await until_cases(loop, 1), await _ok(loop.post("/v1/cases", json=CASE_BY_HAND, headers=_ONCE))
    cases = await until_cases(loop, 2)
    [case] = [case for case in cases if case["id"] != by_hand["id"]]
    await _ok(loop.post(f"/v1/cases/{case['id']}/assign", json={"owner": "b-owner-5c1d", "team": "b-team-5c1d"}))
    await _ok(loop.post(f"/v1/cases/{case['id']}/note", json=NOTE, headers=_ONCE))
    alerts = await _until(lambda: _items(alarm, "/v1/alerts"), lambda items: len(items) == 4)  # two cases, our rule and the shipped one
    deliveries = await _until(
        lambda: _items(alarm, "/v1/deliveries"),
        lambda items: len(items) >= 2 and {one["state"] for one in items} <= {"dead", "superseded"},
    )
    shown = await _ok(loop.get(f"/v1/cases/{case['id']}"))
    return {
        "case": case["id"], "by_hand": by_hand["id"], "clock": shown["clocks"][0]["id"], "breached_at": shown["clocks"][0]["breached_at"],
        "origin_id": complaint["id"], "customer": complaint["data"]["customer"]["id"],
        "owner": shown["owner"], "team": shown["team"], "category": CASE_BY_HAND["category"],
        "policy": POLICY_OF_B["policies"][0]["id"], "calendar": CALENDAR_ID, "before_the_walk": utc_now().isoformat(),
        "rule": RULE, "receiver": RECEIVER, "receiver_url": receiver.url, "receiver_secret": secret,
        "alert": next(alert["id"] for alert in alerts if alert["case"] == case["id"]), "other_alert": alerts[0]["id"],
        "delivery": deliveries[0]["id"], "other_delivery": deliveries[1]["id"],
        "cases_cursor": await _cursor(loop, "/v1/cases"), "alerts_cursor": await _cursor(alarm, "/v1/alerts"),
        "deliveries_cursor": await _cursor(alarm, "/v1/deliveries"),
    }  # fmt: skip


async def shown(loop: httpx.AsyncClient, alarm: httpx.AsyncClient, names: dict[str, str]) -> dict[str, Any]:
    """Everything that both services show of the tenant, without what changes as time goes by."""
    told = {}
    for client, paths in ((loop, _SHOWN["closed_loop"]), (alarm, _SHOWN["alerts"])):
        for path in paths:
            told[path] = _lasting(await _ok(client.get(path.format_map(names))))
    return told


async def _configure(loop: httpx.AsyncClient, alarm: httpx.AsyncClient, receiver: Refusing) -> str:
    """Returns the secret of the receiver."""
    for _ in range(2):
        await _ok(loop.put(f"/v1/calendars/{CALENDAR_ID}", json=CALENDAR))
    await _ok(loop.put("/v1/policies", json=POLICY_OF_B, headers=_ONCE))
    await _ok(alarm.put(f"/v1/rules/{RULE}", json={"source": "clock", "state": "breached"}))
    saved = await _ok(alarm.put(f"/v1/receivers/{RECEIVER}", json={"kind": "webhook", "url": receiver.url}))
    await _ok(alarm.put("/v1/routes", json=_ROUTE))
    return str(saved["new_secret"])


async def _ok(request: Awaitable[httpx.Response]) -> dict[str, Any]:
    answer = await request
    assert answer.is_success, answer.text
    return dict(answer.json())


async def _items(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    return list((await _ok(client.get(path)))["items"])


async def _cursor(client: httpx.AsyncClient, path: str) -> str:
    """The one that leads from B's first item to its second."""
    return str((await _ok(client.get(path, params={"limit": 1})))["next"])


async def _until(
    ask: Callable[[], Awaitable[list[dict[str, Any]]]], enough: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while not enough(items := await ask()):
            await asyncio.sleep(0.2)
    return items


def _lasting(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _lasting(value) for name, value in told.items() if name not in _TIME_DEPENDENT}
    return [_lasting(one) for one in told] if isinstance(told, list) else told

"""The people of the simulated contact centre who answer: most in time, some late, each case to its end, through the public API.

They work under a policy of minutes instead of days, so that a first response falls due while somebody watches.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from services.simulator.posting import Say
from shared.clock import Clock
from shared.loops import stopped_within

FIRST_RESPONSE_SECONDS = 60
RESOLUTION_SECONDS = 300
LATE_SHARE = 0.15
LOOK_EVERY_SECONDS = 2.0
PAGE = 200
SHIPPED_POLICIES = {"live", "standard"}

POLICY = {
    "policies": [
        {
            "id": "simulated",
            "default": True,
            "clocks": [
                {"kind": "first_response", "target_seconds": FIRST_RESPONSE_SECONDS, "warn_at_percent": [50]},
                {"kind": "resolution", "target_seconds": RESOLUTION_SECONDS, "warn_at_percent": [75]},
            ],
        }
    ]
}

_TEXTS = {
    "en": {
        "respond": "I am sorry this happened. I have your case on my desk and will look into it myself.",
        "next_step": "A colleague of the technical team calls you.",
        "inform_text": "The cause is found and mended, and next month's bill is reduced.",
    },
    "zh": {
        "respond": "非常抱歉给您带来不便。您的问题由我负责，我会亲自跟进。",
        "next_step": "技术同事会给您回电。",
        "inform_text": "原因已经找到并解决，下个月的账单会相应减免。",
    },
}


class Agents:
    """Looks at the open cases every other second and does on each what is its turn. `client` carries closed_loop's address and a key."""

    def __init__(self, client: httpx.AsyncClient, say: Say, clock: Clock) -> None:
        self._client = client
        self._say = say
        self._clock = clock
        self.answered = 0
        self.closed = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; while closed_loop is away, wait for it."""
        ready = False
        while not await stopped_within(stop, LOOK_EVERY_SECONDS):
            try:
                ready = ready or await self._agree_on_policy()
                if ready:
                    await self._look()
            except httpx.TransportError:
                continue

    async def _agree_on_policy(self) -> bool:
        """Put the policy of minutes in the place of the shipped ones; policies of the tenant's own stay."""
        present = await self._client.get("/v1/policies")
        if present.status_code != 200:
            return False
        if {policy["id"] for policy in present.json()["policies"]} != SHIPPED_POLICIES:
            return True
        put = await self._client.put("/v1/policies", json=POLICY, headers={"If-Match": present.headers["etag"]})
        if put.status_code == 200:
            self._say(f"agents answer within {FIRST_RESPONSE_SECONDS} s, most of the time")
        return put.status_code == 200

    async def _look(self) -> None:
        cursor: str | None = ""
        while cursor is not None:
            page = await self._client.get("/v1/cases", params={"open": "true", "limit": PAGE, "cursor": cursor})
            if page.status_code != 200:
                return
            cursor = page.json()["next"]
            now = self._clock()
            for case in page.json()["items"]:
                turn = next_turn(case, now)
                if turn is not None:
                    await self._do(case, *turn)

    async def _do(self, case: Mapping[str, Any], command: str, body: dict[str, Any]) -> None:
        """One command; somebody else's being faster (412) or a refusal (409) is looked at again the next second."""
        headers = {"If-Match": f'"{case["version"]}"'}
        answer = await self._client.post(f"/v1/cases/{case['id']}/{command}", json=body, headers=headers)
        if answer.status_code == 200:
            self.answered += command == "respond"
            self.closed += command == "close"


def next_turn(case: Mapping[str, Any], now: datetime) -> tuple[str, dict[str, Any]] | None:
    """The command that an agent gives on this case now, and its body; None when nothing is to be done yet.

    When, is drawn from the case's id, so that it does not change from look to look or over a restart.
    """
    rng = random.Random(case["id"])  # noqa: S311 - when an agent answers is no secret
    late = rng.random() < LATE_SHARE
    answer_after = FIRST_RESPONSE_SECONDS * (rng.uniform(1.1, 1.8) if late else rng.uniform(0.1, 0.8))
    opened = datetime.fromisoformat(case["opened_at"])
    texts = _TEXTS["zh" if case["language"] == "zh" else "en"]
    if case["responded_at"] is None:
        if now < opened + timedelta(seconds=answer_after):
            return None
        promised = now + timedelta(minutes=rng.randint(10, 60))
        return "respond", {"text": texts["respond"], "next_step": texts["next_step"], "promised_at": promised.isoformat()}
    if case["resolved_at"] is None:
        if now < opened + timedelta(seconds=answer_after + rng.uniform(20, 120)):
            return None
        return "resolve", {"outcome": "mended", "inform_text": texts["inform_text"]}
    return None if case["missing"] else ("close", {})

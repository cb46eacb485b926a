"""A survey of a running ingest, and how tenant A would name on the routes of surveys what is tenant B's."""

from typing import Any

import httpx

from tests.ingest.surveys.world import document
from tests.system.attempts import ABSENT, ANSWERED, ONCE_OF_B, Attempt

SURVEY, INVITATION, OPTED_OUT = "b-survey-5c1d", "b-invitation-5c1d", "b-opted-out-5c1d"
LATER = "2036-03-01T09:30:00Z"
_ONCE = {"idempotency-key": ONCE_OF_B}
_SURVEY = {"survey_id": "{survey}"}
_ACCOUNT = {"appid": "a", "secret": "s", "template": "t", "fields": {}}
_INVITATION = {**_SURVEY, "invitation_id": "{invitation}"}
_PEOPLE = {"people": [{"id": "{invitation}", "customer": {"id": "{opted_out}"}}], "way": "link"}
_NOTE = {"subject": {"en": "taken over"}, "text": {"en": "taken over"}}

ATTEMPTS: dict[str, list[Attempt]] = {
    "ingest GET /v1/surveys": [Attempt(ANSWERED, query={"limit": "500"}, empty=True), Attempt(ANSWERED, query={"cursor": "a"}, empty=True)],
    "ingest POST /v1/surveys": [Attempt(ANSWERED, json={"id": "of-a", "template": "nps"}, headers=_ONCE)],
    "ingest GET /v1/surveys/{survey_id}": [Attempt(ABSENT, path=_SURVEY), Attempt(ABSENT, path=_SURVEY, query={"version": "1"})],
    "ingest GET /v1/surveys/{survey_id}/versions": [Attempt(ABSENT, path=_SURVEY)],
    "ingest PUT /v1/surveys/{survey_id}": [Attempt(ABSENT, path=_SURVEY, json=document())],
    "ingest DELETE /v1/surveys/{survey_id}": [Attempt(ABSENT, path=_SURVEY)],
    "ingest POST /v1/surveys/{survey_id}/invitations": [
        Attempt(ABSENT, path=_SURVEY, json=_PEOPLE),
        Attempt(ABSENT, path=_SURVEY, json=_PEOPLE, headers=_ONCE),
    ],
    "ingest GET /v1/surveys/{survey_id}/invitations": [Attempt(ANSWERED, path=_SURVEY, query={"limit": "500"}, empty=True)],
    "ingest POST /v1/surveys/{survey_id}/invitations/{invitation_id}/answers": [
        Attempt(ABSENT, path=_INVITATION, json={"answers": {"effort": {"score": 1}}}),
        Attempt(ABSENT, path={**_INVITATION, "survey_id": "of-a"}, json={"answers": {"effort": {"score": 1}}}),
    ],
    "ingest POST /v1/surveys/{survey_id}/invitations/{invitation_id}/replies": [
        Attempt(ABSENT, path=_INVITATION, json={"text": "9"}),
        Attempt(ABSENT, path={**_INVITATION, "survey_id": "of-a"}, json={"text": "9"}),
    ],
    "ingest GET /v1/surveys/{survey_id}/places": [Attempt(ANSWERED, path=_SURVEY, query={"limit": "500"}, empty=True)],
    "ingest POST /v1/surveys/{survey_id}/places": [
        Attempt(ABSENT, path=_SURVEY, json={"touchpoint": "till"}),
        Attempt(ABSENT, path=_SURVEY, json={"touchpoint": "till"}, headers=_ONCE),
    ],
    "ingest DELETE /v1/surveys/{survey_id}/places/{place_id}": [
        Attempt(ABSENT, path={**_SURVEY, "place_id": "{place}"}),
        Attempt(ABSENT, path={"survey_id": "of-a", "place_id": "{place}"}),
    ],
    "ingest GET /v1/surveys/{survey_id}/coupons": [Attempt(ABSENT, path=_SURVEY)],
    "ingest POST /v1/surveys/{survey_id}/coupons": [Attempt(ABSENT, path=_SURVEY, json={"codes": ["TAKEN-OVER"]})],
    "ingest GET /v1/surveys/{survey_id}/rewards": [Attempt(ANSWERED, path=_SURVEY, query={"limit": "500"}, empty=True)],
    "ingest GET /v1/surveys/{survey_id}/draws": [Attempt(ANSWERED, path=_SURVEY, empty=True)],
    "ingest POST /v1/surveys/{survey_id}/draws": [
        Attempt(ABSENT, path=_SURVEY, json={"winners": 1}),
        Attempt(ABSENT, path=_SURVEY, json={"winners": 1}, headers=_ONCE),
    ],
    "ingest GET /v1/surveys/{survey_id}/results": [Attempt(ABSENT, path=_SURVEY), Attempt(ABSENT, path=_SURVEY, query={"days": "9"})],
    "ingest POST /v1/surveys/{survey_id}/notes": [Attempt(ABSENT, path=_SURVEY, json=_NOTE)],
    "ingest POST /v1/survey-opt-outs": [Attempt(ANSWERED, json={"customer": "{customer}"})],
    "ingest POST /v1/survey-opt-outs/find": [Attempt(ANSWERED, json={"customer": "{opted_out}"})],
    "ingest POST /v1/survey-opt-outs/withdraw": [Attempt(ANSWERED, json={"customer": "{opted_out}"})],
    "ingest GET /v1/survey-senders": [Attempt(ANSWERED, empty=True)],
    "ingest DELETE /v1/survey-senders/{way}": [Attempt(ABSENT, path={"way": "sms"})],
    "ingest PUT /v1/survey-senders/{way}": [Attempt(ANSWERED, path={"way": "wechat"}, json={"account": _ACCOUNT})],
}  # fmt: skip
"""An opt-out is of one tenant: what A says of a customer concerns only A."""


async def belongings(client: httpx.AsyncClient) -> dict[str, str]:
    """A survey with an invitation that is sent in years, a place and a coupon, a customer who wants none, and a sender."""
    made = await client.post("/v1/surveys", json={"id": SURVEY, "document": document(ways=["call"])}, headers=_ONCE)
    assert made.status_code == 201, made.text
    people = [{"id": INVITATION, "customer": {"id": "b-called-5c1d", "phone": "+4915112345678"}, "not_before": LATER}]
    planned = await client.post(f"/v1/surveys/{SURVEY}/invitations", json={"people": people}, headers=_ONCE)
    assert (planned.status_code, planned.json()["items"][0]["state"]) == (201, "planned"), planned.text
    place = await client.post(f"/v1/surveys/{SURVEY}/places", json={"touchpoint": "b-till-5c1d"}, headers=_ONCE)
    assert place.status_code == 201, place.text
    assert (await client.post(f"/v1/surveys/{SURVEY}/coupons", json={"codes": ["B-COUPON-5C1D"]})).status_code == 200
    assert (await client.post("/v1/survey-opt-outs", json={"customer": OPTED_OUT})).status_code == 200
    gateway = {"kind": "twilio", "sender": "+4930", "account": "b-account-5c1d", "token": "b-token-5c1d"}
    assert (await client.put("/v1/survey-senders/sms", json={"gateway": gateway})).status_code == 200
    return {"survey": SURVEY, "invitation": INVITATION, "place": place.json()["id"], "opted_out": OPTED_OUT}


async def complete_for_a_draw(client: httpx.AsyncClient, survey: str) -> None:
    """A survey of this id that thanks with a place in a draw, and somebody who has answered it."""
    drawn = document(ways=["call"], incentive={"kind": "draw", "text": {"en": "A draw.", "zh-Hans": "抽奖。"}})
    people = [{"id": f"{survey}-1", "customer": {"id": "entrant", "phone": "+4915112345679"}}]
    answers = {question["id"]: None if question["kind"] == "text" else {"score": 1} for question in drawn["questions"]}
    for path, body, status in (
        ("", {"id": survey, "document": drawn}, 201),
        (f"/{survey}/invitations", {"people": people}, 201),
        (f"/{survey}/invitations/{survey}-1/answers", {"answers": answers}, 200),
    ):
        answer = await client.post(f"/v1/surveys{path}", json=body)
        assert answer.status_code == status, answer.text


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    """What surveys show the tenant."""
    paths = ("", *(f"/{SURVEY}/{name}" for name in ("versions", "places", "coupons", "rewards", "draws", "results?days=9")))
    found = {path: (await client.get(f"/v1/surveys{path}")).json() for path in paths}
    del found[f"/{SURVEY}/results?days=9"]["since"]
    asked = {"customer": OPTED_OUT}, {"customer": "b-customer-5c1d"}
    found["senders"] = (await client.get("/v1/survey-senders")).json()
    return {**found, "opted_out": [(await client.post("/v1/survey-opt-outs/find", json=who)).json() for who in asked]}

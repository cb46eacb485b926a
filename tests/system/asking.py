"""A survey of a running ingest, and how tenant A would name on the routes of surveys what is tenant B's."""

from typing import Any

import httpx

from tests.ingest.surveys.world import document
from tests.system.attempts import ABSENT, ANSWERED, ONCE_OF_B, Attempt

SURVEY, INVITATION, OPTED_OUT = "b-survey-5c1d", "b-invitation-5c1d", "b-opted-out-5c1d"
LATER = "2036-03-01T09:30:00Z"
_ONCE = {"idempotency-key": ONCE_OF_B}
_SURVEY = {"survey_id": "{survey}"}
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
    "ingest GET /v1/surveys/{survey_id}/results": [Attempt(ABSENT, path=_SURVEY), Attempt(ABSENT, path=_SURVEY, query={"days": "9"})],
    "ingest POST /v1/surveys/{survey_id}/notes": [Attempt(ABSENT, path=_SURVEY, json=_NOTE)],
    "ingest POST /v1/survey-opt-outs": [Attempt(ANSWERED, json={"customer": "{customer}"})],
    "ingest POST /v1/survey-opt-outs/find": [Attempt(ANSWERED, json={"customer": "{opted_out}"})],
    "ingest POST /v1/survey-opt-outs/withdraw": [Attempt(ANSWERED, json={"customer": "{opted_out}"})],
}  # fmt: skip
"""An opt-out is of one tenant: what A says of a customer concerns only A."""


async def belongings(client: httpx.AsyncClient) -> dict[str, str]:
    """A survey with an invitation that is sent in years, and a customer who wants none."""
    made = await client.post("/v1/surveys", json={"id": SURVEY, "document": document(ways=["call"])}, headers=_ONCE)
    assert made.status_code == 201, made.text
    people = [{"id": INVITATION, "customer": {"id": "b-called-5c1d", "phone": "+4915112345678"}, "not_before": LATER}]
    planned = await client.post(f"/v1/surveys/{SURVEY}/invitations", json={"people": people}, headers=_ONCE)
    assert (planned.status_code, planned.json()["items"][0]["state"]) == (201, "planned"), planned.text
    assert (await client.post("/v1/survey-opt-outs", json={"customer": OPTED_OUT})).status_code == 200
    return {"survey": SURVEY, "invitation": INVITATION, "opted_out": OPTED_OUT}


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    """What surveys show the tenant."""
    found = {path: (await client.get(f"/v1/surveys{path}")).json() for path in ("", f"/{SURVEY}/versions", f"/{SURVEY}/results?days=9")}
    del found[f"/{SURVEY}/results?days=9"]["since"]
    asked = {"customer": OPTED_OUT}, {"customer": "b-customer-5c1d"}
    return {**found, "opted_out": [(await client.post("/v1/survey-opt-outs/find", json=who)).json() for who in asked]}

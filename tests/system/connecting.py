"""Typeform connected to a running ingest, and how tenant A would name on the routes of endpoints what is tenant B's."""

import base64
import hmac
import json
from typing import Any
from uuid import uuid4

import httpx

from shared.clock import utc_now
from tests.system.attempts import ABSENT, ANSWERED, ONCE_OF_B, Attempt

SECRET = "typeform-secret-5c1d"
NEW_ENDPOINT = {"channel": "typeform", "name": "b-endpoint-5c1d", "secrets": {"secret": SECRET}}
_ONCE = {"idempotency-key": ONCE_OF_B}
_ENDPOINT = {"endpoint": "{endpoint}"}
_WEBHOOK = {"channel": "typeform", "endpoint": "{endpoint}"}

ATTEMPTS: dict[str, list[Attempt]] = {
    "ingest GET /v1/endpoints": [Attempt(ANSWERED, query={"limit": "500"}), Attempt(ANSWERED, query={"cursor": "0"})],
    "ingest POST /v1/endpoints": [Attempt(ANSWERED, json={**NEW_ENDPOINT, "name": "of a"}, headers=_ONCE)],
    "ingest GET /v1/endpoints/{endpoint}": [Attempt(ABSENT, path=_ENDPOINT)],
    "ingest PATCH /v1/endpoints/{endpoint}": [Attempt(ABSENT, path=_ENDPOINT, json={"name": "taken over"})],
    "ingest DELETE /v1/endpoints/{endpoint}": [Attempt(ABSENT, path=_ENDPOINT)],
    "ingest POST /v1/endpoints/{endpoint}/rotate": [Attempt(ABSENT, path=_ENDPOINT, json={"secrets": {"secret": "known to a"}})],
    "ingest POST /v1/endpoints/{endpoint}/try": [Attempt(ABSENT, path=_ENDPOINT, json={"body": "{}"})],
    "ingest GET /v1/endpoints/{endpoint}/unreadable": [Attempt(ABSENT, path=_ENDPOINT, query={"cursor": "0"})],
    "ingest POST /v1/endpoints/{endpoint}/unreadable/replay": [Attempt(ABSENT, path=_ENDPOINT)],
    "ingest POST /v1/endpoints/{endpoint}/unreadable/{unreadable}/replay": [
        Attempt(ABSENT, path={**_ENDPOINT, "unreadable": "{unreadable}"}),
    ],
    "ingest GET /v1/endpoints/{endpoint}/fetches": [Attempt(ABSENT, path=_ENDPOINT, query={"state": "dead"})],
    "ingest POST /v1/endpoints/{endpoint}/fetches/replay": [Attempt(ABSENT, path=_ENDPOINT, json={})],
    "ingest GET /v1/channels/{channel}/{endpoint}": [Attempt((401,), path=_WEBHOOK)],
    "ingest POST /v1/channels/{channel}/{endpoint}": [Attempt((401,), path=_WEBHOOK, json={"event_type": "form_response"})],
}  # fmt: skip
"""A webhook is proven by its vendor's signature; no key of A's makes it B's."""


def form_response(token: str | None = None, score: int = 9) -> bytes:
    """What Typeform sends of one answer of two minutes ago."""
    response = {
        "form_id": "lT4Z3j", "token": token or uuid4().hex, "submitted_at": utc_now().isoformat(),
        "answers": [{"type": "number", "number": score, "field": {"id": "f", "type": "nps", "ref": "nps"}}],
    }  # fmt: skip
    return json.dumps({"event_type": "form_response", "form_response": response}).encode()


def signature(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Typeform's proof: https://www.typeform.com/developers/webhooks/secure-your-webhooks"""
    return {"typeform-signature": "sha256=" + base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()}


async def connect(client: httpx.AsyncClient, **change: Any) -> str:
    """The id of a new Typeform endpoint; `client` carries a key of its tenant."""
    answer = await client.post("/v1/endpoints", json=NEW_ENDPOINT | change, headers=_ONCE if not change else {})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def submit(client: httpx.AsyncClient, endpoint: str, body: bytes, secret: str = SECRET) -> httpx.Response:
    """Send it as Typeform would."""
    return await client.post(f"/v1/channels/typeform/{endpoint}", content=body, headers=signature(body, secret))


async def belongings(client: httpx.AsyncClient) -> dict[str, str]:
    """An endpoint with something unreadable, as attempts name them."""
    endpoint = await connect(client)
    assert (await submit(client, endpoint, b"garbled")).status_code == 200
    [kept] = (await client.get(f"/v1/endpoints/{endpoint}/unreadable")).json()["items"]
    return {"endpoint": endpoint, "unreadable": kept["id"]}


async def shown(client: httpx.AsyncClient, endpoint: str) -> Any:
    """What its tenant is shown of it, without counts."""
    return [(await client.get(path)).json() for path in ("/v1/endpoints", f"/v1/endpoints/{endpoint}/unreadable")]

"""The HTTP routes of ingest that take events, as FastAPI describes them. In service they are answered by lane.py."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.ingest.events import Events
from shared.contracts.examples import EXAMPLES
from shared.observability.tracing import current_traceparent, traceparent_from
from shared.web.access import Principal, requires

DESCRIPTION = """\
Takes one event, a JSON array, NDJSON (`application/x-ndjson`), a CloudEvent (structured, batch, or binary with `ce-*`
headers), or the shorthand `{type, time, data, id?, source?}`.

**Send an `id`**, and send the same id again when you are not sure whether a request arrived: a repetition then changes
nothing, whichever way it comes. Without `id` and without `Idempotency-Key` a repeated request counts twice.
`duplicates` names the events that this replica had acknowledged lately; it only informs.
A higher `data.revision` of the same event replaces what the lower one did.

A body may be packed (`Content-Encoding: gzip` or `zstd`). NDJSON may be of any length: what is longer than a request may
be is stored as it arrives. Its answer counts everything (`events`, `accepted`, `duplicate_count`, `rejected_count`) and
lists the first 1,000 of `duplicates` and `rejected`; ids are not listed. One that breaks off is answered with the same
members and `stored_before`: every event before that index is stored or rejected. Send it again from there, or the whole
of it with the same ids. A stream that comes faster than the key's rate is read more slowly; a request is refused with 429.
"""

_ACCEPTED: dict[str, Any] = {
    "description": "At least one event is stored",
    "content": {"application/json": {"example": {"accepted": 1, "duplicates": [], "rejected": []}}},
}
_REFUSED = {
    408: "The body stopped coming",
    413: "The body, or what it unpacks to, is too large, or holds too many events; the text says what to do",
    415: "A Content-Encoding other than gzip, zstd and identity",
    429: "The key or its tenant sends too fast; come again after `Retry-After` seconds",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: _ACCEPTED,
    **{status: {"description": text} for status, text in _REFUSED.items()},
}


def event_routes(events: Events) -> APIRouter:
    """The route of `POST /v1/events`."""
    router = APIRouter(tags=["events"])
    examples = {name: {"value": example} for name, example in EXAMPLES.items()}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}, "examples": examples}}}}

    @router.post("/v1/events", status_code=202, summary="Send events", description=DESCRIPTION, responses=_RESPONSES, openapi_extra=body)
    async def post_events(request: Request, caller: Annotated[Principal, Depends(requires("ingest:write"))]) -> Response:
        trace = traceparent_from(current_traceparent.get())
        answer = await events.take(caller, dict(request.scope["headers"]), request.receive, trace)
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return Response(answer.body, answer.status, headers=headers, media_type=answer.media_type)

    return router

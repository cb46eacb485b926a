"""Endpoints over HTTP, for each tenant's administrator: made, shown, changed, rotated, tried, disabled."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Request
from services.ingest.channels import configuration, store
from services.ingest.channels.endpoint import Misconfigured, OpenEndpoint, StoredEndpoint, open_endpoint
from services.ingest.channels.fetches import waiting_of
from services.ingest.channels.forms import (
    ChannelList,
    Collected,
    EndpointChange,
    EndpointPage,
    EndpointState,
    EndpointView,
    NewEndpoint,
    NewSecrets,
    Pasted,
    TriedEvent,
    TriedView,
)
from services.ingest.channels.replaying import Tried, try_request
from services.ingest.channels.showing import channel_view, shown
from services.ingest.channels.state import read_counts
from services.ingest.channels.vendor_keys import VendorKeys
from services.ingest.intake import Intake
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.delivery.secrets import SecretBox
from shared.errors import FieldError
from shared.observability.tracing import current_traceparent, traceparent_from
from shared.web.access import Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Admin = Annotated[Principal, Depends(requires("admin"))]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str, Query(max_length=1024, description="`next` of the page before")]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=256)]


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what an endpoint may not be into 422, and known database errors into typed ones."""
    try:
        with typed_database_errors():
            yield
    except configuration.EndpointRefused as refused:
        detail = "the channel does not take this; see errors, and GET /v1/channels for what it wants"
        raise Problem(422, "invalid_request", detail, errors=refused.errors) from None


def needed(box: SecretBox | None) -> SecretBox:
    """The box. Raises Problem 409 where no key is set."""
    if box is None:
        raise Problem(409, "no_secrets_key", "HEARBACK_INGEST_SECRETS_KEY is not set: without it no secret can be stored or read")
    return box


async def opened(sessions: Sessions, box: SecretBox | None, tenant: str, id: str) -> OpenEndpoint:
    """An endpoint of this tenant, ready for use. Raises Problem 404, and 409 when it cannot be used as it is."""
    with typed_database_errors():
        async with sessions() as session:
            found = await store.find_endpoint(session, tenant, id)
    if found is None or found.disabled_at is not None:
        raise not_found()
    try:
        return open_endpoint(found, box)
    except Misconfigured as wrong:
        raise Problem(409, "misconfigured", str(wrong)) from None


def channel_routes() -> APIRouter:
    """What channels there are."""
    router = APIRouter(prefix="/v1/channels", tags=["channels"])

    @router.get("", summary="The channels, with what an endpoint of each wants to be told")
    async def channels(_: Admin) -> ChannelList:
        return ChannelList(items=[channel_view(adapter) for adapter in adapters().values()])

    return router


def endpoint_routes(sessions: Sessions, clock: Clock, box: SecretBox | None, public_url: str) -> APIRouter:
    """Routes of endpoints."""
    router = APIRouter(prefix="/v1/endpoints", tags=["channels"])

    def view(endpoint: StoredEndpoint) -> EndpointView:
        return EndpointView(**shown(endpoint, configuration.adapter_of(endpoint.channel), public_url, box))

    @router.post("", status_code=201, summary="Make an endpoint; the answer says what to paste and set at the vendor, and how to test")
    async def create(caller: Admin, wanted: NewEndpoint, idempotency_key: IdempotencyKey = None) -> EndpointView:
        now, sealing = clock(), needed(box)
        with refusals():
            async with sessions.begin() as session:
                write = await once(session, caller, "POST /v1/endpoints", idempotency_key, wanted, now)
                if write.replayed is not None:
                    return EndpointView.model_validate(write.replayed)
                made = await configuration.create(session, sealing, caller.tenant, **dict(wanted), actor=caller.actor, now=now)
                answer = view(made)
                await write.keep(answer)
        return answer

    @router.get("", summary="The endpoints of this tenant")
    async def endpoints(caller: Admin, limit: Limit = 100, cursor: Cursor = "") -> EndpointPage:
        with refusals():
            async with sessions() as session:
                found = await store.list_endpoints(session, caller.tenant, after=cursor, limit=limit + 1)
            items = [view(endpoint) for endpoint in found[:limit] if endpoint.channel in adapters()]
        return EndpointPage(items=items, next=found[limit - 1].id if len(found) > limit else None)

    @router.get("/{endpoint}", summary="One endpoint, and what it has done so far")
    async def one(caller: Admin, endpoint: str) -> EndpointState:
        with refusals():
            async with sessions() as session:
                found = await store.find_endpoint(session, caller.tenant, endpoint)
                if found is None or found.disabled_at is not None:
                    raise not_found()
                counts = await read_counts(session, caller.tenant, endpoint)
                waiting = await waiting_of(session, caller.tenant, endpoint)
            told: dict[str, Any] = {name: getattr(counts, name) for name in counts.__slots__ if name != "collected"}
            collected = [Collected.model_validate(share, from_attributes=True) for share in counts.collected]
            return EndpointState(
                **shown(found, configuration.adapter_of(found.channel), public_url, box), **told, fetches_waiting=waiting.waiting,
                fetches_dead=waiting.dead, collected=collected,
            )  # fmt: skip

    @router.patch("/{endpoint}", summary="Change name, zone, country, options or calls_per_minute")
    async def change(caller: Admin, endpoint: str, wanted: EndpointChange) -> EndpointView:
        fields = {name: value for name, value in wanted if name in wanted.model_fields_set and (value is not None or name == "country")}
        with refusals():
            async with sessions.begin() as session:
                changed = await configuration.change(session, caller.tenant, endpoint, fields, caller.actor, clock())
            return view(_found(changed))

    @router.delete("/{endpoint}", status_code=204, summary="Disable an endpoint: its URL is 404 from now on, and nothing is fetched")
    async def disable(caller: Admin, endpoint: str) -> None:
        with refusals():
            async with sessions.begin() as session:
                disabled = await configuration.disable(session, caller.tenant, endpoint, caller.actor, clock())
        if not disabled:
            raise not_found()

    @router.post("/{endpoint}/rotate", summary="Give new secrets; the present ones stay valid for an overlap")
    async def rotate(caller: Admin, endpoint: str, wanted: NewSecrets) -> EndpointView:
        sealing, overlap = needed(box), timedelta(seconds=wanted.overlap_seconds)
        with refusals():
            async with sessions.begin() as session:
                rotated = await configuration.rotate(
                    session, sealing, caller.tenant, endpoint, wanted.secrets, overlap, caller.actor, clock()
                )
            return view(_found(rotated))

    return router


def try_routes(sessions: Sessions, clock: Clock, box: SecretBox | None, public_url: str, intake: Intake, keys: VendorKeys) -> APIRouter:
    """The route that shows what a pasted request would become."""
    router = APIRouter(prefix="/v1/endpoints", tags=["channels"])

    @router.post("/{endpoint}/try", summary="What a pasted request would become; nothing is stored or sent")
    async def try_it(caller: Admin, endpoint: str, pasted: Pasted) -> TriedView:
        found = await opened(sessions, box, caller.tenant, endpoint)
        if pasted.at is not None and pasted.at.tzinfo is None:
            raise Problem(422, "invalid_request", "at needs its offset", errors=[FieldError(("at",), "send it with an offset or Z")])
        query = f"?{pasted.query}" if pasted.query else ""
        url = f"{public_url.rstrip('/')}/v1/channels/{found.channel}/{found.id}{query}"
        headers = {name.lower(): value for name, value in pasted.headers.items()}
        request = Request(pasted.method.upper(), url, headers, pasted.body.encode("utf-8", "surrogatepass"), pasted.at or clock())
        trace = traceparent_from(current_traceparent.get())
        return _tried(await try_request(intake, keys, found, request, trace, prove=pasted.verify))

    return router


def _found(endpoint: StoredEndpoint | None) -> StoredEndpoint:
    if endpoint is None:
        raise not_found()
    return endpoint


def _tried(tried: Tried) -> TriedView:
    if tried.outcome is None or tried.judged is None:
        problem, detail = tried.problem or (None, None)
        return TriedView(problem=problem, detail=detail)
    events = [TriedEvent(event=msgspec.json.decode(accepted.record.value)) for accepted in tried.judged.accepted]
    events += [TriedEvent(event=msgspec.json.decode(one.item), refused=one.reason) for one in tried.judged.refused]
    return TriedView(
        events=events,
        passed_over=dict(tried.outcome.passed_over),
        fetches=[fetch.key for fetch in tried.outcome.fetches],
        answer_status=tried.outcome.answer.status,
        answer_body=tried.outcome.answer.body.decode("utf-8", "replace"),
    )

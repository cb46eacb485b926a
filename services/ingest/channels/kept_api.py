"""What could not be read, and what could not be fetched, over HTTP: listed, and tried again."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.ingest.channels import fetches, store
from services.ingest.channels.endpoints_api import Admin, Cursor, Limit, needed, opened, refusals
from services.ingest.channels.forms import FetchesReplayed, FetchKeys, FetchPage, FetchView, KeptPage, KeptView, ReplayView
from services.ingest.channels.kept import list_kept
from services.ingest.channels.replaying import Replayed, replay_one
from services.ingest.intake import Intake
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.delivery.secrets import SecretBox, UnreadableSecret
from shared.observability.tracing import current_traceparent, traceparent_from
from shared.web.problems import Problem, not_found

REPLAYED_AT_ONCE = 100


def kept_routes(sessions: Sessions, clock: Clock, box: SecretBox | None, intake: Intake) -> APIRouter:
    """Routes of what is kept unread, and of dead fetches."""
    router = APIRouter(prefix="/v1/endpoints", tags=["channels"])

    async def check_endpoint(tenant: str, endpoint: str) -> None:
        async with sessions() as session:
            found = await store.find_endpoint(session, tenant, endpoint)
        if found is None or found.disabled_at is not None:
            raise not_found()

    async def replay(tenant: str, endpoint: str, id: str) -> Replayed:
        usable, sealed = await opened(sessions, box, tenant, endpoint), needed(box)
        with refusals():
            try:
                async with sessions.begin() as session:
                    trace = traceparent_from(current_traceparent.get())
                    return await replay_one(session, intake, sealed, usable, id, clock(), trace)
            except UnreadableSecret as unreadable:
                raise Problem(409, "misconfigured", str(unreadable)) from None

    @router.get("/{endpoint}/unreadable", summary="What was proven and could not be read; kept for 30 days")
    async def kept(caller: Admin, endpoint: str, limit: Limit = 100, cursor: Cursor = "") -> KeptPage:
        with refusals():
            await check_endpoint(caller.tenant, endpoint)
            async with sessions() as session:
                found = await list_kept(session, caller.tenant, endpoint, after=cursor, limit=limit + 1)
        items = [KeptView.model_validate(one, from_attributes=True) for one in found[:limit]]
        return KeptPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.post("/{endpoint}/unreadable/replay", summary="Read all of it again, a hundred at a time: go on with `next` as the cursor")
    async def replay_all(caller: Admin, endpoint: str, cursor: Cursor = "") -> ReplayView:
        with refusals():
            await check_endpoint(caller.tenant, endpoint)
            async with sessions() as session:
                found = await list_kept(session, caller.tenant, endpoint, after=cursor, limit=REPLAYED_AT_ONCE + 1)
        done = [await replay(caller.tenant, endpoint, one.id) for one in found[:REPLAYED_AT_ONCE]]
        answer = _view(done)
        answer.next = found[REPLAYED_AT_ONCE - 1].id if len(found) > REPLAYED_AT_ONCE else None
        return answer

    @router.post("/{endpoint}/unreadable/{unreadable}/replay", summary="Read one of them again")
    async def replay_this(caller: Admin, endpoint: str, unreadable: str) -> ReplayView:
        done = await replay(caller.tenant, endpoint, unreadable)
        if done.result == "unknown":
            raise not_found()
        return _view([done])

    @router.get("/{endpoint}/fetches", summary="What is still to be fetched from the vendor, polls included; `state=dead`: given up")
    async def waiting(
        caller: Admin, endpoint: str, state: Annotated[Literal["waiting", "dead", "idle"] | None, Query()] = None,
        limit: Limit = 100, cursor: Cursor = "",
    ) -> FetchPage:  # fmt: skip
        with refusals():
            await check_endpoint(caller.tenant, endpoint)
            async with sessions() as session:
                found = await fetches.list_jobs(session, caller.tenant, endpoint, state, after=cursor, limit=limit + 1)
        items = [
            FetchView(
                key=job.key, kind=job.kind, state=job.state, next_at=job.next_at, attempts=job.attempt, failures=job.failures,
                last_error=job.last_error, created_at=job.created_at,
            )
            for job in found[:limit]
        ]  # fmt: skip
        return FetchPage(items=items, next=items[-1].key if len(found) > limit else None)

    @router.post("/{endpoint}/fetches/replay", summary="Try dead fetches again, those that are named or all")
    async def replay_fetches(caller: Admin, endpoint: str, wanted: FetchKeys) -> FetchesReplayed:
        with refusals():
            await check_endpoint(caller.tenant, endpoint)
            async with sessions.begin() as session:
                return FetchesReplayed(replayed=await fetches.replay_dead(session, caller.tenant, endpoint, wanted.keys))

    return router


def _view(done: list[Replayed]) -> ReplayView:
    still = [one for one in done if one.result == "unreadable"]
    return ReplayView(
        replayed=sum(one.result == "replayed" for one in done),
        events=sum(one.events for one in done),
        unreadable=len(still),
        reason=still[0].reason if still else None,
    )

"""Places: standing addresses for a kiosk, a till, a code in a store. Whoever comes by answers there without having been asked."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from services.ingest.surveys.api import Admin, Cursor, IdempotencyKey, Limit
from services.ingest.surveys.pages import kiosk
from services.ingest.surveys.store.places import Place, add_place, close_place, list_places
from services.ingest.surveys.store.surveys import find_survey
from shared.clock import Clock
from shared.contracts.fields import Name
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.idempotency import once
from shared.web.problems import not_found


class Where(BaseModel):
    """What every answer given there says."""

    model_config = ConfigDict(extra="forbid")

    touchpoint: Name
    region: Name | None = None
    product: Name | None = None
    journey_stage: Name | None = None
    team: Name | None = None
    agent: Name | None = None


class NewPlace(Where):
    """A place. `kiosk`: many people use one screen there, so that it begins anew after each of them."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"touchpoint": "Till 3", "region": "north", "product": "shoes", "kiosk": True}]}
    )

    kiosk: bool = False


class PlaceView(Where):
    """A place: its address, and a page with the address as a QR code to print."""

    id: str
    kiosk: bool
    url: str
    poster: str
    created_at: datetime
    closed_at: datetime | None


class PlacePage(BaseModel):
    """One page of places."""

    items: list[PlaceView]
    next: str | None


def place_routes(sessions: Sessions, public_url: str, clock: Clock) -> APIRouter:
    """Routes of places."""
    router = APIRouter(prefix="/v1/surveys/{survey_id}/places", tags=["surveys"])

    def view(place: Place) -> PlaceView:
        url = f"{public_url}{kiosk.start(place.id)}"
        return PlaceView(id=place.id, kiosk=place.kiosk, url=url, poster=f"{url}/poster", created_at=place.created_at,
                         closed_at=place.closed_at, **place.context)  # fmt: skip

    @router.post("", status_code=201, summary="Make an address at which anybody may answer")
    async def create(caller: Admin, survey_id: str, wanted: NewPlace, idempotency_key: IdempotencyKey = None) -> PlaceView:
        now, context = clock(), wanted.model_dump(exclude={"kiosk"}, exclude_none=True)
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, f"POST /v1/surveys/{survey_id}/places", idempotency_key, wanted, now)
                if write.replayed is not None:
                    return PlaceView.model_validate(write.replayed)
                if await find_survey(session, caller.tenant, survey_id) is None:
                    raise not_found()
                place = await add_place(session, caller.tenant, survey_id, context, kiosk=wanted.kiosk, actor=caller.actor, now=now)
                made = view(place)
                await write.keep(made)
        return made

    @router.get("", summary="List the places of a survey")
    async def list_all(caller: Admin, survey_id: str, limit: Limit = 100, cursor: Cursor = "") -> PlacePage:
        with typed_database_errors():
            async with sessions() as session:
                found = await list_places(session, caller.tenant, survey_id, cursor, limit + 1)
        return PlacePage(items=[view(one) for one in found[:limit]], next=found[limit - 1].id if len(found) > limit else None)

    @router.delete("/{place_id}", summary="Take no more answers there")
    async def close(caller: Admin, survey_id: str, place_id: str) -> PlaceView:
        with typed_database_errors():
            async with sessions.begin() as session:
                closed = await close_place(session, caller.tenant, survey_id, place_id, actor=caller.actor, now=clock())
        if closed is None:
            raise not_found()
        return view(closed)

    return router

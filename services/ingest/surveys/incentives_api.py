"""What completed surveys have earned: coupon codes to upload, rewards to fetch, draws to hold. None of it knows a score."""

import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.surveys.api import Admin, IdempotencyKey, Limit
from services.ingest.surveys.domain.incentives import drawn
from services.ingest.surveys.domain.people import Contact
from services.ingest.surveys.invitations_api import Reader
from services.ingest.surveys.rewarding import send_codes
from services.ingest.surveys.store import rewards
from services.ingest.surveys.store.surveys import find_survey
from shared.clock import Clock
from shared.contracts.fields import Name
from shared.database.audit import record_change
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Code = Annotated[str, Field(pattern=r"^[!-~]{1,64}$", description="Printable ASCII without spaces")]


class NewCoupons(BaseModel):
    """Codes to give, each to one person; those that are there already are left as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"codes": ["THANKS-7QK2", "THANKS-M4XD"]}]})

    codes: Annotated[list[Code], Field(min_length=1, max_length=5000)]


class CouponsView(BaseModel):
    """How many codes are free, were given, and are owed to people who completed the survey when none was free."""

    free: int
    given: int
    owed: int


class AddedCoupons(CouponsView):
    """The same after an upload, of which so many were new."""

    added: int


class Rewarded(BaseModel):
    """Whom to give it to; nothing of a customer who was erased."""

    id: str | None
    email: str | None
    phone: str | None
    name: str | None


class RewardView(BaseModel):
    """One completed survey's. `invitation` names it for good: give nobody anything twice for the same one."""

    number: int
    invitation: str
    kind: Literal["points", "coupon", "draw"]
    points: int | None
    at: datetime
    customer: Rewarded


class RewardPage(BaseModel):
    """Rewards by number, without gaps: remember the last one, and begin after it."""

    items: list[RewardView]
    next: int | None


class NewDraw(BaseModel):
    """How many win. A `seed` that was announced before shows that nobody chose it; without one it is chance."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"winners": 3, "seed": "lottery of 2026-11-28: 4 8 15 16 23 42"}]}
    )

    winners: Annotated[int, Field(ge=1, le=1000)]
    seed: Name | None = None


class DrawView(BaseModel):
    """A draw among the rewards since the one before, by number. The winners are the entrants whose SHA-256 of `seed:number` is smallest."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    seed: str
    entrants: list[int]
    winners: list[int]
    created_at: datetime
    actor: str


class DrawPage(BaseModel):
    """All draws, the newest first."""

    items: list[DrawView]
    next: None = None


def incentive_routes(sessions: Sessions, clock: Clock) -> APIRouter:
    """Routes of coupons, rewards and draws."""
    router = APIRouter(prefix="/v1/surveys/{survey_id}", tags=["surveys"])

    @router.post("/coupons", summary="Upload coupon codes; those that are owed are given at once")
    async def upload(caller: Admin, survey_id: str, wanted: NewCoupons) -> AddedCoupons:
        with typed_database_errors():
            async with sessions.begin() as session:
                if await find_survey(session, caller.tenant, survey_id) is None:
                    raise not_found()
                added, given = await rewards.add_coupons(session, caller.tenant, survey_id, wanted.codes)
                await send_codes(session, caller.tenant, given)
                if added:
                    await record_change(session, tenant=caller.tenant, at=clock(), actor=caller.actor, action="create",
                                        changed=f"survey-coupons:{survey_id}", before=None, after={"added": added})  # fmt: skip
                counted = await rewards.count_coupons(session, caller.tenant, survey_id)
        return AddedCoupons(added=added, **asdict(counted))

    @router.get("/coupons", summary="How many coupon codes are left")
    async def coupons(caller: Admin, survey_id: str) -> CouponsView:
        with typed_database_errors():
            async with sessions() as session:
                if await find_survey(session, caller.tenant, survey_id) is None:
                    raise not_found()
                return CouponsView(**asdict(await rewards.count_coupons(session, caller.tenant, survey_id)))

    @router.get("/rewards", summary="What completed surveys have earned, for the system that gives it")
    async def list_rewards(
        caller: Reader, survey_id: str, after: Annotated[int, Query(ge=0, le=2**31 - 1, description="A number")] = 0, limit: Limit = 100
    ) -> RewardPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await rewards.list_rewards(session, caller.tenant, survey_id, after, limit + 1)
        return RewardPage(items=[_reward(row) for row in found[:limit]], next=found[limit - 1].number if len(found) > limit else None)

    @router.post("/draws", status_code=201, summary="Draw winners among those who have not been in a draw")
    async def draw(caller: Admin, survey_id: str, wanted: NewDraw, idempotency_key: IdempotencyKey = None) -> DrawView:
        now, seed = clock(), wanted.seed or secrets.token_hex(16)
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, f"POST /v1/surveys/{survey_id}/draws", idempotency_key, wanted, now)
                if write.replayed is not None:
                    return DrawView.model_validate(write.replayed)
                if await find_survey(session, caller.tenant, survey_id) is None:
                    raise not_found()
                among = await rewards.entrants(session, caller.tenant, survey_id)
                if not among:
                    raise Problem(409, "nobody_to_draw", "nobody has completed this survey for a draw since the last one")
                winners = drawn(seed, among, wanted.winners)
                held = DrawView.model_validate(
                    await rewards.keep_draw(
                        session, caller.tenant, survey_id, seed=seed, among=among, winners=winners, now=now, actor=caller.actor
                    )
                )
                after = {"seed": seed, "entrants": len(among), "winners": winners}
                await record_change(session, tenant=caller.tenant, at=now, actor=caller.actor, action="create",
                                    changed=f"survey-draw:{survey_id}:{held.number}", before=None, after=after)  # fmt: skip
                await write.keep(held)
        return held

    @router.get("/draws", summary="The draws of a survey, with what repeats them")
    async def draws(caller: Admin, survey_id: str) -> DrawPage:
        with typed_database_errors():
            async with sessions() as session:
                return DrawPage(items=[DrawView.model_validate(row) for row in await rewards.list_draws(session, caller.tenant, survey_id)])

    return router


def _reward(row: Any) -> RewardView:
    contact = Contact.model_validate(row.contact)
    customer = Rewarded(id=contact.customer, email=contact.email, phone=contact.phone, name=contact.name)
    return RewardView(number=row.number, invitation=row.invitation, kind=row.kind, points=row.points, at=row.at, customer=customer)

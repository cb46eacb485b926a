"""Gives what an incentive promised when a survey is completed. What the answers are is not looked at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.schema import survey_invitations
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.rewards import earn
from services.ingest.surveys.timers import Sending
from shared.delivery.delivery import NewDelivery
from shared.delivery.store import enqueue_delivery

log = structlog.get_logger()


async def reward(session: AsyncSession, events: SurveyEvents, document: SurveyDocument, invitation: Invitation, now: datetime) -> None:
    """Once for each completed survey; a coupon's code also goes by mail to who was asked by mail. Does not commit."""
    earned = await earn(session, document, invitation, now)
    if earned is None or earned.kind != "coupon":
        return
    if earned.code is None:
        events.coupon_missing()
        log.warning("no coupon is left", action="coupon_missing", tenant=invitation.tenant, survey=invitation.survey)
    else:
        await send_codes(session, invitation.tenant, [invitation.id])


async def send_codes(session: AsyncSession, tenant: str, invitations: Sequence[str], by: Literal["email", "sms"] = "email") -> None:
    """Put in the messages with the codes of those who were asked this way. Does not commit."""
    of = survey_invitations.c
    asked = sa.select(of.id).where(of.tenant == tenant, of.id.in_(invitations), of.way == by).order_by(of.id)
    for id in (await session.execute(asked)).scalars().all():
        body = msgspec.json.encode(Sending(id, 1, about="code"))
        await enqueue_delivery(session, NewDelivery(tenant, f"code:{id}", by, by, 1, body))

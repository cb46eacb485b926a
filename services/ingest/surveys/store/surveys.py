"""Definitions and their versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.schema import tenants
from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.domain.timing import next_wave
from services.ingest.surveys.schema import survey_invitations, survey_versions, surveys
from services.ingest.surveys.store.invitations import Invitation
from shared.database.audit import record_change
from shared.database.timers import wake

WAVES = "hearback_survey_waves"


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey in its newest version, or in the one that was asked for; `active` is whether the newest one asks anybody."""

    tenant: str
    id: str
    version: int
    zone: ZoneInfo
    document: SurveyDocument
    active: bool
    created_at: datetime


_COLUMNS = (surveys.c.tenant, surveys.c.id, surveys.c.zone, survey_versions.c.version, survey_versions.c.document, surveys.c.active,
            surveys.c.created_at)  # fmt: skip
_CURRENT = sa.select(*_COLUMNS).join(
    survey_versions,
    (survey_versions.c.tenant == surveys.c.tenant)
    & (survey_versions.c.survey == surveys.c.id)
    & (survey_versions.c.version == surveys.c.version),
)


def _zone(name: str | None) -> ZoneInfo:
    """The tenant's; UTC where there is none, or none that this machine knows."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the name of a folder of zones is an OSError
        return ZoneInfo("UTC")


def _survey(row: Any) -> Survey:
    document = SurveyDocument.model_validate(row.document)
    return Survey(row.tenant, row.id, row.version, _zone(row.zone), document, row.active, row.created_at)


async def find_survey(session: AsyncSession, tenant: str, id: str, version: int | None = None, *, lock: bool = False) -> Survey | None:
    """One survey of this tenant, the newest version unless told otherwise. With `lock` nobody else changes it meanwhile."""
    if lock:
        await session.execute(sa.select(surveys.c.id).where(surveys.c.tenant == tenant, surveys.c.id == id).with_for_update())
    query = _CURRENT
    if version is not None:
        query = (
            sa.select(*_COLUMNS)
            .join(survey_versions, (survey_versions.c.tenant == surveys.c.tenant) & (survey_versions.c.survey == surveys.c.id))
            .where(survey_versions.c.version == version)
        )
    row = (await session.execute(query.where(surveys.c.tenant == tenant, surveys.c.id == id))).one_or_none()
    return None if row is None else _survey(row)


async def find_sent(
    session: AsyncSession, tenant: str, invitation: str, *, lock: bool = False
) -> tuple[Invitation, Survey, str, datetime] | None:
    """An invitation with its survey in the version that it is sent in, the tenant's name as customers know it, and the present instant:
    what is needed for every message. With `lock` nobody else changes the invitation until the end of the transaction."""
    of, version = survey_invitations.c, survey_versions.c
    query = (
        sa.select(survey_invitations, surveys.c.zone, surveys.c.active, surveys.c.created_at.label("made_at"), version.document,
                  tenants.c.name, sa.func.now().label("present"))
        .join(surveys, (surveys.c.tenant == of.tenant) & (surveys.c.id == of.survey))
        .join(survey_versions, (version.tenant == of.tenant) & (version.survey == of.survey) & (version.version == of.version))
        .join(tenants, tenants.c.id == of.tenant, isouter=True)
        .where(of.tenant == tenant, of.id == invitation)
    )  # fmt: skip
    if lock:
        query = query.with_for_update(of=survey_invitations)
    row = (await session.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    found = Invitation(**{name: row[name] for name in Invitation.__dataclass_fields__})
    document = SurveyDocument.model_validate(row["document"])
    survey = Survey(tenant, found.survey, found.version, _zone(row["zone"]), document, row["active"], row["made_at"])
    return found, survey, row["name"] or tenant, row["present"]


async def list_surveys(session: AsyncSession, tenant: str, after: str, limit: int) -> list[Survey]:
    """Surveys of this tenant by id."""
    query = _CURRENT.where(surveys.c.tenant == tenant, surveys.c.id > after).order_by(surveys.c.id).limit(limit)
    return [_survey(row) for row in await session.execute(query)]


async def active_surveys(session: AsyncSession, of: Iterable[str]) -> dict[str, list[Survey]]:
    """The surveys of these tenants that may ask somebody, by tenant."""
    found: dict[str, list[Survey]] = {}
    query = _CURRENT.where(surveys.c.tenant.in_(list(of)), surveys.c.active).order_by(surveys.c.tenant, surveys.c.id)
    for row in await session.execute(query):
        found.setdefault(row.tenant, []).append(_survey(row))
    return found


async def versions_of(session: AsyncSession, tenant: str, id: str) -> Sequence[tuple[int, datetime, str]]:
    """Number, instant and author of each version, the newest first."""
    query = (
        sa.select(survey_versions.c.version, survey_versions.c.created_at, survey_versions.c.actor)
        .where(survey_versions.c.tenant == tenant, survey_versions.c.survey == id)
        .order_by(survey_versions.c.version.desc())
    )
    return [(row.version, row.created_at, row.actor) for row in await session.execute(query)]


async def save_survey(
    session: AsyncSession, tenant: str, id: str, document: SurveyDocument, *, new: bool, actor: str, now: datetime
) -> Survey | None:
    """Store a survey's first version, or the next one; audited. None when there is one already, or none yet.

    What was sent stays on the version that it was sent with.
    """
    zone = _zone((await session.execute(sa.select(tenants.c.zone).where(tenants.c.id == tenant))).scalar_one_or_none())
    waves = next_wave(now, document.wave.every, zone) if document.wave is not None and document.active else None
    row = {"tenant": tenant, "id": id, "version": 1, "zone": zone.key, "mode": document.mode, "active": document.active,
           "next_wave_at": waves, "created_at": now}  # fmt: skip
    before = None
    if new:
        made = (await session.execute(insert(surveys).values(row).on_conflict_do_nothing().returning(surveys.c.id))).first()
        if made is None:
            return None
        version = 1
    else:
        before = await find_survey(session, tenant, id, lock=True)
        if before is None:
            return None
        version = before.version + 1
        changed = {"version": version, "mode": document.mode, "active": document.active, "next_wave_at": waves}
        if waves is not None and before.active and before.document.wave is not None and before.document.wave.every == document.wave.every:  # type: ignore[union-attr]
            del changed["next_wave_at"]  # one that is due and was not sent yet still is
        await session.execute(sa.update(surveys).where(surveys.c.tenant == tenant, surveys.c.id == id).values(changed))
    written = document.model_dump(mode="json")
    await session.execute(
        sa.insert(survey_versions).values(tenant=tenant, survey=id, version=version, document=written, created_at=now, actor=actor)
    )
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="create" if new else "update", changed=f"survey:{id}",
        before=None if before is None else before.document.model_dump(mode="json"), after=written,
    )  # fmt: skip
    await wake(session, WAVES)
    return Survey(tenant, id, version, zone, document, document.active, now if before is None else before.created_at)


async def retire_survey(session: AsyncSession, tenant: str, id: str, *, actor: str, now: datetime) -> Survey | None:
    """Ask nobody any more; answers and versions stay. None when there is none. A new version without `active` changes the same."""
    found = await find_survey(session, tenant, id)
    if found is None:
        return None
    document = found.document.model_copy(update={"active": False})
    return await save_survey(session, tenant, id, document, new=False, actor=actor, now=now)

"""Invitations and their tokens. A token is 128 bits of chance, known only to whom it was sent; the row holds its hash."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.answers import Given
from services.ingest.surveys.domain.definition import Mode, Way
from services.ingest.surveys.domain.people import Contact
from services.ingest.surveys.domain.questions import Lang
from services.ingest.surveys.domain.sampling import Stratum
from services.ingest.surveys.schema import survey_invitations, survey_tokens
from shared.database.timers import wake

CHANNEL = "hearback_survey_invitations"
Purpose = Literal["answer", "unsubscribe"]
State = Literal["planned", "sent", "walked_in", "passed_over", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Invitation:
    """One row of `survey_invitations`, field by column."""

    tenant: str
    id: str
    survey: str
    version: int
    mode: Mode
    state: State
    reason: str | None
    case_id: str | None
    person: str | None
    person_keys: Sequence[str]
    contact: Mapping[str, Any]
    context: Mapping[str, Any]
    place: str | None
    segment: str
    region: str
    product: str
    period: str | None
    way: Way
    language: Lang
    sends: int
    reminders: int
    next_at: datetime | None
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    opened_at: datetime | None
    answered_at: datetime | None
    finished_at: datetime | None
    revision: int
    given: Mapping[str, Given | None]
    flags: Sequence[str]

    @property
    def reached(self) -> Contact:
        """The contact."""
        return Contact.model_validate(self.contact)

    @property
    def stratum(self) -> Stratum:
        """Where it counts in a sample."""
        return Stratum(self.segment, self.region, self.product)

    @property
    def number(self) -> int:
        """A number of its own, by which it gets its block of a survey that is split."""
        return number_of(self.id)


def number_of(id: str) -> int:
    """The number of the invitation with this id."""
    return int.from_bytes(sha256(id.encode()).digest()[:8], "big")


async def add_invitations(session: AsyncSession, invitations: Iterable[Invitation]) -> set[tuple[str, str]]:
    """Store those that are not there yet; returns their (tenant, id)."""
    rows = [{name: getattr(one, name) for name in Invitation.__dataclass_fields__} for one in invitations]
    if not rows:
        return set()
    ordered = sorted(rows, key=lambda row: (row["tenant"], row["id"]))
    added = insert(survey_invitations).on_conflict_do_nothing().returning(survey_invitations.c.tenant, survey_invitations.c.id)
    found = {(row.tenant, row.id) for row in await session.execute(added, ordered)}
    await wake(session, CHANNEL)
    return found


async def find_invitation(session: AsyncSession, tenant: str, id: str, *, lock: bool = False) -> Invitation | None:
    """One invitation of this tenant; with `lock` nobody else changes it until the end of the transaction."""
    query = sa.select(survey_invitations).where(survey_invitations.c.tenant == tenant, survey_invitations.c.id == id)
    row = (await session.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    return None if row is None else Invitation(**row)


async def change(session: AsyncSession, invitation: Invitation, **values: Any) -> None:
    """Write these columns of an invitation that is locked."""
    mine = (survey_invitations.c.tenant == invitation.tenant, survey_invitations.c.id == invitation.id)
    await session.execute(sa.update(survey_invitations).where(*mine).values(values))


async def sending(session: AsyncSession, tenant: str, ids: Sequence[str]) -> None:
    """The next message of each of these, which are locked, is on its way."""
    of = survey_invitations.c
    query = sa.update(survey_invitations).where(of.tenant == tenant, of.id.in_(ids)).values(next_at=None, sends=of.sends + 1)
    await session.execute(query)


async def list_invitations(
    session: AsyncSession, tenant: str, survey: str, *, way: Way | None, open_only: bool, after: str, limit: int
) -> list[Invitation]:
    """Invitations of a survey by id; `open_only` leaves those that wait for an answer."""
    of = survey_invitations.c
    query = sa.select(survey_invitations).where(of.tenant == tenant, of.survey == survey, of.id > after)
    if way is not None:
        query = query.where(of.way == way)
    if open_only:
        query = query.where(of.state == "sent", of.finished_at.is_(None), of.expires_at > sa.func.now())
    return [Invitation(**row) for row in (await session.execute(query.order_by(of.id).limit(limit))).mappings()]


async def new_token(session: AsyncSession, invitation: Invitation, purpose: Purpose, expires_at: datetime | None = None) -> str:
    """A token for this invitation, to be sent now and kept nowhere."""
    [token] = await new_tokens(session, invitation, {purpose: expires_at or invitation.expires_at})
    return token


async def new_tokens(session: AsyncSession, invitation: Invitation, expiring: Mapping[Purpose, datetime]) -> list[str]:
    """A token for each purpose, until its instant."""
    tokens = [secrets.token_urlsafe(16) for _ in expiring]
    of = {"tenant": invitation.tenant, "invitation": invitation.id}
    rows = [{**of, "hash": _hash(token), "purpose": purpose, "expires_at": until}
            for token, (purpose, until) in zip(tokens, expiring.items(), strict=True)]  # fmt: skip
    await session.execute(sa.insert(survey_tokens), rows)
    return tokens


async def invitation_of(session: AsyncSession, token: str, purpose: Purpose, *, lock: bool = False) -> Invitation | None:
    """Whose token this is, None when it is nobody's, or for something else, or over."""
    query = sa.select(survey_tokens.c.tenant, survey_tokens.c.invitation).where(
        survey_tokens.c.hash == _hash(token), survey_tokens.c.purpose == purpose, survey_tokens.c.expires_at > sa.func.now()
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else await find_invitation(session, found.tenant, found.invitation, lock=lock)


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()

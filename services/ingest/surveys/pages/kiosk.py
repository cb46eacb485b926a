"""What a kiosk does by itself, so that the next person begins anew and sees nothing of the one before. There is no script: its pages
go on to the next one after a while, and who takes longer is asked first (WCAG 2.2, 2.2.1)."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.questions import FreeText, Question
from services.ingest.surveys.schema import survey_places
from services.ingest.surveys.store.invitations import Invitation

TAPPING_SECONDS, WRITING_SECONDS = 60, 180
"""How long a question stays before the kiosk asks whether somebody is there."""
ASKING_SECONDS = 20
THANKS_SECONDS, CODE_SECONDS = 8, 40
"""A code has to be copied."""
VISIT = timedelta(minutes=5)
"""After the last answer; what was begun and left cannot be gone on with then."""
KNOWN = timedelta(days=1)
"""How long a page of a visit that has ended leads back to the first screen."""
FORGET = {"Clear-Site-Data": '"cache"'}
"""The browser keeps no page to go back to."""


def start(place: str) -> str:
    """The path of a place's first screen."""
    return f"/s/at/{place}"


async def start_of(session: AsyncSession, invitation: Invitation) -> str | None:
    """The first screen of the kiosk at which this person stands, None for everybody else."""
    if invitation.place is None:
        return None
    mine = (survey_places.c.tenant == invitation.tenant, survey_places.c.id == invitation.place)
    kiosk = (await session.execute(sa.select(survey_places.c.kiosk).where(*mine))).scalar_one()
    return start(invitation.place) if kiosk else None


def waits(question: Question) -> int:
    """Seconds that a question stays."""
    return WRITING_SECONDS if isinstance(question, FreeText) else TAPPING_SECONDS


def then(seconds: int, path: str) -> str:
    """The content of a page's refresh."""
    return f"{seconds}; url={path}"

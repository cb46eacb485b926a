"""Short messages beside invitations: what was changed, a coupon's code, and the next question of a survey that is answered by reply."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.answering import survey_of
from services.ingest.surveys.domain.answers import next_question
from services.ingest.surveys.domain.questions import Lang
from services.ingest.surveys.notes import note_of
from services.ingest.surveys.pages.rendering import Page
from services.ingest.surveys.pages.showing import company_of
from services.ingest.surveys.pages.spoken import intro, spoken
from services.ingest.surveys.pages.words import WORDS
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.rewards import reward_of
from services.ingest.surveys.timers import Sending
from shared.delivery.mail import Mail


class Said(NamedTuple):
    """A message in the customer's language."""

    language: Lang
    subject: str
    text: str

    def mail(self, company: str, stop: str) -> Mail:
        """As an e-mail, with the way to get no more."""
        page = Page(self.language, company, "", (self.language,))
        said = {"subject": self.subject, "text": self.text, "stop": stop}
        return Mail(self.subject, page.render("note_text", **said), page.render("note", **said), unsubscribe=stop, sender_name=company)


async def said(session: AsyncSession, invitation: Invitation, sending: Sending) -> Said | None:
    """What this message says now; None when there is nothing to say any more."""
    match sending.about:
        case "note":
            note = await note_of(session, invitation, sending.number)
            return None if note is None else Said(*note)
        case "code":
            return await _code(session, invitation)
        case "question":
            text = await open_question(session, invitation)
            return None if text is None else Said(invitation.language, "", text)
    return None


async def open_question(session: AsyncSession, invitation: Invitation) -> str | None:
    """The question that the next message answers, as it is put in a message or read out; None when all are answered."""
    _, questions = await survey_of(session, invitation)
    place = next_question(questions, invitation.given)
    return None if place == len(questions) else spoken(questions[place], invitation.language, pressed=invitation.way == "ivr")


async def opening(session: AsyncSession, invitation: Invitation) -> dict[str, str | None]:
    """How whoever has the customer before them begins: `intro`, then `say`."""
    (survey, _), company = await survey_of(session, invitation), await company_of(session, invitation.tenant)
    told = intro(survey.document, company, invitation.language, known=invitation.person is not None)
    return {"intro": told, "say": await open_question(session, invitation)}


async def thanks(session: AsyncSession, invitation: Invitation) -> str:
    """What is said when all questions are answered, with the code of a coupon."""
    code = await _code(session, invitation)
    return WORDS[invitation.language]["done"] if code is None else f"{code.subject} {code.text}"


async def _code(session: AsyncSession, invitation: Invitation) -> Said | None:
    reward, words = await reward_of(session, invitation), WORDS[invitation.language]
    if reward is None or reward.code is None:
        return None
    survey, _ = await survey_of(session, invitation)
    incentive = survey.document.incentive
    assert incentive is not None
    return Said(invitation.language, words["done"], f"{incentive.text[invitation.language]}\n{words['your_code']} {reward.code}")

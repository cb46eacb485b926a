"""What an invitation says: purpose, minutes, privacy, one tap for the score, and how to get no more. In the customer's language."""

from urllib.parse import urlencode

from services.ingest.surveys.domain.answers import next_question
from services.ingest.surveys.domain.definition import block_for
from services.ingest.surveys.domain.questions import Lang
from services.ingest.surveys.pages.rendering import Page
from services.ingest.surveys.pages.screens import fields
from services.ingest.surveys.pages.spoken import privacy, privacy_in_short, spoken
from services.ingest.surveys.pages.words import day
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.surveys import Survey
from shared.delivery.mail import Mail


class Message:
    """One invitation or reminder, with its links."""

    def __init__(self, survey: Survey, invitation: Invitation, company: str, public_url: str, token: str, stop: str) -> None:
        self._document = survey.document
        self._invitation = invitation
        self.company = company
        self._language: Lang = invitation.language
        self._page = Page(self._language, company, "", (self._language,))
        self._words = self._page.words
        self.title = survey.document.title[self._language]
        self.url = f"{public_url}/s/{token}"
        self.stop = f"{public_url}/u/{stop}"

    def mail(self, *, reminder: bool) -> Mail:
        """As an e-mail; the text says all that the HTML says. Its first question is shown where one tap can answer it."""
        words, document, invitation = self._words, self._document, self._invitation
        expires = invitation.expires_at
        until = words["mail_until"].format(date=day(expires.year, expires.month, expires.day, self._language))
        name = invitation.reached.name
        subject = words["mail_reminder"].format(title=self.title) if reminder else self.title
        said = {
            "subject": subject,
            "title": self.title,
            "hello": words["hello_name"].format(name=name) if name else words["hello"],
            "purpose": document.purpose[self._language],
            "minutes": words["minutes"].format(minutes=document.minutes),
            "privacy": privacy(document, self.company, self._language, known=True),
            "incentive": None if document.incentive is None else document.incentive.text[self._language],
            "until": until,
            "url": self._with(),
            "stop": self.stop,
            "scores": self._scores(),
        }
        html = self._page.render("mail", **said)
        text = self._page.render("mail_text", **said)
        return Mail(subject, text, html, unsubscribe=self.stop, sender_name=self.company, invitation=invitation.id)

    def in_short(self) -> dict[str, str]:
        """What a text message and a template message can say."""
        document, language = self._document, self._language
        return {
            "company": self.company,
            "title": self.title,
            "purpose": document.purpose[language],
            "minutes": self._words["about_minutes"].format(minutes=document.minutes),
            "privacy": privacy_in_short(document, language),
        }

    def sms(self) -> str:
        """As a text message; where it may be answered in reply, with the open question."""
        if self._document.by_reply:
            questions = block_for(self._document, self._invitation.number)
            open_one = questions[next_question(questions, self._invitation.given)]
            question = spoken(open_one, self._language, pressed=False)
            return self._words["sms_by_reply"].format(**self.in_short(), url=self.url, question=question)
        return self._words["sms"].format(**self.in_short(), url=self.url, stop=self.stop)

    def _with(self, **query: str) -> str:
        return f"{self.url}?{urlencode(query)}" if query else self.url

    def _scores(self) -> dict[str, object] | None:
        """The first question where it is answered by one tap on a scale."""
        first = fields(block_for(self._document, self._invitation.number)[0], self._language, None)
        if len(first) > 1 or not first[0].points:
            return None
        field = first[0]
        taps = [(option.label, option.spoken, self._with(score=option.value)) for option in field.options]
        return {"question": field.legend, "low": field.low, "high": field.high, "taps": taps}

"""What a message says or a voice: what a survey is for, and a question with how to answer it."""

from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.domain.questions import Choice, FreeText, Lang, Question
from services.ingest.surveys.pages.screens import fields
from services.ingest.surveys.pages.words import WORDS


def privacy(document: SurveyDocument, company: str, language: Lang, *, known: bool) -> str:
    """What becomes of the answers, of somebody who is known to us or of nobody in particular."""
    usual = WORDS[language]["privacy" if known else "privacy_nobody"]
    return document.privacy[language] if document.privacy else usual.format(company=company)


def privacy_in_short(document: SurveyDocument, language: Lang) -> str:
    """The same in a message, to somebody who is known to us."""
    return document.privacy[language] if document.privacy else WORDS[language]["privacy_short"]


def intro(document: SurveyDocument, company: str, language: Lang, *, known: bool) -> str:
    """Purpose, minutes and privacy: what everybody is told before the first answer."""
    words = WORDS[language]
    minutes = words["minutes"].format(minutes=document.minutes) + words["stop_sign"]
    return " ".join((document.purpose[language], minutes, privacy(document, company, language, known=known)))


def spoken(question: Question, language: Lang, *, pressed: bool) -> str:
    """The question and what to reply, or to press on a telephone."""
    words, [field] = WORDS[language], fields(question, language, None)
    how = "press" if pressed else "reply"
    if isinstance(question, FreeText):
        return f"{field.legend} {words[f'{how}_text']}"
    if question.kind == "yes_no":
        return f"{field.legend} {words[f'{how}_yes_no']}"
    if isinstance(question, Choice):
        offered = words["listed"].join(f"{place} {option.label}" for place, option in enumerate(field.options, 1))
        return f"{field.legend} {words[f'{how}_choice'].format(offered=offered)}"
    low, high = field.options[0].value, field.options[-1].value
    scale = words["scale"].format(low=low, high=high, worst=field.low, best=field.high) if field.low else f"{low}–{high}"
    return f"{field.legend} {words[f'{how}_score'].format(scale=scale)}"

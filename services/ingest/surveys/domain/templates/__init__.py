"""Surveys to begin with, in English and Chinese. They are documents like any other: take one, change it, post it."""

from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.domain.templates.diagnostics import KANO, SERVQUAL
from services.ingest.surveys.domain.templates.relationship import CES, CSI, FOLLOW_UP, NPS

TEMPLATES: dict[str, SurveyDocument] = {
    "nps": NPS,
    "csi": CSI,
    "ces": CES,
    "servqual": SERVQUAL,
    "kano": KANO,
    "follow_up": FOLLOW_UP,
}
"""By the name under which the API gives them out."""

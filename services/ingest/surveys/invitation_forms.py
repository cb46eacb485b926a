"""What the routes of invitations and results take and answer."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.surveys.domain.answers import LONGEST_TEXT
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.store import results
from shared.contracts.fields import Id, Instant, Language, Name
from shared.contracts.occurrence import Customer


class Asked(BaseModel):
    """One person to ask. Without `id` a repetition asks twice; the rest is what every event about it says."""

    model_config = ConfigDict(extra="forbid")

    id: Id | None = None
    customer: Customer = Customer()
    language: Language | None = None
    touchpoint: Name | None = None
    product: Name | None = None
    region: Name | None = None
    team: Name | None = None
    agent: Name | None = None
    interaction_id: Id | None = None
    not_before: Instant | None = None


class NewInvitations(BaseModel):
    """People to ask; `way` is how, where it is not left to the survey and the customer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"way": "link", "people": [{"customer": {"id": "c-1042"}, "touchpoint": "chat"}]}]}
    )

    people: Annotated[list[Asked], Field(min_length=1, max_length=500)]
    way: Way | None = None


class InvitationView(BaseModel):
    """An invitation. `reason` says why nobody is asked, where that is so."""

    id: str
    state: str
    reason: str | None
    way: str
    language: str
    next_at: datetime | None
    sent_at: datetime | None
    answered_at: datetime | None
    expires_at: datetime


class MadeInvitation(InvitationView):
    """An invitation just made; `url` is where to answer, for `link`, `chat` and `ivr`, shown this once; for the last two, `intro` is
    what to say before anything is asked (purpose, minutes, privacy), and `say` the first question."""

    url: str | None = None
    intro: str | None = None
    say: str | None = None


class MadeInvitations(BaseModel):
    """In the order of the request."""

    items: list[MadeInvitation]


class CallView(InvitationView):
    """Whom to call, and what to ask."""

    name: str | None
    phone: str | None
    zone: str | None
    questions: list[dict[str, Any]]
    given: dict[str, Any]


class CallPage(BaseModel):
    """One page of a call list."""

    items: list[CallView]
    next: str | None


class TypedAnswers(BaseModel):
    """What was said, by question: the fields of the question, or null for one that was passed over."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"answers": {"recommend": {"score": 9}, "improve": None}}]})

    answers: Annotated[dict[str, dict[str, int | str] | None], Field(min_length=1, max_length=200)]


class Reply(BaseModel):
    """What a customer wrote in a chat, said, or dialled: 9, ９, 九分, 9 because the queue was short, yes, 2#."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "9 because the queue was short"}]})

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class RepliedView(InvitationView):
    """Whether that answered the open question, and what to say now: the question that is open, or thanks."""

    answered: bool
    finished: bool
    say: str


class StratumView(BaseModel):
    """One stratum: eligible, asked, answered, and its share of the base and of the answers."""

    segment: str
    region: str
    product: str
    base: int
    asked: int
    answered: int
    share_of_base: float | None
    share_of_answers: float | None


class ResultsView(BaseModel):
    """What came back. `response_rate` is answered / sent. Flagged answers are in every figure."""

    survey: str
    since: datetime
    totals: results.Totals
    response_rate: float | None
    strata: list[StratumView]
    answers: dict[str, dict[str, dict[str, int]]]

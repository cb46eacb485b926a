"""What events of the feedback topics mean to cases: which one opens a case, which one answers a customer, and what a revision changes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from services.closed_loop.domain.case import CaseFile, case_id
from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.domain.decisions import Decision, answered_case, conclude, respond
from services.closed_loop.domain.facts import Fact
from services.closed_loop.domain.opening import STARTED, NewCase, received_instant
from services.closed_loop.domain.policy import BadAnswers, Traits
from shared.contracts.decoding import Event

Meaning = Literal["complaint", "bad_answer", "good_answer", "reply", "no_reply"]
OPENING: Final[tuple[Meaning, ...]] = ("complaint", "bad_answer")


@dataclass(frozen=True, slots=True)
class Meant:
    """What an event means, and the case that it is about: for an answer or a complaint the one that it has or would have."""

    meaning: Meaning
    case: str | None


def meaning_of(event: Event, bad_answers: BadAnswers) -> Meant | None:
    """What an event means here, None when nothing. An answer with `case` is a follow-up, which never opens one."""
    data = event.data
    match event.type:
        case "feedback.complaint_raised.v1":
            return Meant("complaint", case_id(event.tenant, event.source, event.id))
        case "feedback.survey_answered.v1" if data.case is None:
            bad = any(bad_answers.bad(answer) for answer in data.answers)
            return Meant("bad_answer" if bad else "good_answer", case_id(event.tenant, event.source, event.id))
        case "interaction.replied.v1":
            answers = data.by == "human" and data.public and data.case is not None
            return Meant("reply" if answers else "no_reply", data.case)
    return None


def new_case(event: Event, meaning: Literal["complaint", "bad_answer"]) -> NewCase:
    """The case that a complaint or a bad answer opens. Dates in the future count from when we received it."""
    data, customer = event.data, event.data.customer
    complaint = meaning == "complaint"
    traits = Traits(
        kind=meaning,
        channel=data.channel,
        severity=(data.severity if complaint else None) or "normal",
        category=data.category if complaint else None,
        segment=customer and customer.segment,
        tier=customer and customer.tier,
        product=data.product,
        region=data.region,
        jurisdiction=data.jurisdiction if complaint else None,
        language=data.language,
    )
    received = (data.received_at if complaint else None) or event.time
    if isinstance(received, datetime):
        received = min(received, event.receivedat)
    return NewCase(
        event.tenant, event.source, event.id, traits, received, customer=customer and customer.id, team=data.team, backfill=event.backfill
    )


def words_of(event: Event) -> str | None:
    """What the customer or the person said, for the timeline."""
    data = event.data
    if event.type == "feedback.survey_answered.v1":
        texts = [data.comment, *(answer.text for answer in data.answers)]
        return "\n".join(text for text in texts if text) or None
    text: str | None = data.text
    return text


def scores_of(event: Event) -> dict[str, Any]:
    """The scores of a survey's answers, for the timeline."""
    if event.type != "feedback.survey_answered.v1":
        return {}
    return {"answers": [{"question": one.question, "instrument": one.instrument, "score": one.score} for one in event.data.answers]}


def replied(file: CaseFile, event: Event, fact: str, now: datetime) -> Decision:
    """A person answered in another system: it counts from when that happened, also when it becomes known after the due."""
    at = min(event.time, event.receivedat, now)
    case = answered_case(file.case, at, event.data.next_step, event.data.promised_at)
    draft = respond(file, at, fact)
    answered = replace(case, responded_at=_first_answer(draft.clocks) or case.responded_at)
    return conclude(file, replace(draft, case=answered), now, change="changed", reason=f"replied_at {at.isoformat()}")


def unreplied(file: CaseFile, fact: str, now: datetime) -> Decision:
    """A revision says that there was no such answer: its stop is taken out of the clocks."""
    clocks = tuple(clock.without_fact(fact) for clock in file.clocks)
    draft = CaseFile(replace(file.case, responded_at=_first_answer(clocks)), clocks)
    return conclude(file, draft, now, change="changed", reason="reply_revised")


def revised(file: CaseFile, new: NewCase, now: datetime) -> Decision:
    """A higher revision of the event that the case comes from: what it says replaces what the lower one said."""
    traits, before = new.traits, file.case
    received_at = before.received_at
    if file.clocks:
        received_at = received_instant(new.received, file.clocks[0].calendar, now)
    case = replace(
        before,
        customer=new.customer,
        channel=traits.channel,
        category=traits.category,
        severity=traits.severity,
        segment=traits.segment,
        product=traits.product,
        region=traits.region,
        language=traits.language,
        team=before.team or new.team,
        received_at=received_at,
        withdrawal_offered_at=None,
    )
    clocks = file.clocks
    if received_at != before.received_at:
        clocks = tuple(clock.with_fact(STARTED, Fact(received_at, "started")) for clock in clocks)
    return conclude(file, CaseFile(case, clocks), now, change="changed", reason="event_revised")


def turned_good(file: CaseFile, now: datetime) -> Decision:
    """A higher revision takes back what opened the case: a person is offered to withdraw it."""
    case = file.case
    offered = replace(case, withdrawal_offered_at=now) if case.is_open else case
    return conclude(file, replace(file, case=offered), now, change="changed", reason="event_turned_good")


def _first_answer(clocks: Iterable[CaseClock]) -> datetime | None:
    """The earliest answer that the first-response clock knows."""
    facts = (known.fact for clock in clocks if clock.kind == "first_response" for known in clock.facts)
    return min((fact.at for fact in facts if fact.kind == "stopped"), default=None)

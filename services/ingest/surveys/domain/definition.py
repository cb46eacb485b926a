"""A survey as it is defined: its questions, whom it asks, when and how. Advice about its length is given, never a refusal."""

from datetime import time
from itertools import chain
from math import ceil
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from services.ingest.surveys.domain.questions import CLOSED_SECONDS, Lang, Part, Question, Texts
from shared.contracts.fields import Name

Mode = Literal["after", "instant", "wave", "follow_up"]
Way = Literal["email", "sms", "wechat", "call", "link", "chat", "ivr"]
"""How an invitation reaches the customer."""
GIVEN_OUT: frozenset[Way] = frozenset({"link", "chat", "ivr"})
"""Handed at once to whoever has the customer before them: a till, a chat, a telephone menu. Nothing is sent."""

FEWEST, MOST = 5, 10
SHORTEST_MINUTES, LONGEST_MINUTES = 3, 5
BLOCK = 10


class Trigger(Part):
    """An event that makes a customer eligible: its type, and the values that its fields must have where they are named."""

    type: Literal["interaction.completed.v1", "customer.purchased.v1", "customer.renewed.v1", "customer.churned.v1", "customer.referred.v1"]
    where: Annotated[dict[Name, tuple[Name, ...]], Field(max_length=16)] = Field(default_factory=dict)


def without_offset(value: time) -> time:
    """The customer's own clock is meant: an offset would contradict it, and could not be compared with it."""
    if value.tzinfo is not None:
        raise ValueError("is a time on the customer's own clock: write it as text without an offset, for example 20:00")
    return value


WallTime = Annotated[
    time,
    AfterValidator(without_offset),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$", "examples": ["20:00"]}),
]


class QuietHours(Part):
    """From and to, on the customer's wall clock; over midnight when `until` is earlier. Nothing is sent in between."""

    since: WallTime = time(20)
    until: WallTime = time(9)

    @model_validator(mode="after")
    def leave_room(self) -> Self:
        if self.since == self.until:
            raise ValueError("quiet hours of a whole day would leave no time to send: let since and until differ")
        return self


class Sampling(Part):
    """How many answers are wanted in a window, out of all that are eligible, in strata of `by`, with a cap for frequent customers."""

    target: Annotated[int, Field(ge=1, le=1_000_000)]
    window_days: Annotated[int, Field(ge=1, le=366)] = 30
    by: Annotated[tuple[Literal["segment", "region", "product"], ...], Field(max_length=3)] = ("segment", "region", "product")
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Of those eligible, how many are asked at most."""
    expected_response: Annotated[float, Field(gt=0, le=1)] = 0.25
    """So many of those asked are expected to answer: a wave asks `target` divided by it, triggers until `target` can be expected."""
    most_per_customer: Annotated[int, Field(ge=1, le=100)] = 1


class Wave(Part):
    """Asked every month or quarter of those met in it, or only at some touchpoints."""

    every: Literal["month", "quarter"]
    touchpoints: Annotated[tuple[Name, ...], Field(max_length=64)] = ()


class Incentive(Part):
    """Thanks for taking part, promised before the first answer and given whatever the answers are. Points and a place in a draw need
    somebody to give them to; a coupon is for everybody."""

    kind: Literal["points", "coupon", "draw"]
    text: Texts
    points: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class SurveyDocument(Part):
    """One version of a survey. `split` cuts it into blocks of at most ten prompts, one of them for each customer."""

    title: Texts
    purpose: Texts
    languages: Annotated[tuple[Lang, ...], Field(min_length=1, max_length=2)] = ("en", "zh-Hans")
    questions: Annotated[tuple[Question, ...], Field(min_length=1, max_length=100)]
    split: bool = False
    mode: Mode = "after"
    active: bool = True
    triggers: Annotated[tuple[Trigger, ...], Field(max_length=16)] = ()
    wave: Wave | None = None
    sampling: Sampling | None = None
    earliest_hours: Annotated[float, Field(ge=0, le=720)] = 24
    latest_hours: Annotated[float, Field(gt=0, le=8760)] = 48
    by_reply: bool = False
    """Whether text messages ask to be answered in reply: the number that they come from must be an endpoint of the tenant's."""
    ways: Annotated[tuple[Way, ...], Field(min_length=1, max_length=7)] = ("email", "sms", "wechat", "call")
    """Those that may be used, the preferred one first; the customer's own preference goes before it."""
    quiet: QuietHours = QuietHours()
    fatigue_days: Annotated[int, Field(ge=0, le=366)] = 30
    """Nobody is asked again by any survey within so many days of the tenant's calendar; a follow-up always asks."""
    reminders: Annotated[int, Field(ge=0, le=3)] = 1
    reminder_hours: Annotated[float, Field(ge=1, le=720)] = 72
    expires_days: Annotated[int, Field(ge=1, le=366)] = 14
    incentive: Incentive | None = None
    privacy: Texts | None = None
    """What becomes of the answers, on the first screen; a usual sentence where nothing is said."""

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        """What would break the page or leave nobody to ask."""
        ids = [question.id for question in self.questions]
        if len(ids) != len(set(ids)):
            raise ValueError("questions need different ids")
        shown = chain((self.title, self.purpose), *(question.texts for question in self.questions))
        said = [part for part in (self.privacy, None if self.incentive is None else self.incentive.text) if part is not None]
        shown = chain(shown, said)
        if missing := {language for text in shown for language in self.languages if language not in text}:
            raise ValueError(f"a text is missing in {', '.join(sorted(missing))}: write it, or leave the language out of languages")
        if self.latest_hours <= self.earliest_hours:
            raise ValueError("latest_hours must be greater than earliest_hours")
        if (self.wave is not None) != (self.mode == "wave"):
            raise ValueError("mode wave and the field wave belong together")
        if self.by_reply and any(question.prompts > 1 for question in self.questions):
            raise ValueError("by_reply needs questions that one reply answers: leave pairs and importance out")
        if self.incentive is not None and self.incentive.points is not None and self.incentive.kind != "points":
            raise ValueError("incentive.points belongs to the kind points")
        return self

    @property
    def strata(self) -> frozenset[str]:
        """By what of segment, region and product those asked are told apart in samples and results: all, unless the sample says less."""
        return frozenset(("segment", "region", "product") if self.sampling is None else self.sampling.by)

    @property
    def prompts(self) -> int:
        """How many things one customer is asked for: in a survey that is split, in its longest block."""
        return max(sum(question.prompts for question in block) for block in blocks(self))

    @property
    def minutes(self) -> int:
        """Estimated minutes for one customer, rounded up, at least one."""
        return max(ceil(seconds_of(block) / 60) for block in blocks(self))

    @property
    def warnings(self) -> list[str]:
        """What experience advises against; nothing is refused for it."""
        told = []
        if not FEWEST <= self.prompts <= MOST:
            told.append(
                f"a customer is asked {self.prompts} question{'s' if self.prompts > 1 else ''}; {FEWEST} to {MOST} are answered best"
            )
        if not SHORTEST_MINUTES <= self.minutes <= LONGEST_MINUTES:
            told.append(f"answering takes about {self.minutes} min; {SHORTEST_MINUTES} to {LONGEST_MINUTES} are advised")
        return told


def seconds_of(questions: tuple[Question, ...]) -> int:
    """How long these take, the first screen included."""
    return CLOSED_SECONDS + sum(question.seconds * question.prompts for question in questions)


def blocks(survey: SurveyDocument) -> list[tuple[Question, ...]]:
    """The questions of each block, in their order; one block unless the survey is split.

    No block has more than ten prompts, except where the questions of every block alone have more. Blocks differ by one question at most
    where all have the same number of prompts.
    """
    always = [question for question in survey.questions if question.always]
    rest = [question for question in survey.questions if not question.always]
    room = BLOCK - sum(question.prompts for question in always)
    if not survey.split or sum(question.prompts for question in rest) <= room:
        return [survey.questions]
    room = max(room, *(question.prompts for question in rest))
    count = ceil(sum(question.prompts for question in rest) / room)
    while (parts := _dealt(rest, count, room)) is None:
        count += 1
    place = {question.id: index for index, question in enumerate(survey.questions)}
    return [tuple(sorted([*always, *part], key=lambda question: place[question.id])) for part in parts if part]


def _dealt(questions: list[Question], count: int, room: int) -> list[list[Question]] | None:
    """Each question, the longest first, to the emptiest part; None when one does not fit."""
    parts: list[list[Question]] = [[] for _ in range(count)]
    filled = [0] * count
    for question in sorted(questions, key=lambda one: -one.prompts):
        emptiest = filled.index(min(filled))
        filled[emptiest] += question.prompts
        if filled[emptiest] > room:
            return None
        parts[emptiest].append(question)
    return parts


def block_for(survey: SurveyDocument, number: int) -> tuple[Question, ...]:
    """The questions for the customer with this number, any number: equal shares of the blocks."""
    parts = blocks(survey)
    return parts[number % len(parts)]

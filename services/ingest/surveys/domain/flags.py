"""Signs that answers were not meant: too quick, all the same, against each other. They are flagged, never dropped."""

from collections.abc import Mapping, Sequence
from typing import Literal

from services.ingest.surveys.domain.answers import Given
from services.ingest.surveys.domain.questions import Csat, Kano, Nps, Question, Scaled, fields_of

Flag = Literal["speeder", "straight_liner", "contradiction"]

SECONDS_A_PROMPT = 2.0
FEWEST_FOR_SPEED = 3
FEWEST_IN_LINE = 5


def flags(questions: Sequence[Question], given: Mapping[str, Given], seconds: float) -> tuple[Flag, ...]:
    """The flags of one customer's answers, of which the last came `seconds` after the first."""
    answered = [question for question in questions if question.id in given]
    found: list[Flag] = []
    prompts = sum(len(fields_of(question)) for question in answered[1:])
    if prompts >= FEWEST_FOR_SPEED and seconds < SECONDS_A_PROMPT * prompts:
        found.append("speeder")
    if _in_line(answered, given):
        found.append("straight_liner")
    if _contradicts(answered, given):
        found.append("contradiction")
    return tuple(found)


def _in_line(answered: Sequence[Question], given: Mapping[str, Given]) -> bool:
    """Five or more answers on one scale, every one the same."""
    scales: dict[tuple[int, int], list[int]] = {}
    for question in answered:
        if isinstance(question, Scaled):
            scales.setdefault(question.scale, []).extend(int(given[question.id][field]) for field in fields_of(question))
    return any(len(values) >= FEWEST_IN_LINE and len(set(values)) == 1 for values in scales.values())


def _contradicts(answered: Sequence[Question], given: Mapping[str, Given]) -> bool:
    """A promoter who is not satisfied at all, a detractor who is entirely, or a Kano pair that likes or dislikes both ways."""
    recommends = {_end(question, given) for question in answered if isinstance(question, Nps)}
    satisfied = {_end(question, given) for question in answered if isinstance(question, Csat) and question.dimension is None}
    pairs = (given[question.id] for question in answered if isinstance(question, Kano))
    both_ways = any(pair["functional"] == pair["dysfunctional"] and pair["functional"] in (1, 5) for pair in pairs)
    return both_ways or any({one, other} == {"good", "bad"} for one in recommends for other in satisfied)


def _end(question: Nps | Csat, given: Mapping[str, Given]) -> str:
    score = int(given[question.id]["score"])
    if isinstance(question, Nps):
        return "good" if score >= 9 else "bad" if score <= 3 else "between"
    return "good" if score == question.points else "bad" if score == 1 else "between"

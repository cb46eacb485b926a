"""What a screen shows, worked out before any HTML: the fields of a question with their options, labels and what is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.ingest.surveys.domain.answers import Given
from services.ingest.surveys.domain.questions import KANO_REPLIES, Ces, Choice, FreeText, Kano, Lang, Question, Scaled, fields_of
from services.ingest.surveys.pages.words import WORDS, Words


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer that can be tapped; `spoken` is what a screen reader says."""

    value: str
    label: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked. Without options it is a text. `points`: the options are a row of numbers between two ends."""

    name: str
    legend: str
    options: tuple[Shown, ...]
    points: bool
    low: str
    high: str
    chosen: str


def fields(question: Question, language: Lang, given: Given | None, preset: str = "") -> list[Field]:
    """The fields of a question. `preset` is what a message's link chose, for the first field, where it is one of the options."""
    words = WORDS[language]
    found = []
    for place, name in enumerate(fields_of(question)):
        options = _options(question, language, words)
        chosen = str(given[name]) if given and name in given else ""
        if place == 0 and preset in {option.value for option in options}:
            chosen = preset
        low, high = _ends(question, name, language, words)
        legend = _legend(question, name, language, words)
        options = _with_ends(options, low, high)
        found.append(Field(name, legend, options, question.kind not in ("choice", "yes_no", "kano", "text"), low, high, chosen))
    return found


def chosen_label(field: Field) -> str:
    """What is chosen, in the customer's words."""
    return next((option.label for option in field.options if option.value == field.chosen), "")


def _options(question: Question, language: Lang, words: Words) -> tuple[Shown, ...]:
    match question:
        case FreeText():
            return ()
        case Choice():
            return tuple(Shown(option.id, option.text[language], option.text[language]) for option in question.options)
        case Kano():
            return tuple(Shown(str(number), words[reply], words[reply]) for number, reply in enumerate(KANO_REPLIES, 1))
    assert question.scale is not None
    low, high = question.scale
    if question.kind == "yes_no":
        return tuple(Shown(value, words[word], words[word]) for value, word in (("1", "yes"), ("0", "no")))
    return tuple(Shown(str(n), str(n), words["of"].format(score=n, top=high)) for n in range(low, high + 1))


def _with_ends(options: tuple[Shown, ...], low: str, high: str) -> tuple[Shown, ...]:
    """A screen reader hears what the ends of a scale mean where it reads them."""
    if not low:
        return options
    first, *between, last = options
    return (replace(first, spoken=f"{first.spoken}, {low}"), *between, replace(last, spoken=f"{last.spoken}, {high}"))


def _ends(question: Question, name: str, language: Lang, words: Words) -> tuple[str, str]:
    if name == "importance":
        return words["importance_low"], words["importance_high"]
    own: Mapping[str, Mapping[Lang, str] | None] = {}
    if isinstance(question, Scaled):
        own = {"low": question.low, "high": question.high}
    kind = f"ces_{question.polarity}" if isinstance(question, Ces) else question.kind
    low, high = ((own.get(end) or {}).get(language) or words.get(f"{kind}_{end}", "") for end in ("low", "high"))
    return low, high


def _legend(question: Question, name: str, language: Lang, words: Words) -> str:
    match name:
        case "importance":
            return words["importance"]
        case "expectation" | "dysfunctional":
            return str(getattr(question, name)[language])
    return question.text[language]

"""A contact centre as a pure generator: the same seed and the same instants give the same events.

It is believable, not calibrated: channels have their hours and their temper, days their mood, and a client of the API
its habits, so that it sends some events twice and revises others.
"""

import math
import random
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any, NamedTuple

from services.simulator.people import Person, make_people
from services.simulator.texts import COMPLAINTS, QUESTIONS, REMEDIES, Texts, said_when

Event = dict[str, Any]

SOURCE = "/simulator"
REMEMBERED = 500
REPEATED_SHARE = 0.02
REVISED_SHARE = 0.04
ANONYMOUS_SHARE = 0.2
PRODUCTS = ("Router X2", "Fibre 500", "Mobile S", "TV Box", "Home Alarm")
REGIONS = ("north", "south", "east", "west")


class ChannelCharacter(NamedTuple):
    """`share` of the day's contacts, the UTC hour around which they come (`peak`), how satisfied people are (0–1), its team."""

    share: float
    peak: float
    satisfaction: float
    team: str


CHANNELS: dict[str, ChannelCharacter] = {
    "phone": ChannelCharacter(0.34, 10.0, 0.68, "voice"),
    "chat": ChannelCharacter(0.22, 15.0, 0.74, "digital"),
    "email": ChannelCharacter(0.14, 9.0, 0.62, "back office"),
    "web": ChannelCharacter(0.12, 20.0, 0.70, "digital"),
    "store": ChannelCharacter(0.08, 13.0, 0.82, "shops"),
    "messaging": ChannelCharacter(0.10, 13.5, 0.76, "digital"),
}
SEVERITIES = {"low": 0.2, "normal": 0.55, "high": 0.2, "critical": 0.05}
KINDS = {"survey": 0.42, "interaction": 0.42, "comment": 0.12, "complaint": 0.04}


class Visit(NamedTuple):
    """One contact: who (None: unknown), on which channel, when, how satisfied, 0 to 1."""

    person: Person | None
    channel: str
    at: datetime
    satisfaction: float
    language: str


class ContactCentre:
    """Call `next_event` with instants that do not go back. `run` makes the ids of this centre its own."""

    def __init__(self, seed: int, run: str) -> None:
        self._seed = seed
        self._run = run
        self._rng = random.Random(seed)  # noqa: S311 - invented customers are no secret
        self._people = make_people(self._rng, 400)
        self._sent: deque[Event] = deque(maxlen=REMEMBERED)
        self._made = 0

    def next_event(self, at: datetime) -> Event:
        """What the centre posts at this instant: something new, or something sent before, once more or revised."""
        habit = self._rng.random()
        if self._sent and habit < REPEATED_SHARE:
            return self._rng.choice(self._sent)
        if self._sent and habit < REPEATED_SHARE + REVISED_SHARE:
            return self._revise(self._rng.randrange(len(self._sent)))
        event = self._new(at)
        self._sent.append(event)
        return event

    def _new(self, at: datetime) -> Event:
        self._made += 1
        visit = self._visit(at)
        kind = self._rng.choices(list(KINDS), list(KINDS.values()))[0]
        type, data = _MAKERS[kind](self._rng, visit)
        common: dict[str, Any] = {
            "channel": visit.channel,
            "product": self._rng.choice(PRODUCTS),
            "region": self._rng.choice(REGIONS),
            "team": CHANNELS[visit.channel].team,
            "language": visit.language,
        }
        if visit.person is not None:
            common["customer"] = visit.person.described()
        id = f"{self._run}-{self._made}"
        return {"specversion": "1.0", "id": id, "source": SOURCE, "type": type, "time": at.isoformat(), "data": {**common, **data}}

    def _revise(self, position: int) -> Event:
        """A later version of an event: the customer changed an answer, or somebody completed the entry."""
        event = deepcopy(self._sent[position])
        data = event["data"]
        data["revision"] = data.get("revision", 1) + 1
        if "answers" in data:
            answer = self._rng.choice(data["answers"])
            points = range(answer.get("scale_min", 0), answer.get("scale_max", 10) + 1)
            answer["score"] = self._rng.choice([point for point in points if 0 < abs(point - answer["score"]) <= 2])
        elif event["type"] == "feedback.complaint_raised.v1":
            data["severity"] = self._rng.choice([severity for severity in SEVERITIES if severity != data["severity"]])
        elif event["type"] == "interaction.completed.v1":
            data["resolved_on_first_contact"] = not data["resolved_on_first_contact"]
        else:
            data["text"] += " 👍"
        self._sent[position] = event
        return event

    def _visit(self, at: datetime) -> Visit:
        channel = self._rng.choices(list(CHANNELS), [traffic(name, at) for name in CHANNELS])[0]
        mood = min(0.95, max(0.05, CHANNELS[channel].satisfaction + self._mood_of_day(channel, at)))
        person = None if self._rng.random() < ANONYMOUS_SHARE else self._rng.choice(self._people)
        return Visit(person, channel, at, self._rng.betavariate(3 * mood, 3 * (1 - mood)), person.language if person else "en")

    def _mood_of_day(self, channel: str, at: datetime) -> float:
        """A channel has good and bad days, and mornings are kinder than evenings."""
        day = random.Random(f"{self._seed} {channel} {at:%Y-%m-%d}").gauss(0, 0.04)  # noqa: S311 - as above
        return day + 0.04 * math.cos((_hour(at) - 10) * math.pi / 12)


def traffic(channel: str, at: datetime) -> float:
    """How much of the centre's traffic comes on a channel at an instant, up to a factor: most at its peak, never none."""
    character = CHANNELS[channel]
    return character.share * (0.15 + 0.85 * (0.5 + 0.5 * math.cos((_hour(at) - character.peak) * math.pi / 12)) ** 2)


def _hour(at: datetime) -> float:
    return at.hour + at.minute / 60


def _survey(rng: random.Random, visit: Visit) -> tuple[str, dict[str, Any]]:
    answers = [_QUESTIONS[question](visit.satisfaction) for question in rng.choice(_ASKED[visit.channel])]
    data: dict[str, Any] = {"survey": f"after-{visit.channel}", "answers": answers}
    if rng.random() < 0.3:
        data["comment"] = _say(rng, said_when(visit.satisfaction), visit)
    return "feedback.survey_answered.v1", data


def _on_scale(low: int, high: int, share: float) -> int:
    return low + round((high - low) * share)


_QUESTIONS: dict[str, Callable[[float], dict[str, Any]]] = {
    "nps": lambda s: {"question": "recommend", "instrument": "nps", "score": _on_scale(0, 10, s**0.7)},
    "csat": lambda s: {"question": "satisfied", "instrument": "csat", "score": _on_scale(1, 5, s), "scale_min": 1, "scale_max": 5},
    "stars": lambda s: {"question": "stars", "instrument": "csat", "score": _on_scale(1, 10, s), "scale_min": 1, "scale_max": 10},
    "effort": lambda s: {"question": "how much effort", "instrument": "ces", "polarity": "effort", "score": _on_scale(1, 7, 1 - s),
                         "scale_min": 1, "scale_max": 7},
    "ease": lambda s: {"question": "made it easy", "instrument": "ces", "polarity": "ease", "score": _on_scale(1, 5, s),
                       "scale_min": 1, "scale_max": 5},
}  # fmt: skip
"""Question → the answer of somebody this satisfied."""

_ASKED: dict[str, tuple[tuple[str, ...], ...]] = {
    "phone": (("nps", "effort"), ("nps",), ("csat", "effort")),
    "chat": (("csat", "ease"), ("csat",), ("nps",)),
    "email": (("nps",), ("csat", "effort")),
    "web": (("csat", "ease"), ("nps", "ease")),
    "store": (("stars",), ("nps", "stars")),
    "messaging": (("csat",), ("csat", "ease"), ("nps",)),
}
"""Channel → the sets of questions that its surveys ask."""


def _interaction(rng: random.Random, visit: Visit) -> tuple[str, dict[str, Any]]:
    bot = visit.channel in ("chat", "messaging", "web") and rng.random() < 0.4
    handed_over = bot and visit.satisfaction < 0.5
    wait = 0.0 if bot else min(3600.0, rng.lognormvariate(3.4, 0.9) * (1.6 - visit.satisfaction))
    abandoned = visit.channel == "phone" and wait > 150 and rng.random() < 0.5
    return "interaction.completed.v1", {
        "direction": "inbound",
        "category": rng.choice(list(COMPLAINTS)),
        "wait_seconds": round(wait, 1),
        "handle_seconds": 0 if abandoned else round(rng.lognormvariate(5.4, 0.6), 1),
        "abandoned": abandoned,
        "transfers": 0 if bot else rng.choices((0, 1, 2), (80, 15, 5))[0],
        "handled_by": "bot" if bot else "human",
        "handed_over": handed_over,
        "resolved_on_first_contact": not abandoned and rng.random() < 0.45 + 0.5 * visit.satisfaction,
        "cost": 0.4 if bot and not handed_over else round(rng.uniform(2.5, 7.5), 2),
        "currency": "EUR",
    }


def _comment(rng: random.Random, visit: Visit) -> tuple[str, dict[str, Any]]:
    asks = rng.random() < 0.2
    kind = "question" if asks else "praise" if visit.satisfaction > 0.75 else "comment"
    texts = QUESTIONS if asks else said_when(visit.satisfaction)
    return "feedback.comment_posted.v1", {"text": _say(rng, texts, visit), "kind": kind}


def _complaint(rng: random.Random, visit: Visit) -> tuple[str, dict[str, Any]]:
    category = rng.choice(list(COMPLAINTS))
    severity = rng.choices(list(SEVERITIES), list(SEVERITIES.values()))[0]
    data: dict[str, Any] = {"text": _say(rng, COMPLAINTS[category], visit), "category": category, "severity": severity}
    remedy = rng.choice(REMEDIES)
    return "feedback.complaint_raised.v1", data if remedy is None else {**data, "remedy_sought": remedy}


_MAKERS = {"survey": _survey, "interaction": _interaction, "comment": _comment, "complaint": _complaint}


def _say(rng: random.Random, texts: Texts, visit: Visit) -> str:
    agent = "小林" if visit.language == "zh" else "Dana"
    return rng.choice(texts[visit.language]).format(order=rng.randrange(10_000, 99_999), product=rng.choice(PRODUCTS), agent=agent)

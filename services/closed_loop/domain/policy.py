"""Which answers are bad, which clocks a case runs under, and what it needs before it may close: data, versioned by the store."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.closed_loop.domain.documents import Body, ClockBody, TargetBody
from services.closed_loop.domain.facts import ClockSpec
from shared.contracts.fields import Channel, Name, Severity

CaseKind = Literal["complaint", "bad_answer"]
ClockKind = Literal["acknowledge", "first_response", "resolution"]
Milestone = Literal["acknowledged", "responded", "informed"]

HOUR: Final = 3600
DAY: Final = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Traits:
    """What a policy may ask about a case."""

    kind: CaseKind
    channel: str
    severity: Severity = "normal"
    category: str | None = None
    segment: str | None = None
    tier: str | None = None
    product: str | None = None
    region: str | None = None
    jurisdiction: str | None = None
    language: str | None = None


Values = Annotated[list[Name], Field(min_length=1, max_length=500)]


class Condition(Body):
    """Every field that is given must hold, by any of its values. An empty condition matches nothing."""

    kind: Annotated[list[CaseKind], Field(min_length=1)] | None = None
    channel: Annotated[list[Channel], Field(min_length=1)] | None = None
    severity: Annotated[list[Severity], Field(min_length=1)] | None = None
    category: Values | None = None
    segment: Values | None = None
    tier: Values | None = None
    product: Values | None = None
    region: Values | None = None
    jurisdiction: Values | None = None
    language: Values | None = None

    def matches(self, traits: Traits) -> bool:
        """Whether a case with these traits is meant."""
        asked = [(getattr(self, field.name), getattr(traits, field.name)) for field in fields(traits)]
        given = [(values, value) for values, value in asked if values is not None]
        return bool(given) and all(value in values for values, value in given)


class ConditionalTarget(TargetBody):
    """Another target for some of the policy's cases; without any there is no deadline for them."""

    when: Condition


class ClockPolicy(ClockBody):
    """A clock, its target, and other targets by condition, of which the first that matches counts. It may have a calendar of its own."""

    kind: ClockKind
    calendar: Name | None = None
    targets: Annotated[tuple[ConditionalTarget, ...], Field(max_length=100)] = ()

    def spec_for(self, traits: Traits) -> ClockSpec:
        """What is asked of this clock for a case with these traits."""
        found = next((other for other in self.targets if other.when.matches(traits)), self)
        spec = self.spec()
        return ClockSpec(found.target(), spec.warn_at_percent, spec.retarget, spec.reopen)


class Policy(Body):
    """Clocks and conditions of closing for the cases that `when` describes, or for all that no other policy takes (`default`)."""

    id: Name
    default: bool = False
    when: Condition | None = None
    calendar: Name = "24x7"
    closes_with: Annotated[tuple[Milestone, ...], Field(max_length=3)] = ("responded", "informed")
    clocks: Annotated[tuple[ClockPolicy, ...], Field(max_length=3)]

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Refuse a default with a condition, another without one, and a kind of clock that comes twice."""
        if self.default != (self.when is None):
            raise PydanticCustomError("policy", f"{self.id}: give either default: true or when")
        kinds = [clock.kind for clock in self.clocks]
        if len(set(kinds)) != len(kinds):
            raise PydanticCustomError("policy", f"{self.id}: a kind of clock comes twice")
        return self

    def calendars(self) -> Iterator[str]:
        """The ids of the calendars that it names."""
        yield self.calendar
        yield from (clock.calendar for clock in self.clocks if clock.calendar is not None)


class BadAnswers(Body):
    """Which answers open a case. Points of csat and ces are of scales mapped linearly to 1–5 and 1–7; null: that instrument never does."""

    nps_at_most: Annotated[int, Field(ge=0, le=10)] | None = 6
    csat_at_most: Annotated[float, Field(ge=1, le=5)] | None = 2
    ces_hardest_points: Annotated[float, Field(ge=1, le=7)] | None = 2

    def bad(self, answer: Any) -> bool:
        """Whether a contract's answer is bad: for ces the hard end, which is the high one where polarity is effort."""
        match answer.instrument:
            case "nps":
                return self.nps_at_most is not None and answer.score <= self.nps_at_most
            case "csat":
                return self.csat_at_most is not None and _at_most(answer, self.csat_at_most, 5, from_top=False)
            case "ces":
                hardest = self.ces_hardest_points
                return hardest is not None and _at_most(answer, hardest, 7, from_top=answer.polarity == "effort")
        return False


class PolicySet(Body):
    """The policies of a tenant in their order: the first that matches counts, the one default if none does."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "policies": [
                        {
                            "id": "standard",
                            "default": True,
                            "clocks": [
                                {"kind": "first_response", "target_seconds": 86400, "warn_at_percent": [50, 75]},
                                {"kind": "resolution", "target_seconds": 1209600},
                            ],
                        }
                    ]
                }
            ]
        },
    )

    bad_answers: BadAnswers = BadAnswers()
    policies: Annotated[tuple[Policy, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def one_default(self) -> Self:
        """Refuse two policies of one name, and anything but one default."""
        ids = [policy.id for policy in self.policies]
        if len(set(ids)) != len(ids):
            raise PydanticCustomError("policies", "two policies have the same id")
        if sum(policy.default for policy in self.policies) != 1:
            raise PydanticCustomError("policies", "exactly one policy must have default: true")
        return self

    def policy_for(self, traits: Traits) -> Policy:
        """The policy that a case with these traits runs under."""
        matching = (policy for policy in self.policies if policy.when is not None and policy.when.matches(traits))
        return next(matching, next(policy for policy in self.policies if policy.default))


def _at_most(answer: Any, points: float, scale: int, *, from_top: bool) -> bool:
    """Whether a score, its scale mapped linearly to 1…`scale`, lies within the lowest (or highest) `points` points; without division."""
    distance = answer.scale_max - answer.score if from_top else answer.score - answer.scale_min
    return bool(distance * (scale - 1) <= (points - 1) * (answer.scale_max - answer.scale_min))


DEFAULT_POLICIES: Final = PolicySet.model_validate(
    {
        "policies": [
            {
                "id": "live",
                "when": {"channel": ["chat"]},
                "clocks": [
                    {"kind": "first_response", "target_seconds": 5 * 60, "warn_at_percent": [20]},
                    {"kind": "resolution", "target_seconds": 14 * DAY, "warn_at_percent": [75]},
                ],
            },
            {
                "id": "standard",
                "default": True,
                "clocks": [
                    {"kind": "first_response", "target_seconds": 24 * HOUR, "warn_at_percent": [50, 75]},
                    {"kind": "resolution", "target_seconds": 14 * DAY, "warn_at_percent": [75]},
                ],
            },
        ]
    }
)
"""What holds until a tenant has its own: elapsed time on a 24×7 calendar. On live chat a person answers within 5 minutes."""

"""What a rule is: a threshold on a published number, or a state of a clock. A document that makes no sense is refused when it is saved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from services.alerts.domain.durations import Duration
from shared.contracts.fields import Name, OptionalText, Term
from shared.contracts.series import series_name
from shared.errors import FieldError, HearbackError

Severity = Literal["info", "warning", "error", "critical"]
RANKS: dict[str, int] = {"info": 0, "warning": 1, "error": 2, "critical": 3}
"""The higher severity of one rule hides its lower ones."""

Window = Literal["5m", "15m", "1h", "4h", "24h", "7d", "28d"]
RuleId = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", description="1 to 63 of a-z, 0-9, - and _")]
LabelName = Annotated[str, Field(pattern="^[a-zA-Z_][a-zA-Z0-9_]{0,62}$")]
RESERVED_LABELS = frozenset({"alertname", "severity", "source", "metric", "case", "clock", "kind", "state", "percent"})
"""Set by the product, so that a route can rely on them."""

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+(?:\.[a-zA-Z_][a-zA-Z0-9_]*)?)\s*\}\}")
_VALUES = ("value", "n", "threshold", "rule")


class RuleRefused(HearbackError):
    """A document that is no rule, route or receiver. `errors` say what is wrong, field by field."""

    def __init__(self, errors: list[FieldError]) -> None:
        first = errors[0]
        super().__init__(f"{'.'.join(map(str, first.loc)) or 'document'}: {first.msg}")
        self.errors = errors


class Document(BaseModel):
    """The root of every configured object: frozen, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, validate_by_alias=True)

    def dump(self) -> dict[str, Any]:
        """The document as JSON, as it is stored and shown."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def refuse(kind: str, text: str) -> NoReturn:
    """Raise what pydantic reports as this text."""
    raise PydanticCustomError(kind, "{text}", {"text": text})


class Threshold(Document):
    """Beyond what a number is bad, and from where on it is good again (`recover`; without it: the threshold itself)."""

    above: float | None = None
    below: float | None = None
    recover: float | None = None

    @model_validator(mode="after")
    def make_sense(self) -> Self:
        """One side only, and recovery on the good side of it."""
        if (self.above is None) == (self.below is None):
            if self.above is not None or self.recover is not None or type(self) is Threshold:
                refuse("threshold", "name exactly one of above and below")
            return self
        if self.recover is not None and self.below is not None and self.recover < self.below:
            refuse("threshold", "recover must not be less than below: the number is good again from there upwards")
        if self.recover is not None and self.above is not None and self.recover > self.above:
            refuse("threshold", "recover must not be more than above: the number is good again from there downwards")
        return self


class Condition(Threshold):
    """The threshold of a rule. With `confident` the whole 95 % interval, not the point, must be beyond it."""

    confident: bool = False


class RuleDocument(Document):
    """What every rule has."""

    rule: RuleId
    labels: Annotated[dict[LabelName, Name], Field(max_length=32)] = {}
    annotations: Annotated[dict[LabelName, OptionalText], Field(max_length=32)] = {}

    @model_validator(mode="after")
    def keep_reserved_labels(self) -> Self:
        """Refuse labels that the product sets, and placeholders that nothing fills."""
        if taken := sorted(RESERVED_LABELS & self.labels.keys()):
            refuse("labels", f"the label {taken[0]} is set by Hearback; use another name")
        for text in self.annotations.values():
            for name in _PLACEHOLDER.findall(text):
                if name not in _VALUES and not name.startswith("labels."):
                    refuse("annotations", f"{{{{ {name} }}}} is not known; there are value, n, threshold, rule and labels.<name>")
        return self


@dataclass(frozen=True, slots=True)
class Level:
    """One severity of a metric rule with its own threshold."""

    severity: Severity
    above: float | None
    below: float | None
    recover: float

    @property
    def threshold(self) -> float:
        """The bound, whichever side it is on."""
        threshold = self.below if self.above is None else self.above
        assert threshold is not None
        return threshold


class MetricRule(RuleDocument):
    """A static threshold on one series, or with `group_by` on every series that differs only in these dimensions."""

    source: Literal["metric"] = "metric"
    metric: Term
    filter: Annotated[dict[Term, Name], Field(max_length=4)] = {}
    group_by: Annotated[tuple[Term, ...], Field(max_length=4)] = ()
    window: Window
    condition: Condition = Condition()
    severity: Severity | Annotated[dict[Severity, Threshold], Field(min_length=1)] = "warning"
    min_samples: Annotated[int, Field(ge=1, le=10**9)] = 1
    for_: Annotated[Duration, Field(alias="for")] = "0s"  # type: ignore[assignment]  # read by the validator
    keep_firing_for: Duration = "0s"  # type: ignore[assignment]  # read by the validator
    no_data: Literal["keep", "alert", "ok"] = "keep"
    limit: Annotated[int, Field(ge=1, le=2000)] = 500
    opens: Literal["intervention"] | None = None

    model_config = ConfigDict(validate_default=True)

    @model_validator(mode="after")
    def have_one_ladder(self) -> Self:
        """Thresholds stand either in the condition or in the ladder of severities, all on the same side."""
        own = self.condition.above if self.condition.below is None else self.condition.below
        if isinstance(self.severity, str):
            if own is None:
                refuse("condition", "name above or below")
        else:
            self._check_ladder(self.severity, own)
        if shared := sorted(set(self.group_by) & self.filter.keys()):
            refuse("group_by", f"{shared[0]} is in filter already")
        if taken := sorted((set(self.group_by) | self.filter.keys()) & RESERVED_LABELS):
            refuse("filter", f"{taken[0]} is a label that Hearback sets, so alerts cannot be told apart by it")
        if taken := sorted((set(self.group_by) | self.filter.keys()) & self.labels.keys()):
            refuse("labels", f"{taken[0]} is a dimension of this rule; use another name")
        return self

    def _check_ladder(self, ladder: Mapping[Severity, Threshold], own: float | None) -> None:
        levels = self.levels
        below = {level.below is not None for level in levels}
        if len(below) > 1 or (own is not None and below != {self.condition.below is not None}):
            refuse("severity", "all severities and the condition must use the same of above and below")
        outward = [-level.threshold if level.below is not None else level.threshold for level in levels]
        if any(higher <= lower for higher, lower in pairwise(outward)):
            refuse("severity", "a higher severity must have the farther threshold")
        if own is not None and own != levels[-1].threshold:
            refuse("condition", f"its threshold must be that of the mildest severity, {levels[-1].severity}, or be left out")

    @property
    def levels(self) -> tuple[Level, ...]:
        """The severities with their thresholds, the highest first."""
        condition = self.condition
        if isinstance(self.severity, str):
            return (_level(self.severity, condition, None),)
        order = sorted(self.severity, key=lambda name: -RANKS[name])
        mildest = order[-1]
        return tuple(_level(name, self.severity[name], condition.recover if name == mildest else None) for name in order)

    @property
    def series(self) -> str | None:
        """The one series that it looks at; None when `group_by` makes them many."""
        return None if self.group_by else series_name(self.metric, self.filter, self.window)

    def covers(self, slice: Mapping[str, str]) -> bool:
        """Whether a sample of this metric and window over `slice` is one of its series."""
        return slice.keys() == self.filter.keys() | set(self.group_by) and all(slice[k] == v for k, v in self.filter.items())

    @property
    def identity(self) -> tuple[object, ...]:
        """What its alerts are recognised by; when it changes they are others."""
        names = tuple(level.severity for level in self.levels)
        return (self.metric, dict(self.filter), self.group_by, self.window, dict(self.labels), names)

    @property
    def judgement(self) -> tuple[object, ...]:
        """What decides; when only something else changes, a pending start stays."""
        return (*self.identity, self.levels, self.condition.confident, self.min_samples, self.for_, self.keep_firing_for, self.no_data)


class ClockRule(RuleDocument):
    """Fires on clocks of cases. Without `kind` on every kind."""

    source: Literal["clock"]
    kind: Term | None = None
    state: Literal["warning", "breached"]
    severity: Severity | None = None

    @model_validator(mode="before")
    @classmethod
    def open_nothing(cls, value: Any) -> Any:
        """An alert on a case never opens another case: so no loop can close."""
        if isinstance(value, dict) and value.get("opens") is not None:
            refuse("opens", "is refused on rules whose source is a clock: the case exists already")
        return value

    @property
    def severity_name(self) -> Severity:
        """A breach is critical and a warning a warning, unless the rule says otherwise."""
        return self.severity or ("critical" if self.state == "breached" else "warning")


Rule = MetricRule | ClockRule
_METRIC = TypeAdapter(MetricRule)
_CLOCK = TypeAdapter(ClockRule)


def read_rule(document: object) -> Rule:
    """A rule from its document. Raises RuleRefused."""
    clock = isinstance(document, dict) and document.get("source") == "clock"
    try:
        return (_CLOCK if clock else _METRIC).validate_python(document)
    except ValidationError as refused:
        raise refusal(refused) from None


def refusal(refused: ValidationError) -> RuleRefused:
    """pydantic's findings as ours, without the input."""
    return RuleRefused([FieldError(tuple(e["loc"]), e["msg"]) for e in refused.errors(include_input=False, include_url=False)])


def rendered(annotations: Mapping[str, str], values: Mapping[str, object], labels: Mapping[str, str]) -> dict[str, str]:
    """Annotations with their placeholders filled; a label that the alert does not have is an empty text."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        return labels.get(name.removeprefix("labels."), "") if name.startswith("labels.") else _shown(values.get(name))

    return {name: _PLACEHOLDER.sub(fill, text) for name, text in annotations.items()}


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _level(severity: Severity, threshold: Threshold, recover: float | None) -> Level:
    bound = threshold.above if threshold.below is None else threshold.below
    assert bound is not None
    own = threshold.recover if threshold.recover is not None else recover
    return Level(severity, threshold.above, threshold.below, bound if own is None else own)

"""The kinds of questions, each with what a customer is asked for and on which scale.

Pairs are one question with two fields: SERVQUAL asks what was expected and what was found (Parasuraman et al. 1988), Kano how one would
feel with and without a feature (Kano et al. 1984), a dimension may be asked with its importance.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.contracts.fields import Name, text_only

Lang = Literal["en", "zh-Hans"]
"""The languages in which our own pages speak."""
LANGUAGES: tuple[Lang, ...] = ("en", "zh-Hans")

Texts = Annotated[dict[Lang, Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(text_only)]], Field(min_length=1)]
QuestionId = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")]
Points = Annotated[int, Field(ge=2, le=11)]

KANO_REPLIES = ("like", "expect", "neutral", "tolerate", "dislike")
"""The five replies of a Kano question, 1 to 5."""

CLOSED_SECONDS = 20
OPEN_SECONDS = 60
"""Reading, thinking and tapping; a text takes three times as long to write. The first screen counts as one closed question."""


class Part(BaseModel):
    """The root of a survey's parts: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(Part):
    """What every question has. `always` keeps it in every block of a survey that is split."""

    fields: ClassVar[tuple[str, ...]] = ("score",)
    seconds: ClassVar[int] = CLOSED_SECONDS

    id: QuestionId
    text: Texts
    always: bool = False

    @property
    def prompts(self) -> int:
        """How many things the customer is asked for."""
        return len(self.fields)

    @property
    def scale(self) -> tuple[int, int] | None:
        """Both ends of the scale of every field that has one."""
        return None

    @property
    def texts(self) -> list[dict[Lang, str]]:
        """Every text of it that a customer sees."""
        found = [getattr(self, name, None) for name in ("text", "low", "high", "expectation", "dysfunctional")]
        return [text for text in found if text is not None]


class Nps(Asked):
    """Would you recommend us, 0 to 10."""

    kind: Literal["nps"] = "nps"

    @property
    def scale(self) -> tuple[int, int]:
        return 0, 10


class Scaled(Asked):
    """A question on 1 to `points`; `low` and `high` name the ends, where the usual words do not fit."""

    points: Points = 5
    low: Texts | None = None
    high: Texts | None = None

    @property
    def scale(self) -> tuple[int, int]:
        return 1, self.points


class Csat(Scaled):
    """How satisfied, overall or with one dimension."""

    kind: Literal["csat"] = "csat"
    dimension: Name | None = None


class Ces(Scaled):
    """How much effort (low is easy), or how easy (high is easy)."""

    kind: Literal["ces"] = "ces"
    points: Points = 7
    polarity: Literal["effort", "ease"] = "effort"


class Likert(Scaled):
    """How satisfied or agreed with one dimension, and how important it is where `importance` is asked too."""

    kind: Literal["likert"] = "likert"
    dimension: Name
    importance: bool = False

    @property
    def prompts(self) -> int:
        return 2 if self.importance else 1


class Servqual(Scaled):
    """One item as it was found (`text`) and as an excellent company would be (`expectation`)."""

    fields: ClassVar[tuple[str, ...]] = ("expectation", "score")

    kind: Literal["servqual"] = "servqual"
    points: Points = 7
    dimension: Name
    expectation: Texts


class Kano(Asked):
    """How one would feel with a feature (`text`) and without it (`dysfunctional`); `dimension` names the feature."""

    fields: ClassVar[tuple[str, ...]] = ("functional", "dysfunctional")

    kind: Literal["kano"] = "kano"
    dimension: Name
    dysfunctional: Texts

    @property
    def scale(self) -> tuple[int, int]:
        return 1, 5


class YesNo(Asked):
    """Yes or no."""

    kind: Literal["yes_no"] = "yes_no"

    @property
    def scale(self) -> tuple[int, int]:
        return 0, 1


class Option(Part):
    """One of the answers to choose from."""

    id: QuestionId
    text: Texts


class Choice(Asked):
    """One of several."""

    fields: ClassVar[tuple[str, ...]] = ("choice",)

    kind: Literal["choice"] = "choice"
    options: Annotated[tuple[Option, ...], Field(min_length=2, max_length=20)]

    @property
    def texts(self) -> list[dict[Lang, str]]:
        return [dict(self.text), *(dict(option.text) for option in self.options)]


class FreeText(Asked):
    """In the customer's own words."""

    fields: ClassVar[tuple[str, ...]] = ("text",)
    seconds: ClassVar[int] = OPEN_SECONDS

    kind: Literal["text"] = "text"


Question = Annotated[
    Nps | Csat | Ces | Likert | Servqual | Kano | YesNo | Choice | FreeText,
    Field(discriminator="kind"),
]


def fields_of(question: Question) -> tuple[str, ...]:
    """What the customer is asked for, in the order of the page."""
    return ("score", "importance") if isinstance(question, Likert) and question.importance else question.fields

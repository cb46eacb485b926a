"""The typed errors that decide what happens next; anything not on this page ends the process.

A consumer turns `InvalidEvent` into a dead letter and goes on, and `Unavailable` into waiting and trying again.
"""

from collections.abc import Sequence
from typing import NamedTuple


class FieldError(NamedTuple):
    """One thing that is wrong: where (`loc`, a path of names and indices) and what to do about it (`msg`)."""

    loc: tuple[str | int, ...]
    msg: str


class HearbackError(Exception):
    """The root of the errors of this project."""


class InvalidEvent(HearbackError):
    """This event can never be processed, however often it is tried.

    `reason` is a stable snake_case code, fit for a metric label; `errors` say what is wrong, field by field.
    """

    def __init__(self, reason: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(reason if not errors else f"{reason}: {errors[0].msg}")
        self.reason = reason
        self.errors = tuple(errors)


class Unavailable(HearbackError):
    """A dependency does not answer now; the same call may succeed later.

    `dependency` is its short name (kafka, postgres), fit for a metric label.
    """

    def __init__(self, dependency: str, detail: str) -> None:
        super().__init__(f"{dependency}: {detail}")
        self.dependency = dependency
        self.detail = detail


class ConfigurationError(HearbackError):
    """The process cannot start as it is configured. The text is one line and says what to change."""

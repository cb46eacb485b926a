"""A case that is reopened within seven days goes on with what was left of its resolution; later it begins a new cycle."""

from datetime import UTC, datetime, timedelta

import pytest

from services.closed_loop.domain import commands
from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.decisions import carry_out
from services.closed_loop.domain.opening import DEFAULT_CONFIGURATION, NewCase, open_case
from services.closed_loop.domain.policy import Traits

OPENED = datetime(2026, 3, 1, 12, tzinfo=UTC)
RESOLVED = OPENED + timedelta(days=4)
TARGET = timedelta(days=14)
SECOND = timedelta(seconds=1)


def resolved_case() -> CaseFile:
    opened = open_case(NewCase("acme", "/t", "1", Traits("complaint", "email"), OPENED), DEFAULT_CONFIGURATION, OPENED)
    return carry_out(opened.file, commands.Resolve(outcome="refunded", inform_text="done"), RESOLVED).file


@pytest.mark.parametrize(
    ("reopened_after", "left"),
    [
        (timedelta(days=1), TARGET - timedelta(days=4)),
        (timedelta(days=7), TARGET - timedelta(days=4)),
        (timedelta(days=7) + SECOND, TARGET),
    ],
)
def test_what_is_left_depends_on_how_long_it_was_closed(reopened_after: timedelta, left: timedelta) -> None:
    at = RESOLVED + reopened_after

    reopened = carry_out(resolved_case(), commands.Reopen(reason="it broke again"), at).file

    [resolution] = [clock.read(at) for clock in reopened.clocks if clock.kind == "resolution"]
    assert (resolution.cycle, resolution.status, resolution.due_at) == (2, "running", at + left)
    assert resolution.cycles[0].elapsed == timedelta(days=4)

"""The live numbers of the screen, asked of the running services as any client would ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.cli.stack.stack_file import StackFile

WINDOW = "1h"
SHOWN = {"NPS": "nps", "CSAT": "csat", "CES": "ces_effort", "complaint rate": "complaint_rate"}
ACCEPTED = "hearback_ingest_accepted_events_total"
PAGE = 200


@dataclass(frozen=True, slots=True)
class Cases:
    """Open cases (at most a page of them is looked at), how many of these have a breached clock, and the next due."""

    open: int
    more: bool
    breached: int
    next_due: datetime | None

    def __str__(self) -> str:
        due = "" if self.next_due is None else f", next due {self.next_due.astimezone():%H:%M:%S}"
        return f"{self.open}{'+' if self.more else ''} open cases, {self.breached} of them overdue{due}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Metric title → value of the window, None while nothing was heard; events that ingest took since its start; cases; firing alerts."""

    values: dict[str, float | None]
    accepted: int | None
    cases: Cases | None = None
    alerts: str | None = None

    def __str__(self) -> str:
        parts = [f"{title} {'–' if value is None else format(value, '.3g')}" for title, value in self.values.items()]
        accepted = "–" if self.accepted is None else f"{self.accepted:,}"
        shown = f"last {WINDOW}: " + "  ".join(parts) + f"  events accepted {accepted}"
        if self.cases is not None:
            shown += f"\n{self.cases}"
        return shown if self.alerts is None else f"{shown}, {self.alerts} alerts firing"


async def read_numbers(stack: StackFile, client: httpx.AsyncClient) -> Numbers:
    """Ask the services. One that does not answer leaves its numbers None; nothing is raised."""
    values = {title: await _value(metric, stack, client) for title, metric in SHOWN.items()}
    return Numbers(values, await _accepted(stack, client), await _cases(stack, client), await _alerts(stack, client))


async def _ask(service: str, path: str, query: dict[str, str], stack: StackFile, client: httpx.AsyncClient) -> Any:
    """The JSON that a service answers the demo key, None when it does not."""
    if stack.demo is None or service not in stack.services:
        return None
    headers = {"Authorization": f"Bearer {stack.demo.key}"}
    try:
        answer = await client.get(f"{stack.services[service].url}{path}", params=query, headers=headers)
    except httpx.HTTPError:
        return None
    return answer.json() if answer.is_success else None


async def _value(metric: str, stack: StackFile, client: httpx.AsyncClient) -> float | None:
    answer = await _ask("scoring", "/v1/metrics", {"metric": metric, "window": WINDOW}, stack, client)
    return answer["items"][0]["value"] if answer and answer["items"] else None


async def _cases(stack: StackFile, client: httpx.AsyncClient) -> Cases | None:
    page = await _ask("closed_loop", "/v1/cases", {"open": "true", "limit": str(PAGE)}, stack, client)
    return None if page is None else cases_of(page["items"], more=page["next"] is not None)


def cases_of(items: Sequence[dict[str, Any]], *, more: bool) -> Cases:
    """What the screen shows of a page of cases."""
    dues = [clock["due_at"] for case in items for clock in case["clocks"] if clock["status"] == "running" and clock["due_at"]]
    breached = sum(any(clock["status"] == "breached" for clock in case["clocks"]) for case in items)
    return Cases(len(items), more, breached, min(map(datetime.fromisoformat, dues), default=None))


async def _alerts(stack: StackFile, client: httpx.AsyncClient) -> str | None:
    page = await _ask("alerts", "/v1/alerts", {"state": "firing", "limit": str(PAGE)}, stack, client)
    return None if page is None else f"{len(page['items'])}{'+' if page['next'] else ''}"


async def _accepted(stack: StackFile, client: httpx.AsyncClient) -> int | None:
    if "ingest" not in stack.services:
        return None
    try:
        answer = await client.get(f"{stack.services['ingest'].url}/metrics")
    except httpx.HTTPError:
        return None
    if not answer.is_success:
        return None
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return int(sum(sample.value for sample in samples if sample.name == ACCEPTED))

"""The live numbers of the screen, asked of the running services as any client would ask."""

from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.cli.stack.stack_file import StackFile

WINDOW = "1h"
SHOWN = {"NPS": "nps", "CSAT": "csat", "CES": "ces_effort", "complaint rate": "complaint_rate"}
ACCEPTED = "hearback_ingest_accepted_events_total"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Metric title → value of the window, None while nothing was heard; and the events that ingest took since its start."""

    values: dict[str, float | None]
    accepted: int | None

    def __str__(self) -> str:
        parts = [f"{title} {'–' if value is None else format(value, '.3g')}" for title, value in self.values.items()]
        accepted = "–" if self.accepted is None else f"{self.accepted:,}"
        return f"last {WINDOW}: " + "  ".join(parts) + f"  events accepted {accepted}"


async def read_numbers(stack: StackFile, client: httpx.AsyncClient) -> Numbers:
    """Ask scoring and ingest. A service that does not answer leaves its numbers None; nothing is raised."""
    values = {title: await _value(metric, stack, client) for title, metric in SHOWN.items()}
    return Numbers(values, await _accepted(stack, client))


async def _value(metric: str, stack: StackFile, client: httpx.AsyncClient) -> float | None:
    if stack.demo is None or "scoring" not in stack.services:
        return None
    try:
        answer = await client.get(
            f"{stack.services['scoring'].url}/v1/metrics",
            params={"metric": metric, "window": WINDOW},
            headers={"Authorization": f"Bearer {stack.demo.key}"},
        )
    except httpx.HTTPError:
        return None
    items = answer.json()["items"] if answer.is_success else []
    return items[0]["value"] if items else None


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

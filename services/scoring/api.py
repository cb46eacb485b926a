"""Numbers over HTTP: `GET /v1/metrics` reads the buckets, `GET /v1/metrics/prometheus` the samples published last."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.domain.metrics import METRICS, Metric, MetricName
from services.scoring.domain.slices import Cut, CutRefused, Slice, cut
from services.scoring.domain.windows import IntervalRefused, Minutes, WindowName, interval_between, window_at
from services.scoring.exposition import exposition
from services.scoring.published import samples_of
from services.scoring.sources import read_until
from services.scoring.store import begin_reading, histograms, values_of
from shared.contracts.fields import Instant, Name
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import FieldError
from shared.web.access import Principal, requires
from shared.web.problems import Problem

Reader = Annotated[Principal, Depends(requires("metrics:read"))]
Filters = Annotated[
    list[Name],
    Query(max_length=64, description="dimension:value; several values of one dimension mean any of them", examples=[["channel:phone"]]),
]
Groups = Annotated[list[str], Query(max_length=8, description="one item for each value of this dimension", examples=[["channel"]])]
From = Annotated[
    Instant | None, Query(alias="from", description="a whole minute; the interval is [from, to)", examples=["2026-03-01T09:00:00Z"])
]
To = Annotated[Instant | None, Query(description="a whole minute, not in the interval itself", examples=["2026-03-01T17:00:00Z"])]

_EXAMPLE: dict[str, Any] = {
    "as_of": "2026-03-01T09:30:00.250Z",
    "watermark": "2026-03-01T09:30:00.100Z",
    "items": [
        {
            "slice": {"channel": "phone"},
            "value": 20.0,
            "n": 50,
            "ci_low": -4.41,
            "ci_high": 42.14,
            "components": {"promoters": 25, "passives": 10, "detractors": 15},
        }
    ],
}


class MetricItem(BaseModel):
    """One number and what it is made of; null where nothing was observed or no interval exists."""

    slice: dict[str, str]
    value: float | None
    n: int
    ci_low: float | None
    ci_high: float | None
    components: dict[str, float]


class MetricAnswer(BaseModel):
    """Numbers as of one instant; everything that reached the log until `watermark` is in them (null: not yet read from its beginning)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    as_of: datetime
    watermark: datetime | None
    items: list[MetricItem]


def metric_routes(sessions: Sessions) -> APIRouter:
    """Routes of the numbers."""
    router = APIRouter(prefix="/v1/metrics", tags=["metrics"])

    @router.get("", summary="A metric over a window or an interval, in total, filtered or by a dimension")
    async def read_metric(
        caller: Reader,
        metric: MetricName,
        window: WindowName | None = None,
        start: From = None,
        to: To = None,
        filter: Filters = [],  # noqa: B006 - FastAPI copies it
        group_by: Groups = [],  # noqa: B006 - FastAPI copies it
    ) -> MetricAnswer:
        asked = _asked(window, start, to)
        wanted = _cut(filter, group_by)
        with typed_database_errors():
            async with sessions.begin() as session:
                as_of = await begin_reading(session)
                minutes = asked if isinstance(asked, Minutes) else window_at(asked, as_of)
                items = await _items(session, caller.tenant, METRICS[metric], minutes, wanted)
                return MetricAnswer(as_of=as_of, watermark=await read_until(session), items=items)

    @router.get(
        "/prometheus",
        summary="The published series of this tenant, for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"example": 'hearback_scoring_metric_value{metric="nps",tenant="acme",…} 20.0'}}}},
    )
    async def read_for_prometheus(caller: Reader) -> Response:
        with typed_database_errors():
            async with sessions.begin() as session:
                samples = await samples_of(session, caller.tenant)
        return Response(exposition(samples), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


async def _items(session: AsyncSession, tenant: str, metric: Metric, minutes: Minutes, wanted: Cut) -> list[MetricItem]:
    observed = await values_of(session, tenant, metric.measures, wanted.dimension) if wanted.values is None else ()
    groups = wanted.groups(observed)
    lines = [Slice(tenant, measure, wanted.dimension, value) for _, values in groups for value in values for measure in metric.measures]
    counted = await histograms(session, lines, {"": minutes})

    def histogram(measure: str, values: Sequence[str]) -> Counter[int]:
        together: Counter[int] = Counter()
        for value in values:
            together.update(counted.get((Slice(tenant, measure, wanted.dimension, value), ""), {}))
        return together

    numbers = [(described, metric.compute(*(histogram(measure, values) for measure in metric.measures))) for described, values in groups]
    return [
        MetricItem(slice=described, value=n.value, n=n.n, ci_low=n.ci_low, ci_high=n.ci_high, components=n.components)
        for described, n in numbers
    ]


def _asked(window: WindowName | None, start: datetime | None, to: datetime | None) -> Minutes | WindowName:
    """The window, or the minutes between `from` and `to`. Raises Problem 422."""
    if window is not None and start is None and to is None:
        return window
    if window is not None or start is None or to is None:
        raise _refused("window", "ask for either window, or both from and to")
    try:
        return interval_between(start, to)
    except IntervalRefused as refused:
        raise _refused(refused.field, str(refused)) from None


def _cut(filters: Sequence[str], group_by: Sequence[str]) -> Cut:
    try:
        return cut(filters, group_by)
    except CutRefused as refused:
        raise _refused(refused.parameter, str(refused), refused.position) from None


def _refused(parameter: str, problem: str, *position: int) -> Problem:
    error = FieldError(("query", parameter, *position), problem)
    return Problem(422, "invalid_request", f"{parameter}: {problem}", errors=[error])

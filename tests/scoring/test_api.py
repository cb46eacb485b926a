"""The routes of the numbers, on a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from services.cli.stack.ports import free_port
from services.scoring.api import metric_routes
from services.scoring.consumer import ScoringHandler
from services.scoring.domain.observations import observation
from shared.clock import utc_now
from shared.contracts.decoding import Event
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.kafka.batch import Received
from shared.settings import DatabaseSettings
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.scoring.events import event
from tests.scoring.test_publisher import Topic, beat, publisher, read_everything


class Keys:
    """shared.web.access.Access with keys named `<tenant>` that may read, and `writer` that may not."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        tenant = authorization.removeprefix("Bearer ")
        return Principal(tenant, "k1", frozenset({"ingest:write"} if tenant == "writer" else {"metrics:read"}), None)


def serve(sessions: Sessions) -> FastAPI:
    registry = CollectorRegistry()
    return create_app(title="scoring", description="", access=Keys(), health=Health(), registry=registry,  # type: ignore[arg-type]
                      requests=RequestMetrics("scoring", registry), routers=[metric_routes(sessions)])  # fmt: skip


@pytest.fixture
def app(sessions: Sessions) -> FastAPI:
    return serve(sessions)


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://scoring", headers={"Authorization": "Bearer acme"}
    ) as client:
        yield client


async def happen(sessions: Sessions, *events: Event) -> None:
    async with sessions.begin() as session:
        await ScoringHandler().apply(session, [Received(observation(one), FEEDBACK_EVENTS, 0, 0, utc_now()) for one in events])


def answered(id: str, *answers: dict[str, Any], channel: str = "phone", at: datetime | None = None, tenant: str = "acme") -> Event:
    data = {"channel": channel, "survey": "s", "answers": [{"question": "q", **answer} for answer in answers]}
    at = at or utc_now()
    return event("feedback.survey_answered.v1", data, id=id, at=at, received=utc_now(), tenant=tenant)


def nps(*scores: int) -> list[dict[str, Any]]:
    return [{"instrument": "nps", "score": score} for score in scores]


async def ask(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    response = await client.get("/v1/metrics", params=parameters)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_an_answer_is_in_the_number_with_its_n_interval_and_components(sessions: Sessions, client: httpx.AsyncClient) -> None:
    await read_everything(sessions)
    await happen(sessions, answered("a", *nps(10, 9, 7, 0)))

    answer = await ask(client, metric="nps", window="5m")

    assert set(answer) == {"as_of", "watermark", "items"}
    assert abs(datetime.fromisoformat(answer["as_of"]) - utc_now()) < timedelta(seconds=10)
    assert answer["watermark"] == "2026-03-01T12:00:00Z"
    (item,) = answer["items"]
    assert (item["slice"], item["value"], item["n"]) == ({}, 25.0, 4)
    assert item["ci_low"] < 25 < item["ci_high"]
    assert item["components"] == {"promoters": 2, "passives": 1, "detractors": 1}


@pytest.mark.parametrize("metric", ["nps", "csat", "ces_effort", "ces_ease", "complaint_rate"])
async def test_a_tenant_without_data_has_null_and_not_zero(client: httpx.AsyncClient, metric: str) -> None:
    answer = await ask(client, metric=metric, window="24h")

    (item,) = answer["items"]
    assert (item["value"], item["n"], item["ci_low"], item["ci_high"]) == (None, 0, None, None)
    assert answer["watermark"] is None


async def test_numbers_are_filtered_and_grouped_by_channel(sessions: Sessions, client: httpx.AsyncClient) -> None:
    await happen(sessions, answered("a", *nps(10, 9)), answered("b", *nps(0), channel="chat"), answered("c", *nps(7), channel="web"))

    grouped = await ask(client, metric="nps", window="1h", group_by="channel")
    phone = await ask(client, metric="nps", window="1h", filter="channel:phone")
    some = await ask(client, metric="nps", window="1h", filter=["channel:phone", "channel:chat"])
    some_grouped = await ask(client, metric="nps", window="1h", filter=["channel:phone", "channel:sms"], group_by="channel")

    assert [(item["slice"], item["value"], item["n"]) for item in grouped["items"]] == [
        ({"channel": "chat"}, -100.0, 1),
        ({"channel": "phone"}, 100.0, 2),
        ({"channel": "web"}, 0.0, 1),
    ]
    assert [(item["slice"], item["value"], item["n"]) for item in phone["items"]] == [({"channel": "phone"}, 100.0, 2)]
    assert [(item["slice"], item["n"]) for item in some["items"]] == [({}, 3)]
    assert [(item["slice"], item["n"]) for item in some_grouped["items"]] == [({"channel": "phone"}, 2), ({"channel": "sms"}, 0)]


async def test_complaints_are_counted_per_thousand_interactions_of_their_channel(sessions: Sessions, client: httpx.AsyncClient) -> None:
    now = utc_now()
    done = [event("interaction.completed.v1", {"channel": "phone"}, id=f"i{n}", at=now, received=now) for n in range(8)]
    complaint = event("feedback.complaint_raised.v1", {"channel": "mail", "text": "late"}, id="c", at=now, received=now)
    await happen(sessions, *done, complaint)

    total = await ask(client, metric="complaint_rate", window="15m")
    by_channel = await ask(client, metric="complaint_rate", window="15m", group_by="channel")

    assert (total["items"][0]["value"], total["items"][0]["n"]) == (125.0, 8)
    assert [(item["slice"]["channel"], item["value"], item["n"]) for item in by_channel["items"]] == [("mail", None, 0), ("phone", 0.0, 8)]


async def test_an_interval_holds_its_first_minute_and_not_its_last(sessions: Sessions, client: httpx.AsyncClient) -> None:
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    for minutes in (-1, 0, 59, 60):
        await happen(sessions, answered(f"e{minutes}", *nps(9), at=noon + timedelta(minutes=minutes, seconds=30)))

    hour = await ask(client, metric="nps", **{"from": "2026-03-01T13:00:00+01:00", "to": "2026-03-01T13:00:00Z"})
    day = await ask(client, metric="nps", **{"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"})
    years = await ask(client, metric="nps", **{"from": "1900-01-01T00:00:00Z", "to": "2199-12-31T23:59:00Z"})

    assert [answer["items"][0]["n"] for answer in (hour, day, years)] == [2, 4, 4]


@pytest.mark.parametrize(("parameters", "place", "says"), [
    ({"metric": "nps"}, ["query", "window"], "either window, or both from and to"),
    ({"metric": "nps", "window": "5m", "from": "2026-03-01T12:00:00Z"}, ["query", "window"], "either window"),
    ({"metric": "nps", "from": "2026-03-01T12:00:00Z"}, ["query", "window"], "both from and to"),
    ({"metric": "nps", "from": "2026-03-01T12:00:01Z", "to": "2026-03-01T13:00:00Z"}, ["query", "from"], "whole minute"),
    ({"metric": "nps", "from": "2026-03-01T12:00:00Z", "to": "2026-03-01T12:00:00Z"}, ["query", "to"], "after"),
    ({"metric": "nps", "from": "2026-03-01T12:00:00", "to": "2026-03-01T13:00:00Z"}, ["query", "from"], "RFC 3339"),
    ({"metric": "nps", "from": "1772366400", "to": "2026-03-01T13:00:00Z"}, ["query", "from"], "RFC 3339"),
    ({"metric": "mood", "window": "5m"}, ["query", "metric"], "'nps'"),
    ({"metric": "nps", "window": "6m"}, ["query", "window"], "'5m'"),
    ({"metric": "nps", "window": "5m", "group_by": "weather"}, ["query", "group_by", 0], "there is: channel"),
    ({"metric": "nps", "window": "5m", "filter": ["channel:phone", "weather:rain"]}, ["query", "filter", 1], "there is: channel"),
    ({"metric": "nps", "window": "5m", "filter": "phone"}, ["query", "filter", 0], "channel:phone"),
    ({"metric": "nps", "window": "5m", "filter": "channel:\x00"}, ["query", "filter", 0], "NUL"),
])  # fmt: skip
async def test_a_question_that_cannot_be_answered_is_told_why(
    client: httpx.AsyncClient, parameters: dict[str, Any], place: list[Any], says: str
) -> None:
    response = await client.get("/v1/metrics", params=parameters)

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["loc"] == place
    assert says in error["msg"]


async def test_a_tenant_sees_only_its_own_numbers(sessions: Sessions, client: httpx.AsyncClient) -> None:
    await read_everything(sessions)
    await happen(sessions, answered("a", *nps(9), tenant="globex"))
    await publisher(sessions, Topic()).tick(beat)

    total = await ask(client, metric="nps", window="1h")
    by_channel = await ask(client, metric="nps", window="1h", group_by="channel")
    scrape = await client.get("/v1/metrics/prometheus")

    assert (total["items"][0]["n"], by_channel["items"]) == (0, [])
    assert "globex" not in scrape.text


@pytest.mark.parametrize("route", ["/v1/metrics?metric=nps&window=5m", "/v1/metrics/prometheus"])
async def test_numbers_need_a_key_that_may_read_them(client: httpx.AsyncClient, route: str) -> None:
    del client.headers["Authorization"]

    assert (await client.get(route)).status_code == 401
    assert (await client.get(route, headers={"Authorization": "Bearer writer"})).status_code == 403


async def test_prometheus_reads_the_published_series_and_no_value_where_there_is_none(
    sessions: Sessions, client: httpx.AsyncClient
) -> None:
    await read_everything(sessions)
    await happen(sessions, answered("a", *nps(10, 0, 9)), answered("b", *nps(9), channel="chat", at=utc_now() - timedelta(hours=2)))
    await publisher(sessions, Topic()).tick(beat)

    scrape = await client.get("/v1/metrics/prometheus")

    assert scrape.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, sample.labels["dimension"], sample.labels["slice"], sample.labels["window"]): sample
        for family in text_string_to_metric_families(scrape.text)
        for sample in family.samples
    }
    total = samples[("hearback_scoring_metric_value", "total", "", "15m")]
    assert total.labels == {"metric": "nps", "tenant": "acme", "dimension": "total", "slice": "", "window": "15m"}
    assert total.value == pytest.approx(100 / 3)
    assert samples[("hearback_scoring_metric_n", "total", "", "24h")].value == 4
    assert samples[("hearback_scoring_metric_ci_low", "channel", "phone", "1h")].value < 100 / 3
    assert samples[("hearback_scoring_metric_n", "channel", "chat", "1h")].value == 0
    assert ("hearback_scoring_metric_value", "channel", "chat", "1h") not in samples
    assert ("hearback_scoring_metric_ci_high", "channel", "chat", "24h") not in samples, "one answer has no interval"


async def test_numbers_of_a_database_that_is_away_are_asked_for_again_later() -> None:
    nowhere = DatabaseSettings(url=SecretStr(f"postgresql://nobody:nothing@127.0.0.1:{free_port()}/nothing"))
    engine = create_engine(nowhere, "tests")
    transport = httpx.ASGITransport(serve(create_sessions(engine)))

    async with httpx.AsyncClient(transport=transport, base_url="http://scoring", headers={"Authorization": "Bearer acme"}) as client:
        response = await client.get("/v1/metrics?metric=nps&window=5m")
    await engine.dispose()

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")


def test_the_description_of_the_api_names_metrics_windows_and_an_example(app: FastAPI) -> None:
    described = app.openapi()

    parameters = {p["name"]: p for p in described["paths"]["/v1/metrics"]["get"]["parameters"]}
    assert {"metric", "window", "from", "to", "filter", "group_by"} <= set(parameters)
    assert "complaint_rate" in str(parameters["metric"]["schema"])
    assert described["components"]["schemas"]["MetricAnswer"]["examples"][0]["items"][0]["n"] == 50

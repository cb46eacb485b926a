"""The pace of the simulator: steady, complete after a wait, and over when it is told."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.centre import ContactCentre
from services.simulator.posting import Poster
from services.simulator.run import AT_ONCE, Pace, Simulation

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@settings(deadline=None)
@given(rate=st.floats(0.1, 300), looks=st.lists(st.floats(0, 3), max_size=10), seconds=st.floats(0, 4))
def test_however_often_it_looks_each_event_is_due_once_and_at_its_instant(rate: float, looks: list[float], seconds: float) -> None:
    pace, elapsed, due = Pace(rate, START, seconds), 0.0, []

    for pause in [*looks, 100.0]:
        elapsed += pause
        while now_due := pace.due(elapsed):
            assert len(now_due) <= AT_ONCE
            assert all(at <= START + timedelta(seconds=elapsed, microseconds=1) for at in now_due)
            due += now_due

    assert due == [START + timedelta(seconds=number / rate) for number in range(1, int(seconds * rate) + 1)]
    assert pace.over(elapsed)


async def test_after_a_time_without_ingest_everything_that_happened_is_posted() -> None:
    taken: list[str] = []
    answered = 0

    def ingest(request: httpx.Request) -> httpx.Response:
        nonlocal answered
        answered += 1
        if 2 <= answered <= 4:
            return httpx.Response(503)
        ids = [json.loads(line)["id"] for line in request.content.splitlines()]
        taken.extend(ids)
        return httpx.Response(202, json={"accepted": len(ids), "duplicates": [], "rejected": []})

    simulation, said = simulated(ingest, rate=100, seconds=1.5)

    await simulation.run(asyncio.Event())

    assert len(taken) == simulation.accepted == 150
    assert said[-1] == "posted 150 events (0 of them sent before), refused 0"


async def test_a_stop_ends_it_at_once_also_while_it_waits_and_says_what_was_not_taken() -> None:
    simulation, said = simulated(lambda _: httpx.Response(503, headers={"Retry-After": "60"}), rate=1000, seconds=None)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, stop.set)

    await asyncio.wait_for(simulation.run(stop), 5)

    assert simulation.given_up > 0
    assert said[-1].endswith(f"{simulation.given_up} not taken before the stop")


async def test_a_refused_event_is_told_with_its_reason() -> None:
    rejected = [{"index": 0, "id": "x", "errors": [{"loc": ["time"], "msg": "lies in the future"}]}]
    answer = httpx.Response(422, json={"accepted": 0, "duplicates": [], "rejected": rejected})
    simulation, said = simulated(lambda _: answer, rate=1, seconds=1)

    await simulation.run(asyncio.Event())

    assert simulation.refused == 1
    assert any("time: lies in the future" in line for line in said)


def simulated(ingest: Callable[[httpx.Request], httpx.Response], rate: float, seconds: float | None) -> tuple[Simulation, list[str]]:
    """A simulation against this ingest, and what it says."""
    said: list[str] = []
    client = httpx.AsyncClient(transport=httpx.MockTransport(ingest), base_url="http://ingest")
    return Simulation(Poster(client, said.append), ContactCentre(1, "run"), Pace(rate, START, seconds), said.append), said

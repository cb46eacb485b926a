"""Single requests at 200 a second while a large file is imported, and while none is.

Open loop: one event a request, whatever the answers do. First the import runs in a process of the role `imports`, as it is deployed;
then in the very process that answers the requests, as `make run` has it. The file is large enough that its import runs from before the
first request to after the last. Everything, the load tool too, shares the machine's cores. `limit` is the p99 without an import.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import quantiles

import httpx
import uvloop

from bench.open_loop import OpenLoop
from bench.rounds import interleave, record
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform, Service

PER_SECOND, SECONDS, CONNECTIONS, ROUNDS = 200, 6, 16, 3
ROWS = 300_000
WARM_SECONDS = 2
START = datetime(2020, 1, 1, tzinfo=UTC)


class Requests:
    """Single events, each with an id of its own."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._ids = count()

    def make(self, number: int) -> list[bytes]:
        """So many of them, which happen now."""
        at = datetime.now(UTC).isoformat()
        return [self._one(next(self._ids), at) for _ in range(number)]

    def _one(self, id: int, at: str) -> bytes:
        body = (
            f'{{"specversion":"1.0","id":"s-{id}","source":"/bench","type":"feedback.survey_answered.v1","time":"{at}",'
            f'"data":{{"channel":"phone","customer":{{"id":"c-{id % 5000}"}},"survey":"s",'
            '"answers":[{"question":"q","instrument":"nps","score":9}]}}'
        ).encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._key}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def file_of(rows: int) -> bytes:
    """A survey's answers as CSV, the header first."""
    lines = (
        f"r{n},{(START + timedelta(seconds=n)).isoformat()},c{n % 5000},{n % 11},the answer of number {n} is a text of ordinary length"
        for n in range(rows)
    )
    return "\n".join(["Response ID,Date,Customer,NPS,Comment", *lines]).encode()


async def p99_ms(port: int, requests: Sequence[bytes]) -> float:
    """From when each request was due to its answer."""
    load = OpenLoop(port, CONNECTIONS)
    await load.send(requests, PER_SECOND)
    return 1000 * quantiles(load.waits, n=100)[98]


@asynccontextmanager
async def importing(client: httpx.AsyncClient, file: bytes, rates: list[float]) -> AsyncIterator[None]:
    """An import is under way, from before the block to after it; then it is cancelled. Raises RuntimeError when it ended too early."""
    id = (await client.post("/v1/imports", params={"start": True}, content=file)).raise_for_status().json()["id"]
    view = {"read": 0}
    while not view["read"]:
        await asyncio.sleep(0.1)
        view = (await client.get(f"/v1/imports/{id}")).raise_for_status().json()
    began, read = asyncio.get_running_loop().time(), view["read"]
    yield
    view = (await client.get(f"/v1/imports/{id}")).raise_for_status().json()
    rates.append((view["read"] - read) / (asyncio.get_running_loop().time() - began))
    if view["state"] != "running":
        raise RuntimeError(f"the import is {view['state']}: it did not run all the time")
    await client.post(f"/v1/imports/{id}/cancel")
    while view["state"] == "running":
        await asyncio.sleep(0.1)
        view = (await client.get(f"/v1/imports/{id}")).raise_for_status().json()


async def _measure(platform: Platform, name: str, serving: Service, importer: Service, key: str) -> None:
    """Rounds without and with an import in `importer`, which may be the process that serves the requests."""
    requests, file, rates = Requests(key), file_of(ROWS), list[float]()

    async def without() -> float:
        return await p99_ms(serving.port, requests.make(PER_SECOND * SECONDS))

    async with platform.client(importer, key) as client, platform.client(serving, key):

        async def during() -> float:
            async with importing(client, file, rates):
                return await p99_ms(serving.port, requests.make(PER_SECOND * SECONDS))

        await p99_ms(serving.port, requests.make(PER_SECOND * WARM_SECONDS))
        figures, steal = await interleave({"without": without, "during": during}, ROUNDS)
    record(f"single_p99_during_import{name}", {"ours": figures["during"], "limit": figures["without"]}, "ms", steal)
    record(f"import_beside_requests{name}", {"ours": rates}, "rows/s", steal)


async def _run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kafka, postgres = await asyncio.gather(KafkaServer.start(folder), PostgresServer.start(folder))
        platform = Platform(kafka, postgres, folder)
        try:
            await platform.prepare("ingest")
            serving = await platform.start("ingest", roles=("events", "access"))
            importer = await platform.start("ingest", roles=("imports",))
            key = await platform.key("bench")
            await _measure(platform, "", serving, importer, key)
            await platform.stop_all()
            both = await platform.start("ingest", roles=("events", "access", "imports"))
            await _measure(platform, "_in_one_process", both, both, key)
        finally:
            await platform.stop_all()
            await asyncio.gather(kafka.stop(), postgres.stop())


if __name__ == "__main__":
    uvloop.run(_run())

"""The conversation with ingest about imports."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from shared.errors import ConfigurationError, HearbackError, Unavailable
from shared.loops import backoff

View = dict[str, Any]
PATH = "/v1/imports"
LOOK_AGAIN_SECONDS = 0.25
PATIENCE_SECONDS = 300.0
BLOCK = 256 * 1024
GZIP = b"\x1f\x8b"


class Refusal(HearbackError):
    """Ingest's answer to a request that it does not take."""


class ImportClient:
    """Use it as a context. Once ingest has answered it is waited for whenever it does not: imports go on without us.

    Methods raise Refusal, and Unavailable when ingest never answers.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._reached = False
        self.waits: Callable[[str], None] = _nobody
        """Hears why ingest is waited for."""

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, path: Path, said: dict[str, Any], sent: Callable[[float], None]) -> View:
        """Upload a file, unpacked when it is gzip; `sent` hears which share is out. When the answer is lost it is sent again."""
        await self.ask("GET", "?limit=1")  # a wrong key is told before a gigabyte is on its way
        headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": uuid4().hex}
        try:
            return await self._answer(lambda: self._client.post(PATH, params=said, content=_blocks(path, sent), headers=headers))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise ConfigurationError(f"{path.name} is broken: it is no whole gzip file") from None

    async def ask(self, method: str, path: str, body: Any = None) -> View:
        """One request."""
        return await self._answer(lambda: self._client.request(method, f"{PATH}{path}", json=body))

    async def until(self, id: str, states: set[str], seen: Callable[[View], None]) -> View:
        """Look until the import is in none of these states; `seen` hears of every look."""
        while True:
            view = await self.ask("GET", f"/{id}")
            seen(view)
            if view["state"] not in states:
                return view
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def save_refused(self, id: str, path: Path) -> None:
        """Write the refused rows into a file."""

        async def fetch() -> httpx.Response:
            async with self._client.stream("GET", f"{PATH}/{id}/refused") as answer:
                if not answer.is_success:
                    await answer.aread()
                    return answer
                with path.open("wb") as file:
                    async for block in answer.aiter_bytes():
                        file.write(block)
            return httpx.Response(200, json={})

        await self._answer(fetch)

    async def _answer(self, request: Callable[[], Awaitable[httpx.Response]]) -> View:
        """What is answered to a request, which is repeated while nothing is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        for pause in backoff():
            try:
                answer = await request()
                self._reached = True
                if answer.status_code < 500:
                    return told(answer)
                failure = f"answers {answer.status_code}"
            except httpx.TransportError as error:
                failure = f"does not answer at {self._client.base_url} ({type(error).__name__})"
            if not self._reached or loop.time() > deadline:
                raise Unavailable("ingest", failure)
            self.waits(f"ingest {failure}, trying again")
            await asyncio.sleep(pause)
        raise AssertionError("backoff has no end")


async def _blocks(path: Path, sent: Callable[[float], None]) -> AsyncIterator[bytes]:
    size = path.stat().st_size or 1  # noqa: ASYNC240 - before anything runs beside it
    with path.open("rb") as file:
        packed = file.peek(len(GZIP)).startswith(GZIP)
        with closing(gzip.GzipFile(fileobj=file)) if packed else closing(file) as source:
            while block := source.read(BLOCK):
                yield block
                sent(file.tell() / size)


def told(answer: httpx.Response) -> View:
    """What an answer holds. Raises Refusal with what ingest says against the request."""
    try:
        body: View = answer.json()
    except ValueError:
        raise Refusal(f"what answers {answer.status_code} at {answer.url.copy_with(query=None)} is no ingest of Hearback") from None
    if answer.is_success:
        return body
    errors = "".join(f"; {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in body.get("errors", []))
    raise Refusal(f"ingest refused it: {body.get('detail', answer.status_code)}{errors}")


def _nobody(_: str) -> None:
    return None

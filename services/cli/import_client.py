"""The conversation with ingest about an import. An ingest that does not answer is asked again: the import goes on without us."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

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


async def send_file(client: httpx.AsyncClient, path: Path, said: dict[str, Any], sent: Callable[[float], None]) -> View:
    """Upload a file, unpacked when it is gzip; `sent` hears which share is out. Raises Refusal and Unavailable."""
    size = path.stat().st_size or 1  # noqa: ASYNC240 - before anything runs beside it

    async def blocks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            packed = file.peek(len(GZIP)).startswith(GZIP)
            with closing(gzip.GzipFile(fileobj=file)) if packed else closing(file) as source:
                while block := source.read(BLOCK):
                    yield block
                    sent(file.tell() / size)

    try:
        answer = await client.post(PATH, params=said, content=blocks(), headers={"Content-Type": "application/octet-stream"})
    except httpx.TransportError as error:
        raise Unavailable("ingest", f"{type(error).__name__} while the file was sent; send it again, nothing counts twice") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ConfigurationError(f"{path.name} is broken: it is no whole gzip file") from None
    return _told(answer)


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> View:
    """One request, again and again while ingest does not answer. Raises Refusal, and Unavailable in the end."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    for pause in backoff():
        try:
            answer = await client.request(method, f"{PATH}{path}", json=body)
            if answer.status_code < 500:
                return _told(answer)
            failure = f"answers {answer.status_code}"
        except httpx.TransportError as error:
            failure = type(error).__name__
        if loop.time() > deadline:
            raise Unavailable("ingest", f"{failure}; the import goes on by itself")
        await asyncio.sleep(pause)
    raise AssertionError("backoff has no end")


async def until(client: httpx.AsyncClient, id: str, states: set[str], seen: Callable[[View], None]) -> View:
    """Look until the import is in none of these states; `seen` hears of every look."""
    while True:
        view = await ask(client, "GET", f"/{id}")
        seen(view)
        if view["state"] not in states:
            return view
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def save_refused(client: httpx.AsyncClient, id: str, path: Path) -> None:
    """Write the refused rows into a file."""
    async with client.stream("GET", f"{PATH}/{id}/refused") as answer:
        answer.raise_for_status()
        with path.open("wb") as file:
            async for block in answer.aiter_bytes():
                file.write(block)


def _told(answer: httpx.Response) -> View:
    body: View = answer.json()
    if answer.is_success:
        return body
    errors = "".join(f"; {'.'.join(map(str, error['loc']))}: {error['msg']}" for error in body.get("errors", []))
    raise Refusal(f"ingest refused it: {body.get('detail', answer.status_code)}{errors}")

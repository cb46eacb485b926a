"""A lost answer, a server that is away, and what is no ingest, as the command meets them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from services.cli.import_client import ImportClient, Refusal
from services.cli.stack.ports import free_port
from shared.errors import Unavailable

VIEW = b'{"id": "i1", "state": "checking"}'


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Ingest:
    """Answers each request with the next of `answers`; an empty one is lost."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if head.startswith("POST"):
            await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(self._answers.pop(0))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def talking_to(ingest: Ingest) -> AsyncIterator[ImportClient]:
    async with await asyncio.start_server(ingest.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with ImportClient(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")) as client:
            yield client


async def test_a_file_whose_answer_was_lost_is_sent_again_as_the_same(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("a,b\n1,2\n")
    ingest = Ingest(answer("200 OK", b"{}"), b"", answer("503 Service Unavailable", b"{}"), answer("201 Created", VIEW))
    waited: list[str] = []
    async with talking_to(ingest) as client:
        client.waits = waited.append

        view = await client.send(tmp_path / "answers.csv", {"name": "crm"}, lambda share: None)

    posts = [head for head in ingest.heads if head.startswith("POST /v1/imports?name=crm ")]
    keys = {line for head in posts for line in head.splitlines() if line.lower().startswith("idempotency-key: ")}
    assert view == {"id": "i1", "state": "checking"}
    assert (len(posts), len(keys)) == (3, 1)
    assert ["does not answer" in why for why in waited] == [True, False]


async def test_an_ingest_that_never_answered_is_told_at_once() -> None:
    async with ImportClient(httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port()}")) as client:
        with pytest.raises(Unavailable, match="does not answer at"):
            await client.ask("GET", "")


async def test_what_is_no_ingest_is_told() -> None:
    async with talking_to(Ingest(answer("200 OK", b"<html>welcome</html>"))) as client:
        with pytest.raises(Refusal, match="is no ingest of Hearback"):
            await client.ask("GET", "")

"""A file on its way in: streamed into PostgreSQL part by part, so that any replica can go on with it, and memory holds one part."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from services.ingest.imports import store
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.web.problems import Problem
from shared.web.requests import BodyTooLarge

PART_BYTES = 1024 * 1024


class Received(NamedTuple):
    """A file that lies in PostgreSQL: how large it is, and the hash of its bytes in hexadecimal."""

    size_bytes: int
    digest: str


@asynccontextmanager
async def receiving(
    sessions: Sessions, clock: Clock, tenant: str, id: str, body: AsyncIterator[bytes], max_bytes: int
) -> AsyncIterator[Received]:
    """Store the file of a new import; each part commits by itself. What does not arrive whole, or what the block does not make
    `store.uploaded`, is forgotten at its end.

    Raises Problem 422 for an empty file, BodyTooLarge, and the database's errors.
    """
    async with sessions.begin() as session:
        await store.create(session, tenant, id, now=clock())
    try:
        received = await _parts(sessions, tenant, id, body, max_bytes)
        if received.size_bytes == 0:
            raise Problem(422, "empty_file", "there is no file, or it is empty: send it as the body (`curl -X POST -T answers.csv`) or as "
                                             "the field `file` of a form (`curl -F file=@answers.csv`)")  # fmt: skip
        yield received
    finally:
        async with sessions.begin() as session:
            await store.forget_upload(session, tenant, id)


async def _parts(sessions: Sessions, tenant: str, id: str, body: AsyncIterator[bytes], max_bytes: int) -> Received:
    digest = hashlib.blake2b(digest_size=16)
    held = bytearray()
    size = position = 0
    async for block in body:
        digest.update(block)
        held += block
        size += len(block)
        if size > max_bytes:
            raise BodyTooLarge(max_bytes)
        while len(held) >= PART_BYTES:
            await _store(sessions, tenant, id, position, bytes(held[:PART_BYTES]))
            del held[:PART_BYTES]
            position += 1
    if held:
        await _store(sessions, tenant, id, position, bytes(held))
    return Received(size, digest.hexdigest())


async def _store(sessions: Sessions, tenant: str, id: str, position: int, content: bytes) -> None:
    async with sessions.begin() as session:
        await store.add_part(session, tenant, id, position, content)

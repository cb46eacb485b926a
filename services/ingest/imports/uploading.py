"""A file on its way in: streamed into PostgreSQL part by part, so that any replica can go on with it, and memory holds one part."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import ClientDisconnect

from services.ingest.imports import store
from services.ingest.imports.store import Import
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.problems import Problem
from shared.web.requests import BodyTooLarge

PART_BYTES = 1024 * 1024


async def upload(
    sessions: Sessions, clock: Clock, row: Mapping[str, Any], body: AsyncIterator[bytes], *, actor: str, max_bytes: int
) -> Import:
    """Store the file and the import that it belongs to; each part commits by itself. What does not arrive whole is forgotten.

    Raises Problem 422 for an empty body, BodyTooLarge, and Unavailable.
    """
    tenant, id = row["tenant"], row["id"]
    async with sessions.begin() as session:
        await store.create(session, row, now=clock())
    try:
        size, digest = await _parts(sessions, tenant, id, body, max_bytes)
        if size == 0:
            raise Problem(422, "empty_file", "the body is empty: send the file itself, for example with `curl --data-binary @file.csv`")
    except (Problem, ClientDisconnect):
        async with sessions.begin() as session:
            await store.drop(session, tenant, id)
        raise
    async with sessions.begin() as session:
        made = await store.uploaded(session, tenant, id, size_bytes=size, digest=digest, actor=actor, now=clock())
        await store.wake(session)
    return made


async def _parts(sessions: Sessions, tenant: str, id: str, body: AsyncIterator[bytes], max_bytes: int) -> tuple[int, str]:
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
    return size, digest.hexdigest()


async def _store(sessions: Sessions, tenant: str, id: str, position: int, content: bytes) -> None:
    with typed_database_errors():
        async with sessions.begin() as session:
            await store.add_part(session, tenant, id, position, content)

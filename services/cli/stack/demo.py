"""The key of the demo tenant: made once, kept beside the data, and made anew when the data it belonged to is gone."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import httpx

from services.cli.stack.files import read_file, replace_file
from services.cli.stack.stack_file import Demo, StackFile
from services.ingest.access_store import create_key, create_tenant, tenant_exists
from shared.clock import utc_now
from shared.contracts.access import Scope
from shared.database.engine import create_engine, create_sessions
from shared.errors import Unavailable
from shared.settings import DatabaseSettings

TENANT = "demo"
SCOPES: tuple[Scope, ...] = tuple(scope for scope in get_args(Scope) if scope != "operator")
LOOKS = 300
LOOK_AGAIN_SECONDS = 0.1


async def ensure_demo_key(stack: StackFile, kept: Path, client: httpx.AsyncClient) -> Demo:
    """A key that every service of the stack knows when this returns; the kept one while it is still good.

    Raises Unavailable when the services do not learn of a new one in time.
    """
    urls = [service.url for service in stack.services.values()]
    former = read_file(kept)
    if former and await knows(former, urls, client):
        return Demo(tenant=TENANT, key=former)
    key = await _create(stack.postgres.databases["ingest"])
    replace_file(kept, key)
    await until_known(key, urls, client)
    return Demo(tenant=TENANT, key=key)


async def until_known(key: str, urls: Iterable[str], client: httpx.AsyncClient) -> None:
    """Wait until every service takes the key. Raises Unavailable when one does not in time."""
    for _ in range(LOOKS):
        if await knows(key, urls, client):
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    raise Unavailable("access", f"a new key is not known to every service after {LOOKS * LOOK_AGAIN_SECONDS:.0f} s")


async def knows(key: str, urls: Iterable[str], client: httpx.AsyncClient) -> bool:
    """Whether every one of these services takes the key now."""
    for url in urls:
        try:
            answer = await client.get(f"{url}/v1/whoami", headers={"Authorization": f"Bearer {key}"})
        except httpx.HTTPError:
            return False
        if not answer.is_success:
            return False
    return True


async def _create(database: str) -> str:
    engine = create_engine(DatabaseSettings(url=database), "hearback up")
    sessions = create_sessions(engine)
    now = utc_now()
    try:
        async with sessions.begin() as session:
            if not await tenant_exists(session, TENANT):
                await create_tenant(session, id=TENANT, name="Demo", zone="UTC", languages=["en"], actor="hearback up", now=now)
            _, key = await create_key(session, tenant=TENANT, scopes=SCOPES, expires_at=None, actor="hearback up", now=now)
    finally:
        await engine.dispose()
    return key

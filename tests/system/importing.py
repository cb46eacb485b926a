"""A file of tenant B's that waits to be imported, and how tenant A would name it."""

import asyncio
from typing import Any

import httpx

from tests.system.attempts import ABSENT, ANSWERED, Attempt

FILE_OF_B = b"Date,Complaint\n2025-01-02,b-import-5c1d\nyesterday,b-import-5c1d\n"
_IMPORT = {"import_id": "{import}"}

ATTEMPTS: dict[str, list[Attempt]] = {
    "ingest GET /v1/imports": [Attempt(ANSWERED, query={"limit": "500"}), Attempt(ANSWERED, query={"cursor": "{import}~"})],
    "ingest POST /v1/imports": [Attempt(ANSWERED, json={"time": "2025-01-02", "complaint": "of a"})],
    "ingest GET /v1/imports/{import_id}": [Attempt(ABSENT, path=_IMPORT)],
    "ingest PUT /v1/imports/{import_id}": [Attempt(ABSENT, path=_IMPORT, json={})],
    "ingest POST /v1/imports/{import_id}/start": [Attempt(ABSENT, path=_IMPORT)],
    "ingest POST /v1/imports/{import_id}/cancel": [Attempt(ABSENT, path=_IMPORT)],
    "ingest GET /v1/imports/{import_id}/refused": [Attempt(ABSENT, path=_IMPORT)],
}


async def belongings(client: httpx.AsyncClient, file: bytes = FILE_OF_B) -> dict[str, str]:
    """An import that waits to be started, as attempts name it; `client` carries a key of its tenant."""
    answer = await client.post("/v1/imports", content=file)
    assert answer.status_code == 201, answer.text
    view = answer.json()
    async with asyncio.timeout(20):
        while view["state"] == "checking":
            await asyncio.sleep(0.1)
            view = (await client.get(f"/v1/imports/{view['id']}")).json()
    assert view["state"] == "waiting", view["detail"]
    return {"import": str(view["id"])}


async def shown(client: httpx.AsyncClient, id: str) -> Any:
    """What its tenant is shown of it."""
    return [(await client.get(path)).text for path in (f"/v1/imports/{id}", f"/v1/imports/{id}/refused")]

"""Whatever ingest's description of itself allows, and much that it does not, is answered, and never with a 5xx."""

import asyncio
import os
import random
import sys
from pathlib import Path

import httpx

from tests.system.platform import TENANT_SCOPES, Platform

ROLES = ("events", "access", "channels", "imports", "surveys")
"""All that have routes; `pulls` would call the vendors of the endpoints that are made here."""
SECONDS = 15


async def test_no_request_that_follows_or_breaks_the_description_ends_in_a_5xx(platform: Platform, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    ingest = await platform.start("ingest", roles=ROLES)
    key = await platform.key("system", [*TENANT_SCOPES, "operator"])
    async with platform.client(ingest, key) as client:
        described = (await client.get("/openapi.json")).json()["paths"]
    command = [
        "run", f"{ingest.url}/openapi.json", "--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing",
        "--max-examples", "20", "--max-time", str(SECONDS), "--seed", str(seed), "--continue-on-failure", "--generation-database", "none",
        "--header", f"Authorization: Bearer {key}", "--no-color",
    ]  # fmt: skip

    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()

    print(told.decode()[-6000:])
    async with httpx.AsyncClient(base_url=ingest.url) as client:
        metrics = (await client.get("/metrics")).text
    await platform.stop(ingest)
    assert process.returncode == 0
    assert len([line for line in metrics.splitlines() if line.startswith("hearback_ingest_http_requests_total")]) > len(described)

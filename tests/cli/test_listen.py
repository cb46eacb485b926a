"""`hearback listen` shows what a receiver is told, and tells a forged webhook from a genuine one."""

import asyncio
import json
import sys
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from services.cli.stack.ports import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json.dumps({"alerts": [{"status": "firing", "labels": {"case": "1"}, "annotations": {"summary": "时钟已超时"}}]}, ensure_ascii=False)


async def listen(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """A running `hearback listen` that ends after one webhook, and its URL."""
    port = free_port()
    command = (sys.executable, "-m", "services.cli.main", "listen", "--port", str(port), "--count", "1", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    await asyncio.wait_for(process.stderr.readline(), 30)
    return process, f"http://127.0.0.1:{port}/"


def signed() -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg-1", now, BODY)
    return {"webhook-id": "msg-1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


@pytest.mark.parametrize(("body", "status", "verdict"), [(BODY, 204, "genuine"), (BODY.replace("1", "2"), 401, "WRONG")])
async def test_a_signature_is_checked_and_the_summary_shown(body: str, status: int, verdict: str) -> None:
    process, url = await listen("--secret", SECRET)

    async with httpx.AsyncClient() as client:
        answer = await client.post(url, content=body.encode(), headers=signed())
    shown, _ = await asyncio.wait_for(process.communicate(), 30)

    assert answer.status_code == status
    assert shown.decode() == f"webhook msg-1, signature {verdict}\n  firing: 时钟已超时\n"


async def test_a_script_gets_headers_and_body_as_they_came() -> None:
    process, url = await listen("--json")

    async with httpx.AsyncClient() as client:
        await client.post(url, content=b"no json", headers={"webhook-id": "x"})
    shown, _ = await asyncio.wait_for(process.communicate(), 30)

    assert json.loads(shown)["body"] == "no json"
    assert json.loads(shown)["headers"]["webhook-id"] == "x"

"""Calls to vendors: through the guard on addresses, without redirects, proxies and kept connections, limited in time and size."""

import asyncio
import socket
import ssl
from datetime import datetime

import httpcore

from services.ingest.adapters.adapter import Call, Reply
from services.ingest.channels.job import Failure
from shared.clock import Clock
from shared.delivery.guard import GuardedNetwork, RefusedAddress
from shared.delivery.tls import trusted
from shared.delivery.webhook import check_url, retry_after
from shared.errors import HearbackError

MOST_REPLY_BYTES = 8 * 1024 * 1024
GONE = (404, 410)


class CallFailed(HearbackError):
    """The vendor gave no good answer. `failure` says what is known; it holds no URL, since those may carry tokens."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class VendorCalls:
    """One a process."""

    def __init__(self, network: GuardedNetwork, clock: Clock, call_seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._clock = clock
        self._seconds = call_seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted("http"),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=network,
        )

    async def call(self, call: Call) -> Reply:
        """Send it and read the whole answer. Raises CallFailed for all but 2xx."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._call(call)
        except TimeoutError:
            raise CallFailed(Failure(f"no answer within {self._seconds:g} s")) from None
        except RefusedAddress:
            raise CallFailed(Failure("the address lies in a network where nothing may be called", final=True)) from None
        except ValueError:
            raise CallFailed(Failure("the address is none that can be called", final=True)) from None
        except socket.gaierror:
            raise CallFailed(
                Failure("the vendor's name cannot be found: is it right, and has this service a way to the internet?")
            ) from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as failed:
            raise CallFailed(Failure(f"no answer: {type(failed).__name__}")) from None

    async def _call(self, call: Call) -> Reply:
        headers: dict[str | bytes, str | bytes] = {"user-agent": "hearback", "accept-encoding": "identity", "connection": "close"}
        headers |= {name.lower(): value for name, value in call.headers.items()}
        async with self._pool.stream(call.method, check_url(call.url), headers=headers, content=call.body) as response:
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if not 200 <= response.status < 300:
                raise CallFailed(_refusal(response.status, answered, self._clock()))
            return Reply(response.status, answered, await _read(response))


def _refusal(status: int, headers: dict[str, str], now: datetime) -> Failure:
    if 300 <= status < 400:
        return Failure(f"the vendor answered {status}: redirects are not followed")
    return Failure(f"the vendor answered {status}", retry_after(headers.get("retry-after", ""), now), final=status in GONE)


async def _read(response: httpcore.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_stream():
        parts.append(part)
        size += len(part)
        if size > MOST_REPLY_BYTES:
            raise CallFailed(Failure(f"the vendor's answer is larger than {MOST_REPLY_BYTES} bytes", final=True))
    return b"".join(parts)

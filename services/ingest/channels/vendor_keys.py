"""Public keys and certificates that vendors publish: fetched once at a time, kept for an hour, asked for few times a minute.

A request that is not proven yet makes us call: the adapter names only addresses of its vendor's own, and here it is bounded how often.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import replace

from services.ingest.adapters.adapter import Call, Request
from services.ingest.channels.endpoint import OpenEndpoint
from services.ingest.channels.outgoing import CallFailed, VendorCalls
from shared.errors import Unavailable

KEPT_SECONDS = 3600.0
KEPT_AT_MOST = 1000
CALLS_A_MINUTE = 6
"""For one endpoint."""


class VendorKeys:
    """The bodies by their URLs, in this process's memory."""

    def __init__(self, calls: VendorCalls) -> None:
        self._calls = calls
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[bytes]] = {}
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    async def added(self, endpoint: OpenEndpoint, request: Request) -> Request:
        """The request with the keys that its adapter asks for. Raises NotProven, and Unavailable when they cannot be had now."""
        if endpoint.adapter.keys is None:
            return request
        call = endpoint.adapter.keys(request, endpoint.at(request.at))
        return request if call is None else replace(request, keys=await self.body(endpoint, call))

    async def body(self, endpoint: OpenEndpoint, call: Call) -> bytes:
        """What the vendor publishes there. Raises Unavailable when it cannot be had now."""
        body, until = self._kept.get(call.url, (b"", 0.0))
        if until > asyncio.get_running_loop().time():
            return body
        fetching = self._fetching.get(call.url)
        if fetching is None:
            self._check_pace(endpoint.id)
            fetching = self._fetching[call.url] = asyncio.create_task(self._fetch(call))
        try:
            return await asyncio.shield(fetching)
        except CallFailed as failed:
            raise Unavailable("vendor_keys", str(failed)) from None

    async def _fetch(self, call: Call) -> bytes:
        try:
            reply = await self._calls.call(call)
        finally:
            del self._fetching[call.url]
        self._kept[call.url] = (reply.body, asyncio.get_running_loop().time() + KEPT_SECONDS)
        self._kept.move_to_end(call.url)
        if len(self._kept) > KEPT_AT_MOST:
            self._kept.popitem(last=False)
        return reply.body

    def _check_pace(self, endpoint: str) -> None:
        now = asyncio.get_running_loop().time()
        asked = self._asked.setdefault(endpoint, deque(maxlen=CALLS_A_MINUTE))
        if len(asked) == CALLS_A_MINUTE and asked[0] > now - 60:
            raise Unavailable("vendor_keys", "asked for too often")
        asked.append(now)
        self._asked.move_to_end(endpoint)
        if len(self._asked) > KEPT_AT_MOST:
            self._asked.popitem(last=False)

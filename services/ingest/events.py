"""`POST /v1/events`: from a request's body to acknowledged records on Kafka.

The flow: `bodies.split` → `Intake.judge` every item → `Intake.publish` → the answer. The numbered
rules are in the design's contracts page; nothing is remembered as seen before its acknowledgement.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.types import Message, Receive

from services.ingest.bodies import is_ndjson, split
from services.ingest.intake import FORBIDDEN, Accepted, Intake
from services.ingest.rates import Rates
from services.ingest.reading import Body, Headers, Room
from services.ingest.recent import RecentIds
from services.ingest.settings import IngestSettings
from services.ingest.stream import Account, Lines
from shared.clock import Clock
from shared.errors import FieldError, InvalidEvent, Unavailable
from shared.loops import backoff
from shared.web.access import Principal, check_scope
from shared.web.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem, unavailable
from shared.web.requests import BodyTooLarge

MAX_ERRORS_TOLD = 100
TURN_BYTES = 160 * 1024
"""So much is judged at a time before the event loop turns: some three milliseconds, twice that with redaction."""


class Answer(NamedTuple):
    """An HTTP answer, ready to be sent."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Rejection(msgspec.Struct):
    """Why the item at `index` was not taken; `id` when one could be read."""

    index: int
    id: str | None
    errors: list[dict[str, Any]]


class _Named(msgspec.Struct):
    id: str | None = None


class Events:
    """The one endpoint that takes events; holds what a request needs, decides nothing between requests."""

    def __init__(self, settings: IngestSettings, intake: Intake, clock: Clock) -> None:
        self._settings = settings
        self._intake = intake
        self._clock = clock
        self._recent = RecentIds(settings.remembered_ids)
        self._short_bytes = min(settings.max_body_bytes, 2 * settings.max_events_per_request)
        """What is no longer than this exceeds no limit of a request, however many lines it has."""
        self._turn = asyncio.Lock()
        """Streams judge in turn, so that many of them delay a single event no more than one."""
        self._room = Room(settings.bodies_bytes)
        self._rates = Rates(settings.events_per_second_per_key, settings.events_per_second_per_tenant, settings.burst_seconds)

    async def take(self, caller: Principal, headers: Headers, receive: Receive, traceparent: bytes) -> Answer:
        """Read a request's body and take the events in it. NDJSON that is larger than a request may be is taken as a stream.

        Raises Problem when nothing was taken for a reason that concerns the whole request, or when a stream broke off.
        """
        check_scope(caller, "ingest:write")
        first = await receive()
        if not first.get("more_body", True) and b"content-encoding" not in headers:  # most bodies: plain, and in one piece
            content: bytes = first.get("body", b"")
            if len(content) <= self._short_bytes:
                return await self.post(caller, headers, content, traceparent)
        return await self._take_large(caller, headers, first, receive, traceparent)

    async def _take_large(self, caller: Principal, headers: Headers, first: Message, receive: Receive, traceparent: bytes) -> Answer:
        limit = self._settings.max_body_bytes
        body = Body(headers, first, receive, self._settings, self._room)
        try:
            if body.declared > limit and not is_ndjson(headers):
                raise BodyTooLarge(limit)
            content, whole = await body.upto(limit)
            if whole and not self._is_long(headers, content):
                return await self.post(caller, headers, content, traceparent)
            if not whole and not is_ndjson(headers):
                raise BodyTooLarge(limit)
            lines = Lines(content, body, self._settings.max_event_bytes, self._settings.max_stream_bytes)
            del content  # it is the lines' from here on, which let it go when it is read
            return await self._take_stream(caller, headers, lines, traceparent)
        finally:
            body.close()

    async def post(self, caller: Principal, headers: Headers, body: bytes, traceparent: bytes) -> Answer:
        """Take the events in `body`. Raises Problem when nothing was taken for a reason that concerns the whole request."""
        check_scope(caller, "ingest:write")
        items = split(headers, body)
        if len(items) > (most := self._settings.max_events_per_request):
            text = f"a request may hold {most} events; send several requests, or any number as application/x-ndjson, one a line"
            raise Problem(413, "too_many_events", text)
        self._rates.take(caller.tenant, caller.key_id, len(items), time.monotonic())
        key = headers.get(b"idempotency-key")
        if len(body) <= TURN_BYTES:
            accepted, rejected, forbidden = self._judge(caller, items, key, traceparent)
        else:
            accepted, rejected, forbidden = await self._judge_in_turns(caller, items, key, traceparent)
        if not accepted:
            raise _nothing_valid(rejected, all_forbidden=forbidden == len(rejected))
        present = await self._intake.publish(accepted)
        duplicates = self._remember(caller.tenant, present)
        if len(present) < len(accepted):
            return self._partly([item.place for item in present], rejected)
        answer: dict[str, Any] = {"accepted": len(accepted), "duplicates": duplicates, "rejected": rejected}
        if b"return=representation" in headers.get(b"prefer", b""):
            ids = {item.place: item.id for item in accepted}
            answer["ids"] = [ids.get(index) for index in range(len(items))]
        return Answer(202, msgspec.json.encode(answer))

    async def _judge_in_turns(
        self, caller: Principal, items: Sequence[bytes], idempotency_key: bytes | None, traceparent: bytes, first: int = 0
    ) -> tuple[list[Accepted], list[Rejection], int]:
        """As `_judge`; the first item is at `first`. Whoever else wants the event loop gets it in between."""
        accepted: list[Accepted] = []
        rejected: list[Rejection] = []
        forbidden = size = begun = 0
        for end, item in enumerate(items, 1):
            size += len(item)
            if size > TURN_BYTES or end == len(items):
                more = self._judge(caller, items[begun:end], idempotency_key, traceparent, first + begun)
                accepted += more[0]
                rejected += more[1]
                forbidden += more[2]
                begun, size = end, 0
                await asyncio.sleep(0)
        return accepted, rejected, forbidden

    def _judge(
        self, caller: Principal, items: Sequence[bytes], idempotency_key: bytes | None, traceparent: bytes, first: int = 0
    ) -> tuple[list[Accepted], list[Rejection], int]:
        """Sort the items into accepted and rejected; the third is how many were rejected for want of a right."""
        judge = self._intake.judge_of(
            caller.tenant,
            source=f"/keys/{caller.key_id}",
            now=self._clock(),
            traceparent=traceparent,
            may_backfill="ingest:backfill" in caller.scopes,
        )
        accepted: list[Accepted] = []
        rejected: list[Rejection] = []
        forbidden = 0
        for index, item in enumerate(items, first):
            derived = None if idempotency_key is None else _derived_id(idempotency_key, index)
            try:
                accepted.append(judge(item, derived, index))
            except InvalidEvent as refused:
                forbidden += refused.reason == FORBIDDEN
                rejected.append(Rejection(index, _readable_id(item), [{"loc": list(e.loc), "msg": e.msg} for e in refused.errors]))
        return accepted, rejected, forbidden

    def _is_long(self, headers: Headers, content: bytes) -> bool:
        """Whether this is NDJSON of more lines than a request may have events."""
        return is_ndjson(headers) and content.count(b"\n") >= self._settings.max_events_per_request

    async def _take_stream(self, caller: Principal, headers: Headers, lines: Lines, traceparent: bytes) -> Answer:
        """Take NDJSON window by window; the answer comes when all of it is stored."""
        account = Account()
        try:
            while window := await lines.window():
                await self._may_go_on(caller, len(window))
                key = headers.get(b"idempotency-key")
                async with self._turn:
                    accepted, rejected, forbidden = await self._judge_in_turns(caller, window, key, traceparent, account.events)
                account.add_duplicates(await self._publish_patiently(caller.tenant, accepted))
                account.accepted += len(accepted)
                account.add_rejected(rejected, forbidden)
                account.events += len(window)
        except Problem as problem:
            raise account.cut_short(problem) from None
        except Unavailable as away:
            raise account.cut_short(unavailable(away)) from None
        if not account.accepted:
            raise _nothing_valid(account.rejected, all_forbidden=account.forbidden == account.rejected_count)
        return Answer(202, msgspec.json.encode(account.body()))

    async def _may_go_on(self, caller: Principal, count: int) -> None:
        """Wait until the rates let these events pass: a stream is read more slowly, not refused."""
        while (wait := self._rates.wait_seconds(caller.tenant, caller.key_id, time.monotonic())) > 0:  # noqa: ASYNC110 - time sets no event
            await asyncio.sleep(wait)
        self._rates.take(caller.tenant, caller.key_id, count, time.monotonic())

    def _remember(self, tenant: str, present: Sequence[Accepted]) -> list[int]:
        """Remember what is acknowledged; returns the places of those that had been before."""
        return sorted(item.place for item in present if self._recent.add((tenant, item.source, item.id), item.revision))

    async def _publish_patiently(self, tenant: str, accepted: Sequence[Accepted]) -> list[int]:
        """Publish all of these, again and again for a while when Kafka does not take them; returns the places of duplicates.

        Raises Unavailable when it is over.
        """
        duplicates: list[int] = []
        patience_ends = time.monotonic() + self._settings.stream_patience_seconds
        pauses = backoff()
        while accepted:
            try:
                present = await self._intake.publish(accepted, bulk=True)
            except Unavailable:
                if time.monotonic() > patience_ends:
                    raise
                present = ()
            duplicates += self._remember(tenant, present)
            stored = {item.place for item in present}
            accepted = [item for item in accepted if item.place not in stored]
            if accepted:
                await asyncio.sleep(next(pauses))
        return sorted(duplicates)

    def _partly(self, present: list[int], rejected: Sequence[Rejection]) -> Answer:
        """Rule 5: a part of the events is in the log. The client sends everything again, with the same ids."""
        problem = Problem(
            503,
            "partly_accepted",
            "only the events at accepted_indices are stored; send the request again with the same ids",
            more={"accepted_indices": sorted(present), "rejected": rejected},
        )
        return Answer(503, problem.body(), MEDIA_TYPE, ((b"retry-after", str(RETRY_AFTER_SECONDS).encode()),))


def _nothing_valid(rejected: Sequence[Rejection], *, all_forbidden: bool) -> Problem:
    errors = [FieldError((r.index, *error["loc"]), error["msg"]) for r in rejected for error in r.errors][:MAX_ERRORS_TOLD]
    more = {"accepted": 0, "duplicates": [], "rejected": rejected}
    if all_forbidden:
        return Problem(403, "forbidden", "this key may not send these events; see errors", errors=errors, more=more)
    return Problem(422, "no_valid_event", "no event could be taken; see errors", errors=errors, more=more)


def _readable_id(item: bytes) -> str | None:
    try:
        return msgspec.json.decode(item, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _derived_id(idempotency_key: bytes, index: int) -> str:
    """Rule 6: an id for an event without one, the same for the same idempotency key and index."""
    return hashlib.blake2b(b"%d:%s" % (index, idempotency_key), digest_size=16).hexdigest()

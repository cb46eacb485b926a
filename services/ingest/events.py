"""`POST /v1/events`: from a request's body to acknowledged records on Kafka.

The flow: `bodies.split` → `Intake.judge` every item → `Intake.publish` → the answer. The numbered
rules are in the design's contracts page; nothing is remembered as seen before its acknowledgement.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from services.ingest.bodies import split
from services.ingest.intake import FORBIDDEN, Accepted, Intake
from services.ingest.recent import RecentIds
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.errors import FieldError, InvalidEvent
from shared.web.access import Principal, check_scope
from shared.web.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS, Problem

MAX_ERRORS_TOLD = 100

Headers = Mapping[bytes, bytes]


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

    async def post(self, caller: Principal, headers: Headers, body: bytes, traceparent: bytes) -> Answer:
        """Take the events in `body`. Raises Problem when nothing was taken for a reason that concerns the whole request."""
        check_scope(caller, "ingest:write")
        items = split(headers, body)
        if len(items) > self._settings.max_events_per_request:
            raise Problem(
                413, "too_many_events", f"a request may hold {self._settings.max_events_per_request} events; send several requests"
            )
        accepted, rejected, forbidden = self._judge(caller, items, headers.get(b"idempotency-key"), traceparent)
        if not accepted:
            raise _nothing_valid(rejected, all_forbidden=forbidden == len(rejected))
        duplicates = [a.place for a in accepted if self._recent.holds((caller.tenant, a.source, a.id), a.revision)]
        present = await self._intake.publish(accepted)
        for item in present:
            self._recent.add((caller.tenant, item.source, item.id), item.revision)
        if len(present) < len(accepted):
            return self._partly([item.place for item in present], rejected)
        answer: dict[str, Any] = {"accepted": len(accepted), "duplicates": duplicates, "rejected": rejected}
        if b"return=representation" in headers.get(b"prefer", b""):
            ids = {item.place: item.id for item in accepted}
            answer["ids"] = [ids.get(index) for index in range(len(items))]
        return Answer(202, msgspec.json.encode(answer))

    def _judge(
        self, caller: Principal, items: Sequence[bytes], idempotency_key: bytes | None, traceparent: bytes
    ) -> tuple[list[Accepted], list[Rejection], int]:
        """Sort the items into accepted and rejected; the third is how many were rejected for want of a right."""
        now = self._clock()
        judge, source, may_backfill = self._intake.judge, f"/keys/{caller.key_id}", "ingest:backfill" in caller.scopes
        accepted: list[Accepted] = []
        rejected: list[Rejection] = []
        forbidden = 0
        for index, item in enumerate(items):
            derived = None if idempotency_key is None else _derived_id(idempotency_key, index)
            try:
                accepted.append(
                    judge(
                        caller.tenant,
                        item,
                        source=source,
                        id=derived,
                        now=now,
                        traceparent=traceparent,
                        place=index,
                        may_backfill=may_backfill,
                    )
                )
            except InvalidEvent as refused:
                forbidden += refused.reason == FORBIDDEN
                rejected.append(Rejection(index, _readable_id(item), [{"loc": list(e.loc), "msg": e.msg} for e in refused.errors]))
        return accepted, rejected, forbidden

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

"""Reading once more what was proven when it came, and reading on trial what a person pasted. Neither asks for a proof again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.adapter import NotProven, Outcome, Request, Unreadable
from services.ingest.adapters.signatures import without_proof
from services.ingest.channels.endpoint import OpenEndpoint
from services.ingest.channels.fetches import ask_for
from services.ingest.channels.judging import Judged, judge_events, judge_item, reason_of
from services.ingest.channels.kept import StoredRequest, drop_kept, explain_kept, take_kept
from services.ingest.channels.vendor_keys import VendorKeys
from services.ingest.intake import Intake
from shared.database.outbox import enqueue
from shared.delivery.secrets import SecretBox
from shared.errors import InvalidEvent


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one kept content: its events are in the outbox, or it still cannot be read, for this reason."""

    result: Literal["replayed", "unreadable", "unknown"]
    events: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What a pasted payload would become; `problem` says why it would become nothing."""

    outcome: Outcome | None = None
    judged: Judged | None = None
    problem: tuple[str, str] | None = None


async def replay_one(
    session: AsyncSession, intake: Intake, box: SecretBox, endpoint: OpenEndpoint, id: str, now: datetime, traceparent: bytes
) -> Replayed:
    """Read one kept content again; what can be read now leaves the list. Does not commit. Raises UnreadableSecret."""
    found = await take_kept(session, box, endpoint.tenant, endpoint.id, id)
    if found is None:
        return Replayed("unknown")
    kept, content = found
    try:
        if kept.kind == "event":
            outcome, judged = Outcome(), Judged([judge_item(intake, endpoint, content, now, traceparent)])
        else:
            outcome = _read(endpoint, msgspec.json.decode(content, type=StoredRequest).request())
            judged = await judge_events(intake, endpoint, outcome.events, now, traceparent)
    except InvalidEvent as invalid:
        return await _still(session, endpoint, id, reason_of(invalid))
    except (Unreadable, NotProven) as unread:
        return await _still(session, endpoint, id, str(unread))
    if judged.refused:
        return await _still(session, endpoint, id, judged.refused[0].reason)
    await enqueue(session, intake.spool_rows(judged.accepted))
    await ask_for(session, endpoint.tenant, endpoint.id, endpoint.channel, outcome.fetches)
    await drop_kept(session, endpoint.tenant, endpoint.id, id)
    return Replayed("replayed", len(judged.accepted))


async def try_request(
    intake: Intake, keys: VendorKeys, endpoint: OpenEndpoint, request: Request, traceparent: bytes, *, prove: bool
) -> Tried:
    """What a request would become; nothing of it is stored or sent. Raises Unavailable when a vendor's keys cannot be had."""
    receive = endpoint.adapter.receive
    if receive is None:
        return Tried(problem=("no_webhook", "this channel is polled; the vendor sends nothing to it"))
    try:
        outcome = receive(await keys.added(endpoint, request), endpoint.at(request.at)) if prove else _read(endpoint, request)
    except NotProven as refused:
        return Tried(problem=("not_proven", refused.reason))
    except Unreadable as unreadable:
        return Tried(problem=("unreadable", str(unreadable)))
    return Tried(outcome, await judge_events(intake, endpoint, outcome.events, request.at, traceparent))


def _read(endpoint: OpenEndpoint, request: Request) -> Outcome:
    receive = endpoint.adapter.receive
    if receive is None:
        raise Unreadable("this channel takes no requests any more")
    with without_proof():
        return receive(request, endpoint.with_all_secrets())


async def _still(session: AsyncSession, endpoint: OpenEndpoint, id: str, reason: str) -> Replayed:
    await explain_kept(session, endpoint.tenant, endpoint.id, id, reason)
    return Replayed("unreadable", reason=reason)

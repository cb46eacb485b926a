"""Reading once more what was proven when it came, and reading on trial what a person pasted. Neither asks for a proof again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.adapter import Call, ChannelEvent, Fetch, NotNow, NotProven, Outcome, Reply, Request, Unreadable
from services.ingest.adapters.signatures import without_proof
from services.ingest.channels.endpoint import OpenEndpoint
from services.ingest.channels.fetches import ask_for
from services.ingest.channels.judging import Judged, judge_events
from services.ingest.channels.kept import Step, StoredRequest, StoredStep, drop_kept, explain_kept, take_kept
from services.ingest.channels.vendor_keys import VendorKeys
from services.ingest.intake import Intake
from shared.database.outbox import enqueue
from shared.delivery.secrets import SecretBox


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
    fetches: Sequence[Fetch] = ()
    try:
        if kept.kind == "step":
            events = await _read_step(endpoint, msgspec.json.decode(content, type=StoredStep).step())
        else:
            outcome = _read(endpoint, msgspec.json.decode(content, type=StoredRequest).request())
            events, fetches = outcome.events, outcome.fetches
    except (Unreadable, NotProven, NotNow) as unread:
        return await _still(session, endpoint, id, str(unread))
    judged = await judge_events(intake, endpoint, events, now, traceparent)
    if judged.refused:
        return await _still(session, endpoint, id, judged.refused[0].reason)
    await enqueue(session, intake.spool_rows(judged.accepted))
    await ask_for(session, box, endpoint.tenant, endpoint.id, endpoint.channel, fetches)
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


async def _read_step(endpoint: OpenEndpoint, step: Step) -> Sequence[ChannelEvent]:
    """What the adapter makes of the vendor's answers now. What comes behind them is fetched in its own time, and not asked for here."""
    pull = endpoint.adapter.pull
    if pull is None:
        raise Unreadable("this channel fetches nothing any more")
    replies = iter(step.replies)

    async def answered(call: Call) -> Reply:
        reply = next(replies, None)
        if reply is None:
            raise Unreadable("the vendor would be asked for more now than was kept: replay the fetch instead")
        return reply

    pulled = await pull(step.fetch, endpoint.with_all_secrets(), answered, step.at)
    if odd := pulled.passed_over.get("unreadable"):
        raise Unreadable(f"{odd} of the items cannot be read")
    return pulled.events


async def _still(session: AsyncSession, endpoint: OpenEndpoint, id: str, reason: str) -> Replayed:
    await explain_kept(session, endpoint.tenant, endpoint.id, id, reason)
    return Replayed("unreadable", reason=reason)

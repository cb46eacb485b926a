"""What closed_loop does with a batch of feedback: open cases, stop clocks, follow revisions. Everything is decided by `seen`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.announcing import Announcement, Doing, announce, together
from services.closed_loop.configuration import Calendars, configurations
from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.decisions import Decision
from services.closed_loop.domain.feedback import (
    OPENING,
    Meaning,
    meaning_of,
    new_case,
    replied,
    revised,
    scores_of,
    turned_good,
    unreplied,
    words_of,
)
from services.closed_loop.domain.opening import Configuration, open_case
from services.closed_loop.domain.refusals import ClockRefused
from services.closed_loop.schema import seen_events
from services.closed_loop.store import CaseKey, add_files, clock_now, key_of, load, save, write_journal
from shared.contracts.decoding import Event, decode
from shared.contracts.identity import event_digest, event_hash
from shared.database.outbox import enqueue
from shared.database.seen import admit
from shared.errors import FieldError, InvalidEvent
from shared.kafka.batch import Received
from shared.loops import in_turns
from shared.observability.tracing import is_sampled

log = structlog.get_logger()


class _Seen(NamedTuple):
    """A row of `seen_events`."""

    tenant: str
    event: bytes
    revision: int
    meaning: Meaning
    case_id: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """An event that is new or a higher revision, with what it means now and what its lower revision meant."""

    event: Event
    meaning: Meaning
    case: str | None
    traceparent: bytes | None
    meant: Meaning | None = None
    meant_case: str | None = None

    @property
    def fact(self) -> str:
        """The id of the fact that a reply is to a clock."""
        return f"event:{event_hash(self.event.source, self.event.id)}"

    def doing(self) -> Doing:
        """For the journal."""
        actor = getattr(self.event.data, "person", None) or "customer"
        if self.event.type == "interaction.replied.v1" and actor == "customer":
            actor = self.event.data.by
        details: dict[str, Any] = {"source": self.event.source, "id": self.event.id, "revision": self.event.data.revision}
        return Doing(
            self.event.type, actor, self.event.source, words_of(self.event), {**details, **scores_of(self.event)}, self.traceparent
        )


@dataclass(slots=True)
class _Pass:
    """One batch on its way: locked files as they were and as they have become, and what is announced."""

    now: datetime
    loaded: dict[CaseKey, CaseFile] = field(default_factory=dict)
    files: dict[CaseKey, CaseFile] = field(default_factory=dict)
    announcements: list[Announcement] = field(default_factory=list)

    def take(self, decision: Decision, doing: Doing) -> None:
        """Carry a decision into the files."""
        announcement = announce(decision, doing, self.now)
        self.files[key_of(announcement.file)] = announcement.file
        self.announcements.append(announcement)


class ClosedLoopHandler:
    """The shared.kafka.batch.Handler of closed_loop."""

    read = staticmethod(decode)

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Act on what is new in the batch. Never commits; raises InvalidEvent when a clock of the tenant's policy can never run."""
        tenants = {received.event.tenant for received in batch}
        configured = await configurations(session, self._calendars, tenants)
        works = await _admitted(session, batch, configured)
        if not works:
            return
        going = _Pass(await clock_now(session))
        rest = await self._open(session, going, works, configured)
        going.loaded = await load(session, self._calendars, _cases_of(rest))
        going.files = dict(going.loaded)
        if rest:
            going.now = await clock_now(session)
        async for work in in_turns(rest):
            _follow(going, work, configured[work.event.tenant])
        await save(session, [(before, going.files[key]) for key, before in going.loaded.items() if going.files[key] != before])
        records, entries = together(going.announcements)
        await write_journal(session, entries)
        await enqueue(session, records)

    async def _open(
        self, session: AsyncSession, going: _Pass, works: Sequence[Work], configured: dict[str, Configuration]
    ) -> Sequence[Work]:
        """Open cases for those events that have none yet; returns the works that are left."""
        announced: dict[CaseKey, Announcement] = {}
        async for work in in_turns(works):
            if work.meaning in OPENING:
                decision = _opened(work, configured[work.event.tenant], going.now)
                opened = announce(decision, work.doing(), going.now)
                announced[key_of(opened.file)] = opened
        added = await add_files(session, [one.file for one in announced.values()])
        going.announcements += [one for key, one in announced.items() if key in added]
        return [work for work in works if work.meaning not in OPENING or CaseKey(work.event.tenant, str(work.case)) not in added]


async def _admitted(session: AsyncSession, batch: Sequence[Received], configured: dict[str, Configuration]) -> list[Work]:
    """The events that mean something and are new, in the order in which they came."""
    received_of: dict[_Seen, Received] = {}
    async for received in in_turns(batch):
        event = received.event
        meant = meaning_of(event, configured[event.tenant].policies.bad_answers)
        if meant is not None:
            row = _Seen(event.tenant, event_digest(event.source, event.id), event.data.revision, meant.meaning, meant.case)
            received_of.setdefault(row, received)
    admission = await admit(session, seen_events, list(received_of))
    works = {row: _work(received_of[row], row) for row in admission.fresh}
    for row, old in admission.revised:
        works[row] = replace(_work(received_of[row], row), meant=old.meaning, meant_case=old.case_id)
    return [works[row] for row in received_of if row in works]


def _work(received: Received, row: _Seen) -> Work:
    return Work(received.event, row.meaning, row.case_id, received.traceparent)


def _opened(work: Work, configuration: Configuration, now: datetime) -> Decision:
    assert work.meaning in ("complaint", "bad_answer")
    try:
        decision = open_case(new_case(work.event, work.meaning), configuration, now)
    except ClockRefused as refused:
        raise InvalidEvent(f"clock_{refused.kind}", [FieldError(refused.loc, str(refused))]) from refused
    if work.traceparent is None or not is_sampled(work.traceparent):
        return decision
    case = replace(decision.file.case, traceparent=work.traceparent.decode())
    return replace(decision, file=replace(decision.file, case=case))


def _cases_of(works: Sequence[Work]) -> set[CaseKey]:
    return {CaseKey(work.event.tenant, case) for work in works for case in (work.case, work.meant_case) if case is not None}


def _follow(going: _Pass, work: Work, configuration: Configuration) -> None:
    """What an event does to cases that exist."""
    event = work.event
    if work.meant == "reply" and (work.meaning, work.case) != ("reply", work.meant_case):
        answered = going.files.get(CaseKey(event.tenant, str(work.meant_case)))
        if answered is not None:
            going.take(unreplied(answered, work.fact, going.now), work.doing())
    file = going.files.get(CaseKey(event.tenant, str(work.case)))
    if file is None:
        if work.meaning == "reply":
            log.warning("an answer to a case that is not known", action="reply_without_case", tenant=event.tenant)
        return
    match work.meaning:
        case "reply":
            going.take(replied(file, event, work.fact, going.now), work.doing())
        case "complaint" | "bad_answer" as meaning:
            going.take(revised(file, new_case(event, meaning), going.now), work.doing())
        case "good_answer" if work.meant == "bad_answer":
            going.take(turned_good(file, going.now), work.doing())

"""What is still to be had from a vendor, and what each step of it comes to. Pure: no clock, no database, no network.

A job is a fetch that a request asked for, a poll that stands for ever, or the call that confirms a subscription. Each is one row,
worked on a step at a time under a lease; the number of its attempt tells whether a result is still wanted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.ingest.adapters.adapter import Fetch, Pulled
from shared.delivery.secrets import SecretBox

Kind = Literal["fetch", "poll", "confirm"]
State = Literal["waiting", "idle", "dead"]
PAGE_FAILURES = 5
"""A page of a poll that failed so often will never come (its token has expired, say): the next round begins at the cursor again."""

MOST_BROKEN_OFF = 5
"""A step over which so many processes ended is set aside: what it brings may be what ends them."""
SET_ASIDE_SECONDS = 6 * 3600.0
"""For so long a poll, which is never given up."""

Document = Mapping[str, Any]
"""A fetch as it is stored: {key, sealed}. Its arguments may name people and carry tokens, so they are sealed like secrets; one without any
has no `sealed`. `resumes` is true of what a request asked for: it begins with the cursor of the one before, its own arguments over it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `channel_fetches`, field by column."""

    tenant: str
    endpoint: str
    key: str
    channel: str
    kind: Kind
    state: State
    """idle: done, and kept because of the cursor in `first`."""
    first: Document
    """What the next round begins with: a poll's first fetch with its cursor; what cursor a fetch has left."""
    step: Document
    """What is called next."""
    again: Document | None
    """Asked for once more while it was under way."""
    begun: bool
    """Whether the present round has begun."""
    every_seconds: float | None
    round_at: datetime | None
    """When the present round of a poll, or the last one, began."""
    next_at: datetime
    attempt: int
    """Steps begun, ever. Only the one with this number may write its result."""
    failures: int
    """In a row."""
    broken_off: int
    """Steps begun since the last one that came to a result, this one included: more than one means that a process ended over it."""
    trying_since: datetime
    last_error: str | None
    created_at: datetime

    @property
    def suspect(self) -> bool:
        """Whether a process ended over its present step."""
        return self.broken_off > 1

    def fetch(self, box: SecretBox) -> Fetch:
        """The next step as the adapter takes it. Raises UnreadableSecret."""
        step = opened(box, self.step)
        if not self.step.get("resumes"):
            return step
        return Fetch(step.key, {**opened(box, self.first).arguments, **step.arguments})


@dataclass(frozen=True, slots=True)
class PullPolicy:
    """How steps are tried. A step must be over well before its lease: then nobody else can be at it."""

    lease_seconds: float = 90.0
    step_seconds: float = 60.0
    """For all calls of one step together."""
    call_seconds: float = 15.0
    at_once: int = 32
    """Steps at a time, in one process; one at a time for an endpoint."""
    first_retry_seconds: float = 2.0
    retry_factor: float = 2.0
    longest_retry_seconds: float = 900.0
    longest_retry_after_seconds: float = 6 * 3600.0
    """What a vendor may ask for with Retry-After."""
    give_up_seconds: float = 86_400.0
    """A fetch without a single good step for so long is dead. Polls are never given up."""

    def __post_init__(self) -> None:
        assert self.step_seconds < self.lease_seconds

    def retry_seconds(self, failures: int, retry_after: float | None, chance: float) -> float:
        """The wait after that many failures in a row; `chance` in [0, 1) spreads it over its upper half."""
        longest = min(self.first_retry_seconds * self.retry_factor ** min(failures - 1, 64), self.longest_retry_seconds)
        return max(longest * (0.5 + chance / 2), min(retry_after or 0.0, self.longest_retry_after_seconds))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step brought nothing. `detail` holds neither secrets nor personal data; `final`: trying again cannot help; `unreadable`: the
    vendor answered, and the answer is worth keeping."""

    detail: str
    retry_after_seconds: float | None = None
    final: bool = False
    unreadable: bool = False


SET_ASIDE = Failure("a process ended each time this step was tried; its log says why", SET_ASIDE_SECONDS, final=True)


def sealed(box: SecretBox, fetch: Fetch, *, resumes: bool = False) -> Document:
    """A fetch as it is stored."""
    document: dict[str, Any] = {"key": fetch.key}
    if fetch.arguments:
        document["sealed"] = box.seal(json.dumps(dict(fetch.arguments))).decode()
    return {**document, "resumes": True} if resumes else document


def opened(box: SecretBox, document: Document) -> Fetch:
    """A fetch from its document. Raises UnreadableSecret. Versions before this one stored `arguments` as they are."""
    arguments = json.loads(box.open(document["sealed"].encode())) if "sealed" in document else document.get("arguments", {})
    return Fetch(document["key"], arguments)


def after_step(job: Job, pulled: Pulled, box: SecretBox, now: datetime) -> Job | None:
    """The job after a good step, None when nothing of it is left."""
    if pulled.cursor is not None:
        job = replace(job, first=sealed(box, Fetch(job.key, pulled.cursor)))
    job = replace(job, failures=0, broken_off=0, last_error=None, trying_since=now, next_at=now)
    if pulled.then is not None:
        return replace(job, step=sealed(box, pulled.then))
    if job.kind == "poll":
        return replace(job, step=job.first, begun=False, next_at=_next_round(job, now))
    if job.again is not None:
        return replace(job, step=job.again, again=None, begun=False)
    has_cursor = "sealed" in job.first or job.first.get("arguments")
    return replace(job, state="idle", begun=False) if has_cursor else None


def after_failure(job: Job, failure: Failure, policy: PullPolicy, now: datetime, chance: float) -> Job:
    """The job after a step that brought nothing. A poll's round, once it failed at its first step, begins no sooner than it may."""
    failures = job.failures + 1
    job = replace(job, failures=failures, broken_off=0, last_error=failure.detail)
    next_at = now + timedelta(seconds=policy.retry_seconds(failures, failure.retry_after_seconds, chance))
    if job.kind == "poll":
        if failure.final or job.step == job.first or failures >= PAGE_FAILURES:
            return replace(job, step=job.first, begun=False, next_at=max(next_at, _next_round(job, now)))
        return replace(job, next_at=next_at)
    if failure.final or next_at - job.trying_since > timedelta(seconds=policy.give_up_seconds):
        return replace(job, state="dead", next_at=now)
    return replace(job, next_at=next_at)


def _next_round(job: Job, now: datetime) -> datetime:
    """A poll begins a round so many seconds after the beginning of the one before, never sooner."""
    return max(now, (job.round_at or now) + timedelta(seconds=job.every_seconds or 0.0))

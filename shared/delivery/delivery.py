"""What a delivery is, and what each attempt makes of it. Pure: no clock, no database, no network.

Sources: the `alerts` page of the design (leases, retries, supersession) and RFC 9110, 10.2.3 (Retry-After).
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Literal
from uuid import UUID

State = Literal["pending", "leased", "delivered", "superseded", "dead"]


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """The state of a group, for one receiver. A higher `sequence` of the same group and receiver is a newer state of it.

    `receiver` is the name under which the service knows where to send to: addresses and secrets are never in a delivery.
    `kind` is webhook, email or what else the service sends; `body` holds the bytes that its sender wants.
    """

    tenant: str
    group_key: str
    receiver: str
    kind: str
    sequence: int
    body: bytes

    @property
    def id(self) -> UUID:
        """The `webhook-id`: the same for the same tenant, group, receiver and sequence, however often it is made."""
        named = json.dumps([self.tenant, self.group_key, self.receiver, self.sequence]).encode()
        return UUID(bytes=blake2b(named, digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of `deliveries`, field by column."""

    id: UUID
    tenant: str
    group_key: str
    receiver: str
    kind: str
    sequence: int
    body: bytes
    state: State
    attempt: int
    """Attempts begun, ever. Only the attempt with this number may write a result."""
    failures: int
    """Attempts that failed since `trying_since`."""
    created_at: datetime
    trying_since: datetime
    """When it was made, or replayed last."""
    next_at: datetime
    """The instant of the next attempt; of a leased one the end of its lease."""
    lease_until: datetime | None = None
    """Set while an attempt may be under way, also after a newer delivery took this one's place."""
    first_failed_at: datetime | None = None
    """When the present run of failures began."""
    first_error: str | None = None
    last_error: str | None = None
    last_status: int | None = None
    finished_at: datetime | None = None
    dead_because: Literal["refused", "expired"] | None = None
    superseded_by: UUID | None = None
    traceparent: str | None = None
    """The trace that it was put in by, where that one is recorded."""


class Verdict(StrEnum):
    """What an attempt means: it arrived, it may arrive later, it never will."""

    DELIVERED = "delivered"
    AGAIN = "again"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt. `status` is HTTP's or SMTP's; `detail` says what happened and holds nothing personal.

    `address_is_dead`: it is the receiver's address that takes nothing, whoever writes and whatever is written.
    """

    verdict: Verdict
    detail: str
    status: int | None = None
    retry_after_seconds: float | None = None
    address_is_dead: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How deliveries are tried. An attempt must be over well before its lease: then nobody else can be sending it."""

    lease_seconds: float = 30.0
    timeout_seconds: float = 15.0
    per_receiver: int = 4
    """Requests to one receiver at a time, in one process."""
    at_once: int = 128
    """Requests at a time, in one process."""
    first_retry_seconds: float = 0.5
    retry_factor: float = 1.5
    longest_retry_seconds: float = 60.0
    longest_retry_after_seconds: float = 3600.0
    """What a receiver may ask for with Retry-After."""
    give_up_seconds: float = 86_400.0

    def __post_init__(self) -> None:
        assert self.timeout_seconds < self.lease_seconds

    def retry_seconds(self, failures: int, outcome: Outcome, chance: float) -> float:
        """The wait after that many failures, with jitter: `chance` in [0, 1) spreads it over its upper half."""
        exponent = min(failures - 1, 64)  # far beyond the longest wait, and no overflow
        longest = min(self.first_retry_seconds * self.retry_factor**exponent, self.longest_retry_seconds)
        asked = min(outcome.retry_after_seconds or 0.0, self.longest_retry_after_seconds)
        return max(longest * (0.5 + chance / 2), asked)


DEFAULT_POLICY = DeliveryPolicy()


def after_attempt(delivery: Delivery, outcome: Outcome, policy: DeliveryPolicy, now: datetime, chance: float) -> Delivery:
    """The delivery as its attempt leaves it.

    One that was superseded meanwhile is not tried again; if it arrived all the same, it says so.
    """
    delivery = replace(delivery, lease_until=None, last_status=outcome.status)
    if outcome.verdict is Verdict.DELIVERED:
        return replace(delivery, state="delivered", finished_at=now, first_failed_at=None, next_at=now)
    failed = replace(
        delivery,
        failures=delivery.failures + 1,
        first_failed_at=delivery.first_failed_at or now,
        first_error=delivery.first_error or outcome.detail,
        last_error=outcome.detail,
    )
    if delivery.state == "superseded":
        return failed
    if outcome.verdict is Verdict.REFUSED:
        return replace(failed, state="dead", dead_because="refused", finished_at=now)
    next_at = now + timedelta(seconds=policy.retry_seconds(failed.failures, outcome, chance))
    if next_at - delivery.trying_since > timedelta(seconds=policy.give_up_seconds):
        return replace(failed, state="dead", dead_because="expired", finished_at=now)
    return replace(failed, state="pending", next_at=next_at)

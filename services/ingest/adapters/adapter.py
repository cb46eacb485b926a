"""What an adapter is: a vendor's request in, verified canonical events out, nothing else.

An adapter is pure: it reads no clock, no database, no network. Proof comes first: `receive` verifies before it reads a byte of
meaning, and raises `NotProven` when it cannot. What it proved but cannot read it raises as `Unreadable`; that is kept and replayable.
Only `pull` talks, through the `Http` it is given, and keeps nothing: what it needs next time is in the `Fetch` it returns.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from shared.errors import HearbackError


class NotProven(HearbackError):
    """401: the sender is not proven, or the request is stale or was used before. `reason` is a metric's label: few words, no data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreadable(HearbackError):
    """The sender is proven, the content is not what the vendor sends. The text says what is wrong and holds no personal data."""


class NotNow(HearbackError):
    """A vendor says in a way of its own (200 with an error code) that it cannot answer now: the step of a pull comes again with back-off.
    The text holds no data."""


class Form(BaseModel):
    """The root of every adapter's `Secrets` and `Options`: frozen, nothing unknown; descriptions tell people where to find what."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoOptions(Form):
    """For adapters that need to be told nothing."""


S = TypeVar("S", bound=Form)
O = TypeVar("O", bound=Form)  # noqa: E741 - the pair is S and O


@dataclass(frozen=True, slots=True)
class Request:
    """A vendor's request as it came. `url` is the one that the vendor called, query included; header names are lower-case.

    `keys` is what the Call of `Adapter.keys` was answered, None where the adapter asked for nothing.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    keys: bytes | None = None


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[S, O]):
    """How one endpoint of a tenant is set up. `secrets` are those valid now, the newest first: two during a rotation.

    `zone` is where the vendor's zone-less times lie.
    """

    secrets: Sequence[S]
    options: O
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class ChannelEvent:
    """One canonical event: `id` is the same whenever the vendor sends it again, `data` is as contracts.md has it, JSON-ready, with its
    `channel`; a newer version of the same thing has a higher `data["revision"]`. Ids are text, also where the vendor sends numbers.

    `post` is the id of the post that a comment stands under, at any depth, for adapters that tell `Pulled.collected` of posts.
    """

    type: str
    id: str
    time: datetime
    data: Mapping[str, Any]
    post: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor expects to hear. Bodies are the vendor's: a challenge, an Ack, nothing."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Fetch:
    """Something still to be had from the vendor: `key` names it, one of a key is waiting at a time; `arguments` are JSON-ready."""

    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request amounts to. `once` is a token that no other request may carry again (Mailgun); `confirm` is a URL of the vendor's
    that has to be called to complete a subscription (SNS), already proven to be the vendor's. `passed_over` counts, by reason, what was
    understood and is no feedback: echoes of our own words, read receipts."""

    events: Sequence[ChannelEvent] = ()
    answer: Answer = Answer()
    fetches: Sequence[Fetch] = ()
    once: str | None = None
    confirm: str | None = None
    passed_over: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """An outgoing request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """The vendor's answer to a Call: always 2xx; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """The way out: guarded, with a size limit. Any answer but 2xx, and no answer, it raises itself, and the fetch comes again with
    back-off (a 429 or 503 not before the vendor's Retry-After)."""

    async def __call__(self, call: Call) -> Reply:
        """Send it and return the whole answer."""
        ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one step of a fetch brought; it is stored before the next step begins.

    `then` is the next step (the next page, or what is behind a thin item), None when the round is over. `cursor` are the arguments that
    the next round of a poll begins with, from now on; it is kept for a fetch that a request asked for, too, and when one of the same key
    is asked for again, it begins with these arguments and its own on top. `collected` is, where the vendor tells, by the id of a post:
    how many comments it says that exist; the share that we have (ChannelEvent.post) is shown beside it. `passed_over` counts, by reason,
    what is no feedback, and as "unreadable" what could not be read: one odd item on a page may not hold up all that come after it.
    """

    events: Sequence[ChannelEvent] = ()
    then: Fetch | None = None
    cursor: Mapping[str, Any] | None = None
    collected: Mapping[str, int] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Poll:
    """A standing fetch, begun again every so many seconds, never faster, with the arguments of the last `Pulled.cursor`."""

    first: Fetch
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Adapter(Generic[S, O]):
    """One vendor's channel. `receive` raises NotProven and Unreadable, `pull` raises Unreadable and NotNow.

    `setup` tells a person what to configure at the vendor and how to test it: one line a step, `{url}` is the address to paste.
    """

    name: str
    title: str
    secrets: type[S]
    options: type[O]
    receive: Callable[[Request, Endpoint[S, O]], Outcome] | None
    setup: Sequence[str]
    pull: Callable[[Fetch, Endpoint[S, O], Http, datetime], Awaitable[Pulled]] | None = None
    """One step: fetch, endpoint, the way out, now."""
    poll: Callable[[Endpoint[S, O]], Sequence[Poll]] | None = None
    kept: Answer | Callable[[Request], Answer] = Answer()
    """What the vendor hears when its request was proven and is kept as unreadable, so that it does not send it again and again."""
    unsigned_body: bool = False
    """Whether the proof does not cover the body, so that only TLS protects it; people are told."""
    keys: Callable[[Request, Endpoint[S, O]], Call | None] | None = None
    """Where the vendor publishes the public keys that this request says it is signed with: asked before `receive`, for vendors that
    sign with a private key (an SNS certificate, Google's OpenID keys). The request is not proven yet: the function raises NotProven
    for an address that is not the vendor's own, and returns None when the request cannot be proven anyway. The platform fetches the
    Call, keeps the body by its URL for at most an hour, and hands it over as `Request.keys`; when it cannot be had, the vendor hears
    503 and comes again. One URL is fetched once at a time, and few a minute for one endpoint, so that nobody makes us call at will."""

"""What the routes of endpoints take and answer."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.personal.phones import Home
from shared.contracts.fields import JsonObject, Name, Zone

CallsPerMinute = Annotated[int, Field(ge=1, le=6000, description="How often at most the vendor is called to fetch what it only announced")]
OverlapSeconds = Annotated[float, Field(ge=0, le=30 * 86_400, description="How long the present secrets stay valid beside the new ones")]
Country = Annotated[
    Home | None, Field(description="Where its phone numbers are that have no country code, ISO 3166; without one, in the tenant's country")
]

_EXAMPLE: dict[str, Any] = {"channel": "typeform", "name": "Service survey", "zone": "Europe/London", "secrets": {"secret": "…"}}


class NewEndpoint(BaseModel):
    """An endpoint to be made. `GET /v1/channels` has the JSON Schemas of `secrets` and `options` of each channel.

    Where the vendor tells its secret only to who has given it the URL, leave `secrets` out and give them with `rotate` afterwards.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    channel: Name
    name: Name
    zone: Zone = "UTC"
    country: Country = None
    secrets: JsonObject | None = None
    options: JsonObject = Field(default_factory=dict)
    calls_per_minute: CallsPerMinute = 60


class EndpointChange(BaseModel):
    """What is to be changed; options are replaced whole, and a country that is null is forgotten."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"zone": "Asia/Shanghai"}]})

    name: Name | None = None
    zone: Zone | None = None
    country: Country = None
    options: JsonObject | None = None
    calls_per_minute: CallsPerMinute | None = None


class NewSecrets(BaseModel):
    """The secrets from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"secrets": {"secret": "…"}}]})

    secrets: JsonObject
    overlap_seconds: OverlapSeconds = 86_400


class Pasted(BaseModel):
    """A request of the vendor's, to be tried. `headers` and `query` are needed where the channel reads them, and to check the proof."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"body": '{"event_type": "form_response"}'}]})

    body: Annotated[str, Field(max_length=1_000_000)]
    headers: dict[str, str] = Field(default_factory=dict)
    query: Annotated[str, Field(max_length=8192)] = ""
    method: str = "POST"
    verify: bool = False
    at: datetime | None = None


class EndpointView(BaseModel):
    """An endpoint without its secrets. `url` is what to paste at the vendor, `setup` what else to do there, and how to test; `error` says
    why it cannot be used as it is, and what to do."""

    id: str
    channel: str
    title: str
    name: str
    zone: str
    country: str | None
    options: dict[str, Any]
    calls_per_minute: int
    url: str | None
    setup: list[str]
    unsigned_body: bool
    version: int
    created_at: datetime
    updated_at: datetime
    former_secrets_until: datetime | None
    error: str | None = None


class Collected(BaseModel):
    """How many comments the vendor says that a post has, how many of them were taken, and what share that is."""

    post: str
    existing: int
    taken: int
    share: float | None
    told_at: datetime


class EndpointState(EndpointView):
    """What it has done so far. Counts are some seconds behind."""

    requests: int
    events: int
    refused: dict[str, int]
    passed_over: dict[str, int]
    last_received_at: datetime | None
    unreadable_kept: int
    fetches_waiting: int
    fetches_dead: int
    collected: list[Collected]


class EndpointPage(BaseModel):
    """One page of endpoints."""

    items: list[EndpointView]
    next: str | None


class ChannelView(BaseModel):
    """A channel, with what an endpoint of it wants to be told, as JSON Schema."""

    name: str
    title: str
    webhook: bool
    polled: bool
    unsigned_body: bool
    setup: list[str]
    secrets: dict[str, Any]
    options: dict[str, Any]


class ChannelList(BaseModel):
    """All channels of this version."""

    items: list[ChannelView]


class TriedEvent(BaseModel):
    """An event as it would be stored, or why it would not."""

    event: dict[str, Any]
    refused: str | None = None


class TriedView(BaseModel):
    """What the pasted request would become. `problem`: not_proven, unreadable or no_webhook, with its `detail`."""

    problem: str | None = None
    detail: str | None = None
    events: list[TriedEvent] = []
    passed_over: dict[str, int] = {}
    fetches: list[str] = []
    answer_status: int | None = None
    answer_body: str | None = None


class KeptView(BaseModel):
    """Something that was proven and could not be read. The same content again counts in `times`."""

    id: str
    kind: str
    reason: str
    size: int
    received_at: datetime
    last_at: datetime
    times: int


class KeptPage(BaseModel):
    """One page of what is kept."""

    items: list[KeptView]
    next: str | None


class ReplayView(BaseModel):
    """How many were read after all, the events they became, how many still cannot be read, and whether there are more to try."""

    replayed: int
    events: int
    unreadable: int
    reason: str | None = None
    next: str | None = None


class FetchView(BaseModel):
    """A fetch or a poll."""

    key: str
    kind: str
    state: str
    next_at: datetime
    attempts: int
    failures: int
    last_error: str | None
    created_at: datetime


class FetchPage(BaseModel):
    """One page of fetches."""

    items: list[FetchView]
    next: str | None


class FetchKeys(BaseModel):
    """Which dead fetches to try again; all when none is named."""

    model_config = ConfigDict(extra="forbid")

    keys: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=1000)] | None = None


class FetchesReplayed(BaseModel):
    """How many are tried again."""

    replayed: int

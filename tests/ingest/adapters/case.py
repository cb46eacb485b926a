"""What a vendor's test brings along: requests with what must become of them. `cases/<vendor>.py` holds them, found by registration.

Content is what mutations work on: the exact bytes of a sample, or what lies behind its encryption or envelope where `seal` says so.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Adapter, Answer, Call, Endpoint, Fetch, Form, NoOptions, Outcome, Request

SAMPLES = Path(__file__).with_name("samples")
UTC_ZONE = ZoneInfo("UTC")

Media = Literal["json", "form", "multipart", "xml", "none"]
"""The content's form; with "none" the request has no body and the content is its query string."""

Proof = tuple[str, Mapping[str, str]]
"""The URL with its query and the headers, names in lower case, with which the vendor would send a body."""


@dataclass(frozen=True)
class Seal:
    """A body that is an envelope or encrypted: `open` gives the content that mutations change, `close` makes a body of it again."""

    open: Callable[[bytes], bytes]
    close: Callable[[bytes], bytes]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request of a vendor: a sample, how it is proven, and all that becomes of it.

    `sign` gets the body as it goes over the wire (for media "none": the query string). `expected` are whole events: type, id, time (ISO
    8601), data. `identity` names the members that the events' ids are made of, `proof_members` those that belong to the proof: places as
    Node writes them ("form_response.token"), indices left out; for XML local names from below the root ("Body.notifications").
    `fresh_for` is how long a timestamped request may be on its way. `keys` are the public keys at the vendor, by URL. `wrong_secrets` is
    for secrets in which a changed character would not do. `name` tells two cases of one sample apart; `changed` makes of the sample what
    the samples do not show.
    """

    adapter: str
    sample: str
    secrets: Form
    at: datetime
    sign: Callable[[bytes], Proof]
    expected: Sequence[Mapping[str, Any]] = ()
    options: Form = field(default_factory=NoOptions)
    zone: ZoneInfo = UTC_ZONE
    method: str = "POST"
    media: Media = "json"
    answer: Answer = field(default_factory=Answer)
    fetches: Sequence[Fetch] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)
    once: str | None = None
    confirm: str | None = None
    covers_body: bool = True
    timestamped: bool = False
    fresh_for: timedelta = timedelta(minutes=15)
    identity: Sequence[str] = ()
    proof_members: Sequence[str] = ()
    seal: Seal | None = None
    wrong_secrets: Form | None = None
    keys: Mapping[str, bytes] = field(default_factory=dict)
    name: str = ""
    changed: Callable[[bytes], bytes] | None = None

    def __str__(self) -> str:
        return f"{self.sample} {self.name}".strip()

    @property
    def body(self) -> bytes:
        """The sample's exact bytes, or what `changed` makes of them."""
        exact = (SAMPLES / self.sample).read_bytes()
        return exact if self.changed is None else self.changed(exact)

    @property
    def content(self) -> bytes:
        """What mutations change."""
        return self.body if self.seal is None else self.seal.open(self.body)

    def closed(self, content: bytes) -> bytes:
        """The body that carries the content."""
        return content if self.seal is None else self.seal.close(content)

    def request(self, body: bytes, *, at: datetime | None = None, headers: Mapping[str, str] | None = None) -> Request:
        """The vendor's request with that body, signed for it; `headers` go over those of the proof."""
        url, proof = self.sign(body)
        sent = b"" if self.media == "none" else body
        return Request(self.method, url, {**proof, **(headers or {})}, sent, at or self.at)

    def endpoint(self, *secrets: Form) -> Endpoint[Any, Any]:
        """The endpoint with these secrets, or with the right ones."""
        return Endpoint(secrets or (self.secrets,), self.options, self.zone)

    def receive(self, request: Request, *secrets: Form) -> Outcome:
        """What the adapter makes of a request."""
        return _receive(self.adapter, request, self.endpoint(*secrets), self.keys)


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A published signature, or one that must not hold. `official` and `number` name it in test_vectors.json: its vendor and index there.

    Holding means that the proof is taken, whatever the adapter then makes of a body that is not the vendor's usual one.
    """

    adapter: str
    secrets: Form
    at: datetime
    url: str
    headers: Mapping[str, str]
    body: bytes
    holds: bool
    method: str = "POST"
    options: Form = field(default_factory=NoOptions)
    answer: Answer | None = None
    keys: Mapping[str, bytes] = field(default_factory=dict)
    official: str = ""
    number: int = 0
    name: str = ""

    def __str__(self) -> str:
        return f"{self.official or self.adapter} {self.name or self.number}"

    def receive(self) -> Outcome:
        """What the adapter makes of it."""
        request = Request(self.method, self.url, self.headers, self.body, self.at)
        return _receive(self.adapter, request, Endpoint((self.secrets,), self.options, UTC_ZONE), self.keys)


@dataclass(frozen=True, kw_only=True)
class Pull:
    """One step of a pull whose answer is a sample. `reply` gives the body for each call; the sample, where it is left out.

    Pages, errors and cursors are tested in pulls/; here every sample becomes its events, whole or mutilated. `identity` as in Case.
    """

    adapter: str
    sample: str
    secrets: Form
    at: datetime
    fetch: Fetch
    expected: Sequence[Mapping[str, Any]] = ()
    options: Form = field(default_factory=NoOptions)
    zone: ZoneInfo = UTC_ZONE
    reply: Callable[[Call, bytes], bytes] = lambda call, content: content
    identity: Sequence[str] = ()
    name: str = ""
    media: Media = "json"

    def __str__(self) -> str:
        return f"{self.sample} {self.name}".strip()

    @property
    def content(self) -> bytes:
        """The sample's exact bytes."""
        return (SAMPLES / self.sample).read_bytes()


def _receive(name: str, request: Request, endpoint: Endpoint[Any, Any], keys: Mapping[str, bytes]) -> Outcome:
    """As the platform does it: the keys that the adapter asks for are fetched before."""
    adapter = _adapter(name)
    assert adapter.receive is not None, f"{name} has no receive"
    call = None if adapter.keys is None else adapter.keys(request, endpoint)
    return adapter.receive(request if call is None else replace(request, keys=keys[call.url]), endpoint)


def _adapter(name: str) -> Adapter[Any, Any]:
    found = adapters().get(name)
    assert found is not None, f"there is no adapter {name}"
    return found


def event(type: str, id: str, time: str, **data: Any) -> dict[str, Any]:
    """An expected event; its time is one of 2026-03-19, in UTC, on which almost all samples were written."""
    return {"type": f"{type}.v1", "id": id, "time": f"2026-03-19T{time}+00:00", "data": data}


def with_members(sample: bytes, **members: Any) -> bytes:
    """A JSON sample with members replaced: `data__item__state="open"` steps into objects, None takes a member away."""
    root = json.loads(sample)
    for steps, value in members.items():
        *above, last = steps.split("__")
        holder = root
        for step in above:
            holder = holder[int(step) if isinstance(holder, list) else step]
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    return json.dumps(root).encode()

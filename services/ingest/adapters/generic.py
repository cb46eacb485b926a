"""Any sender with a JSON or form body: the endpoint's options map it to events and say how it proves itself.

Presets for systems whose bodies their administrators design are this adapter with a mapping to begin with.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, create_model, field_validator

from services.ingest.adapters.adapter import Adapter, Call, Endpoint, Form, Outcome, Request
from services.ingest.adapters.gathering import gathered
from services.ingest.adapters.mapped import Reading
from services.ingest.adapters.mapping import EventMapping
from services.ingest.adapters.node import json_body
from services.ingest.adapters.proofs import content, keys_of, prove
from services.ingest.adapters.schemes import Basic, HeaderToken, QueryToken, Scheme, SchemeSecrets, Sns
from services.ingest.adapters.sns import subscription

Events = Annotated[tuple[EventMapping, ...], Field(min_length=1, max_length=8, description="What a body becomes, one event or several")]


class Options(Form):
    """How the sender proves itself and what its bodies mean."""

    scheme: Scheme = HeaderToken()
    events: Events

    @field_validator("events")
    @classmethod
    def _told_apart(cls, events: tuple[EventMapping, ...]) -> tuple[EventMapping, ...]:
        if any(_may_be_one(first, second) for first, second in combinations(events, 2)):
            raise ValueError("two events of one body have the same id: give all but one an id_suffix")
        return events


def keys(request: Request, endpoint: Endpoint[SchemeSecrets, Options]) -> Call | None:
    """The public keys of schemes that have them."""
    return keys_of(request, endpoint.options.scheme, endpoint.secrets)


def receive(request: Request, endpoint: Endpoint[SchemeSecrets, Options]) -> Outcome:
    """The events that the mapping finds."""
    return received(request, endpoint.options, endpoint.secrets, endpoint.zone)


def received(request: Request, options: Options, secrets: Sequence[SchemeSecrets], zone: ZoneInfo) -> Outcome:
    """The same, for presets with options and secrets of their own."""
    signed_at = prove(request, options.scheme, secrets)
    about_itself = subscription(json_body(request.body)) if isinstance(options.scheme, Sns) else None
    return about_itself or gathered(Reading(signed_at, zone, request.at).events(content(request, options.scheme).value, options.events))


def _may_be_one(first: EventMapping, second: EventMapping) -> bool:
    """Whether one item can become both, with the same id."""
    same = (first.id, first.id_suffix, first.items) == (second.id, second.id_suffix, second.items)
    shared = first.only_if.keys() & second.only_if.keys()
    apart = any({word.lower() for word in first.only_if[path]}.isdisjoint(word.lower() for word in second.only_if[path]) for path in shared)
    return same and not apart


def preset(
    name: str, title: str, scheme: Scheme, events: tuple[EventMapping, ...], setup: Sequence[str]
) -> Adapter[SchemeSecrets, Options]:
    """A channel that begins with a scheme and a mapping of its own; an endpoint may replace both."""
    options = create_model(f"OptionsOf{name.title()}", __base__=Options, scheme=(Scheme, scheme), events=(Events, events))
    tokens = isinstance(scheme, HeaderToken | QueryToken | Basic)
    return Adapter(
        name=name, title=title, secrets=SchemeSecrets, options=options, receive=receive, setup=setup, keys=keys, unsigned_body=tokens
    )


ADAPTER = Adapter(
    name="generic",
    title="Any system with a JSON webhook",
    secrets=SchemeSecrets,
    options=Options,
    receive=receive,
    keys=keys,
    unsigned_body=True,
    setup=(
        "In the sender set up a webhook: POST, JSON, to {url}",
        "Let the sender sign the body if it can (hmac, ecdsa, standard_webhooks, twilio, sns); otherwise send this endpoint's secret in "
        "a header (header), as a password (basic), or in the URL behind ?token= (query)",
        "Write the mapping in the options: which event, its id, and the JSONPath of each field; the endpoint's /try shows what comes of it",
        "Test: send one, and look at the endpoint's counts; what the mapping could not read is kept and can be replayed",
    ),
)

"""Bytes to events and back: `admit` and `encode` at the edge, `decode` for readers, `encode_own` for our own services.

A fast typed decoder goes first. Whatever it refuses is parsed again by pydantic, whose verdict is final and whose findings are told.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast

import msgspec
from pydantic import BaseModel

from shared.contracts.derive import Family
from shared.contracts.envelope import Envelope, Submission
from shared.contracts.fields import Record
from shared.contracts.registry import EVENT_TYPES
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.contracts.verdict import judge_record, judge_submission
from shared.errors import FieldError, InvalidEvent

EARLIEST_TIME = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_RECEIVED = datetime(2200, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
LIVE_AGE = timedelta(days=3653)
"""Ten years, rounded up to whole days."""

Model = TypeVar("Model", bound=Record)

_NUL = rb"\u0000"
_REFUSED_FAST = (ValueError, KeyError, RecursionError)
"""msgspec's errors and those of undecodable bytes are ValueErrors; KeyError is an unknown type."""

_EDGE = Family(forbid_unknown_fields=True)
_READER = Family(forbid_unknown_fields=False)

if TYPE_CHECKING:

    class Event(Envelope[Any]):
        """To a type checker the derived struct is the envelope's model, which names the same attributes with the same types."""
else:
    Event = _READER.struct(Envelope)

_submission = msgspec.json.Decoder(_EDGE.struct(Submission)).decode
_event: Any = msgspec.json.Decoder(_READER.struct(Envelope)).decode
_edge_data = {name: msgspec.json.Decoder(_EDGE.struct(kind.data)).decode for name, kind in EVENT_TYPES.items() if kind.from_clients}
_encode = msgspec.json.Encoder().encode


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """What the edge accepted from a client. `data` is JSON as it is stored; `revision` and `customer_id` are copied out of it.

    `has_contact` says whether it names the customer's address or number.
    """

    id: str | None
    source: str | None
    type: str
    time: datetime
    subject: str | None
    tenant: str | None
    backfill: bool
    dataschema: str | None
    revision: int
    customer_id: str | None
    has_contact: bool
    data: bytes
    extensions: dict[str, str | int | bool]


def admit(item: bytes, now: datetime) -> Submitted:
    """Take one event of a client: a structured CloudEvent, or the shorthand `{type, time, data, id?, source?}`.

    Raises InvalidEvent with an error per field; reasons: too_large, too_deep, not_json, not_text, invalid_envelope, unknown_type,
    not_for_clients, invalid_data, time_out_of_range.
    """
    if len(item) > MAX_EVENT_BYTES:
        raise InvalidEvent("too_large", [FieldError((), f"an event may have {MAX_EVENT_BYTES} bytes")])
    extensions: dict[str, str | int | bool] = {}
    try:
        if b"\\" in item and _NUL in item:  # a single byte is looked for much faster
            raise ValueError("perhaps a NUL")
        envelope: Any = _submission(item)
        data: Any = _edge_data[envelope.type](envelope.data)
        stored = bytes(envelope.data)
    except _REFUSED_FAST:
        envelope = judge_submission(item)
        data, extensions = envelope.data, envelope.extensions
        stored = data.model_dump_json(exclude_defaults=True).encode()
    _check_age(envelope.time, now, envelope.backfill)
    customer = data.customer
    return Submitted(
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.time.astimezone(UTC),
        envelope.subject,
        envelope.tenant,
        envelope.backfill,
        envelope.dataschema,
        data.revision,
        None if customer is None else customer.id,
        customer is not None and (customer.email is not None or customer.phone is not None),
        stored,
        extensions,
    )


def encode(event: Submitted, *, id: str, source: str, tenant: str, receivedat: datetime) -> bytes:
    """The bytes that go on Kafka for an accepted event: a structured CloudEvent, extension attributes included."""
    written = _encode(
        Event(
            specversion="1.0",
            id=id,
            source=source,
            type=event.type,
            time=event.time,
            tenant=tenant,
            receivedat=receivedat,
            subject=event.subject,
            dataschema=event.dataschema,
            backfill=event.backfill,
            data=msgspec.Raw(event.data),
        )
    )
    return written[:-1] + b"," + _encode(event.extensions)[1:] if event.extensions else written


def decoder_of(*fields: str) -> Callable[[bytes | None], Event]:
    """A `decode` for who looks at these fields of `data` alone, several times as fast: others, and rules between fields, are passed over.

    What an event's type does not have is no attribute of its `data`.
    """
    return _decoder({name: _READER.part(kind.data, fields) for name, kind in EVENT_TYPES.items()})


def _decoder(data: Mapping[str, type[msgspec.Struct]]) -> Callable[[bytes | None], Event]:
    kinds: Mapping[str, Any] = _READER.kinds(Envelope, "type", data)
    read = msgspec.json.Decoder(Union[tuple(kinds.values())]).decode  # noqa: UP007 - the members are known only now

    def decode(value: bytes | None) -> Event:
        """Read one record of any of our topics; unknown fields are passed over, so that newer writers do not stop older readers.

        `data` is the struct derived from the type's model, with the same attributes. Raises InvalidEvent; reasons: empty (also a
        tombstone), not_json, not_text, too_deep, invalid_envelope, unknown_type, invalid_data, time_out_of_range.
        """
        if not value:
            raise InvalidEvent("empty", [FieldError((), "is a record without a value")])
        try:
            if b"\\" in value and _NUL in value:
                raise ValueError("perhaps a NUL")
            event: Event = read(value)
        except _REFUSED_FAST:
            model = judge_record(value)
            attributes = {name: getattr(model, name) for name in Envelope.model_fields if name != "type"}
            event = kinds[model.type](**{**attributes, "data": _READER.convert(model.data)})
        time, received = event.time, event.receivedat
        if not (time >= EARLIEST_TIME and received < LATEST_RECEIVED and (time <= received or time - received <= AHEAD)):
            raise InvalidEvent(
                "time_out_of_range", [FieldError(("time",), "must lie between the year 2000 and 5 minutes after receivedat")]
            )
        return event

    return decode


decode = _decoder({name: _READER.struct(kind.data) for name, kind in EVENT_TYPES.items()})


def fast(model: type[Model]) -> type[Model]:
    """The struct with a model's fields, for `encode_own`: made and written in a fifth of the time, and judged as it is written."""
    return cast(type[Model], _READER.struct(model))


def encode_own(
    type: str,
    *,
    id: str,
    source: str,
    tenant: str,
    time: datetime,
    data: BaseModel,
    subject: str | None = None,
    sequence: int | None = None,
    backfill: bool = False,
) -> bytes:
    """The bytes of an event of our own services, `data` being its type's model or the `fast` one; `receivedat` is its `time`.

    A wrong type or attribute is our own mistake: KeyError, TypeError or msgspec's ValidationError, never InvalidEvent.
    """
    model = EVENT_TYPES[type].data
    struct = fast(model)
    if not isinstance(data, (struct, model)):
        raise TypeError(f"{type} carries {model.__name__}, not {data.__class__.__name__}")
    judged = isinstance(data, model)
    written = _encode(
        Event(
            specversion="1.0",
            id=id,
            source=source,
            type=type,
            time=time,
            tenant=tenant,
            receivedat=time,
            subject=subject,
            sequence=sequence,
            backfill=backfill,
            data=msgspec.Raw(data.model_dump_json(exclude_defaults=True).encode()) if judged else data,
        )
    )
    event = _event(written)  # as a reader will: a struct itself takes anything
    if not judged:
        msgspec.json.decode(event.data, type=struct)
    return written


def _check_age(time: datetime, now: datetime, backfill: bool) -> None:
    if time > now + AHEAD:
        text = "is more than 5 minutes ahead of our clock; send when it happened, with the right offset"
    elif time < EARLIEST_TIME:
        text = "is before 2000-01-01; send when it happened"
    elif time < now - LIVE_AGE and not backfill:
        text = "is more than 10 years ago; send history with backfill: true"
    else:
        return
    raise InvalidEvent("time_out_of_range", [FieldError(("time",), text)])

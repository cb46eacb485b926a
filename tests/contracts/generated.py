"""Hypothesis strategies made from the pydantic models: valid data of any type, and events spoilt in one place."""

import json
import types
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from shared.contracts.fields import Record

INSTANTS = st.integers(-2_208_902_400, 7_258_032_000).map(lambda second: datetime.fromtimestamp(second, UTC).isoformat())
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)

_ANSWERS = st.one_of(
    st.builds(lambda score: {"question": "q", "instrument": "nps", "score": score}, st.integers(0, 10)),
    st.builds(
        lambda ends, part, instrument: {
            "question": "q",
            "instrument": instrument,
            "score": ends[0] + (ends[1] - ends[0]) * part,
            "scale_min": ends[0],
            "scale_max": ends[1],
            "polarity": "ease",
        },
        st.tuples(st.integers(-5, 1), st.integers(2, 10)),
        st.sampled_from([0, 0.25, 0.5, 1]),
        st.sampled_from(["csat", "ces", "likert"]),
    ),
    st.builds(lambda score: {"question": "q", "instrument": "yes_no", "score": score}, st.integers(0, 1)),
    st.builds(lambda text: {"question": "q", "instrument": "text", "text": text, "importance": 3.5}, TEXT),
)
_SCORES = st.builds(lambda score: {"dimension": "d", "score": score, "scale_min": 0, "scale_max": 1}, st.floats(0, 1))

_BY_RULE: dict[str, st.SearchStrategy[Any]] = {
    "Answer": _ANSWERS,
    "DimensionScore": _SCORES,
    "CommentPosted.rating": st.just(3),
    "CommentPosted.scale_min": st.just(1),
    "CommentPosted.scale_max": st.just(5),
    "MessageDeliveryFailed.case": st.just("case-1"),
}
"""Where a rule between fields must hold: a record or a field by name."""


def data_of(model: type[Record]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that the model accepts; optional fields are sometimes absent and sometimes null."""
    if model.__name__ in _BY_RULE:
        return _BY_RULE[model.__name__]
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        by_rule = next((_BY_RULE[f"{kind.__name__}.{name}"] for kind in model.__mro__ if f"{kind.__name__}.{name}" in _BY_RULE), None)
        if by_rule is not None:
            required[name] = by_rule
        else:
            (required if field.is_required() else optional)[name] = _values(field.annotation, field.metadata)
    return st.fixed_dictionaries(required, optional=optional)


def _values(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(arguments[0], [*arguments[1:], *metadata])
    limits = _limits(metadata)
    if origin in (Union, types.UnionType):
        return st.one_of(*(_values(member, []) for member in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_values(arguments[0], []), min_size=limits.get("min", 0), max_size=min(limits.get("max", 3), 3))
    if origin is dict and arguments[1] is Any:
        return st.dictionaries(TEXT, PLAIN_JSON, max_size=3)
    if origin is dict:
        return st.dictionaries(_values(arguments[0], []), _values(arguments[1], []), max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return data_of(annotation)
    if annotation is str and "pattern" in limits:
        return st.from_regex(limits["pattern"], fullmatch=True).filter(lambda text: "\0" not in text and len(text) <= limits.get("max", 99))
    if annotation is str:
        # lengths in code points are told by both sides; characters beyond the BMP count once
        return st.text(TEXT.filter(bool).map(lambda text: text[0]), min_size=limits.get("min", 0), max_size=min(limits.get("max", 9), 9))
    if annotation is int:
        return st.integers(limits["ge"], limits["le"])
    if annotation is float:
        return st.floats(limits.get("ge", -1e15), limits.get("le", 1e15)) | st.integers(int(limits.get("ge", -9)), int(limits.get("le", 9)))
    return {
        bool: st.booleans(),
        types.NoneType: st.none(),
        datetime: INSTANTS,
        date: st.dates(date(1900, 1, 1), date(2199, 1, 1)).map(str),
    }[annotation]


def _limits(metadata: list[Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for part in metadata:
        if isinstance(part, FieldInfo):
            limits |= _limits(part.metadata)
        elif isinstance(part, annotated_types.MinLen):
            limits["min"] = part.min_length
        elif isinstance(part, annotated_types.MaxLen):
            limits["max"] = part.max_length
        elif isinstance(part, annotated_types.Ge):
            limits["ge"] = part.ge
        elif isinstance(part, annotated_types.Le):
            limits["le"] = part.le
        elif isinstance(getattr(part, "pattern", None), str):
            limits["pattern"] = part.pattern
    return limits


_NASTY_TEXT = [
    "",
    "a\0b",
    "\\u0000",
    "\ud800",
    "x\udfff",
    "x" * 256,
    "x" * 300,
    "acme\n",
    "EUR\n",
    "2026-03-01",
    "2026-02-30",
    "2026-03-01T10:00:00",
    "2026-03-01 10:00:00.1234567+0530",
    "2026-03-01T10:00:00.9999995Z",
    "2026-03-01t10:00:60z",
    "2026-03-01T10:00Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+10:00",
    "1899-12-31T23:59:59Z",
    "1700000000",
]
_NASTY_NUMBERS = [0, -1, 1.0, 9.5, 11, -0.0, 1e-320, 1e308, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400, float("inf"), float("nan")]

_TRAPS: list[Any] = [*_NASTY_TEXT, *_NASTY_NUMBERS, None, True, {}, [], ["nps"], {"a": {"b": []}}]


def _instead_of(value: Any) -> st.SearchStrategy[Any]:
    """Values that decoders are known to disagree about, mostly of the same kind as the value they replace."""
    anything: st.SearchStrategy[Any] = st.sampled_from(_TRAPS) | PLAIN_JSON
    if isinstance(value, str):
        return st.one_of(TEXT, st.sampled_from(_NASTY_TEXT), TEXT.map(lambda more: value + more), anything)
    if isinstance(value, (int, float)):
        return st.one_of(st.integers(), st.floats(), st.sampled_from(_NASTY_NUMBERS), anything)
    return anything


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a JSON value, at any depth."""
    keys: Iterable[Any] = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def spoilt_everywhere(event: dict[str, Any]) -> Iterator[bytes]:
    """The event with each of the nasty values in each place, one at a time; and the same without that place."""
    event = json.loads(json.dumps(event))
    for container, key in list(_places(event)):
        kept = container[key]
        for trap in _TRAPS:
            container[key] = trap
            yield json.dumps(event).encode()
        container[key] = kept
        if isinstance(container, dict):
            del container[key]
            yield json.dumps(event).encode()
            container[key] = kept


@st.composite
def spoilt(draw: st.DrawFn, events: st.SearchStrategy[dict[str, Any]]) -> bytes:
    """An event with something replaced, removed or added somewhere, written in one of several ways."""
    event = json.loads(json.dumps(draw(events)))
    container, key = draw(st.sampled_from(list(_places(event))))
    match draw(st.integers(0, 6)):
        case 0:
            del container[key]
        case 1:
            added = draw(st.sampled_from(["extra", "revision", "backfill", "sequence", "data_base64", "tags", "Ünknown"]))
            (container if isinstance(container, dict) else event)[added] = draw(_instead_of(1))
        case _:
            container[key] = draw(_instead_of(container[key]))
    raw = json.dumps(event, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))).encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 5)):
        case 0:  # the first name once more, so that it is there twice
            again = json.dumps({next(iter(event), ""): draw(PLAIN_JSON)}).encode()
            return raw[:-1] + b"," + again[1:]
        case 1:
            cut = draw(st.integers(0, len(raw)))
            return raw[:cut] + draw(st.binary(max_size=3)) + raw[cut + draw(st.integers(0, 2)) :]
        case _:
            return raw

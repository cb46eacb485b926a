"""Whatever a proven sender sends, it ends in events that ingest takes, or in one of the two refusals. Nothing else, ever."""

import contextlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from services.ingest.adapters.adapter import NotNow, NotProven, Unreadable
from tests.ingest.adapters.case import Case, Media, Pull
from tests.ingest.adapters.cases import CASES, PULLS
from tests.ingest.adapters.judging import be_sound, take
from tests.ingest.adapters.pulling import at_once, step

SEED = 6
"""The same in every run, so that a run that fails can be done again."""

ODD_TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "1e300",
    "0001-01-01",
    "9999-12-31T23:59:59-12:00",
    "true",
    "\x00",
    "\ud800",
    "https://[",
    "a@b",
    "%zz",
    "//",
]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from(ODD_TEXTS)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)

EXAMPLES, EXAMPLES_OF_A_VARIANT = 40, 12
"""Of the sample itself, and of each case that is the sample with something changed."""


def fuzzed(name: str) -> settings:
    """How often a case is tried."""
    examples = EXAMPLES_OF_A_VARIANT if name else EXAMPLES
    return settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whatever_a_proven_sender_sends_ends_in_events_or_a_typed_refusal(case: Case) -> None:
    print(f"seed {SEED}")

    @seed(SEED)
    @fuzzed(case.name)
    @given(contents(case.media, case.content))
    def ends_well(content: bytes) -> None:
        with contextlib.suppress(NotProven, Unreadable):
            be_sound(case.receive(case.request(case.closed(content))), case.at, odd_times=True)

    ends_well()


@pytest.mark.parametrize("pull", PULLS, ids=str)
def test_whatever_a_vendor_answers_ends_in_events_or_a_typed_refusal(pull: Pull) -> None:
    print(f"seed {SEED}")

    @seed(SEED)
    @fuzzed(pull.name)
    @given(contents(pull.media, pull.content))
    def ends_well(content: bytes) -> None:
        with contextlib.suppress(Unreadable, NotNow):
            take(at_once(step(pull, content)).events, pull.at, odd_times=True)

    ends_well()


def contents(media: Media, sample: bytes) -> st.SearchStrategy[bytes]:
    """Arbitrary bytes, the sample with bytes changed, and the sample with members, fields or elements replaced by anything."""
    edited = st.lists(st.tuples(st.integers(0, max(0, len(sample) - 1)), st.binary(max_size=4)), min_size=1, max_size=4).map(_edit(sample))
    match media:
        case "json":
            count, replace = len(_places(json.loads(sample))), _replace(sample)
        case "xml":
            count, replace = len(list(ElementTree.fromstring(sample).iter())), _rewrite(sample)
        case "form" | "none":
            count, replace = len(parse_qsl(sample.decode(), keep_blank_values=True)), _refill(sample)
        case "multipart":
            return edited | edited | st.binary(max_size=200)
    replaced = st.lists(st.tuples(st.integers(0, count - 1), values), min_size=1, max_size=4).map(replace)
    return replaced | replaced | replaced | edited | values.map(_dump) | st.binary(max_size=200)


def _edit(sample: bytes) -> Callable[[list[tuple[int, bytes]]], bytes]:
    def edited(edits: list[tuple[int, bytes]]) -> bytes:
        content = sample
        for place, written in edits:
            content = content[:place] + written + content[place + len(written) :]
        return content

    return edited


def _replace(sample: bytes) -> Callable[[list[tuple[int, Any]]], bytes]:
    def replaced(replacements: list[tuple[int, Any]]) -> bytes:
        root = [json.loads(sample)]
        for place, value in replacements:
            found = _places(root[0])
            holder, key = found[place % len(found)] if found else (root, 0)
            holder[key] = value
        return _dump(root[0])

    return replaced


def _refill(sample: bytes) -> Callable[[list[tuple[int, Any]]], bytes]:
    def refilled(replacements: list[tuple[int, Any]]) -> bytes:
        fields = parse_qsl(sample.decode(), keep_blank_values=True)
        for place, value in replacements:
            fields[place] = fields[place][0], _text(value)
        return urlencode(fields).encode()

    return refilled


def _rewrite(sample: bytes) -> Callable[[list[tuple[int, Any]]], bytes]:
    def rewritten(replacements: list[tuple[int, Any]]) -> bytes:
        root = ElementTree.fromstring(sample)
        elements = list(root.iter())
        for place, value in replacements:
            elements[place].text = _text(value)
        return ElementTree.tostring(root, encoding="utf-8")

    return rewritten


def _text(value: Any) -> str:
    """A value as it would stand in a field: a text as it is, anything else as JSON."""
    written = value if isinstance(value, str) else json.dumps(value)
    return written.encode("utf-8", "replace").decode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Holder and key of every member."""
    members: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        members += [(value, key), *_places(value[key])]
    return members


def _dump(value: Any) -> bytes:
    return json.dumps(value, allow_nan=True).encode("utf-8", "surrogatepass")

"""Paths of users: what is taken, what is refused with the reason, and that no path costs more than a walk over the body."""

from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.jsonpaths import Work, checked, compiled, found

BODY: dict[str, Any] = {
    "id": 7,
    "a.b": 1,
    "list": [{"name": "csat", "value": 4}, {"name": "nps", "value": 9, "deep": {"x": True}}],
    "null": None,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [BODY]),
        ("$.id", [7]),
        ("$['a.b']", [1]),
        ("$.list[*].value", [4, 9]),
        ("$.list[-1].name", ["nps"]),
        ("$.list[0:1].value", [4]),
        ("$.list[?@.name == 'nps'].value", [9]),
        ("$.list[?@.value > 3 && !(@.name == 'csat')].deep.x", [True]),
        ("$.list[?@.deep].value", [9]),
        ("$.null", [None]),
        ("$.nothing.at.all", []),
        ("$.id.deeper", []),
    ],
)
def test_a_path_leads_to_what_rfc_9535_says(path: str, expected: list[Any]) -> None:
    assert list(found(path, BODY, Work())) == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "1 to 512 characters"),
        ("$" + ".a" * 300, "1 to 512 characters"),
        ("$" + ".a" * 40, "32 steps"),
        ("id", "is no JSONPath"),
        ("$.a |$.b", "is no JSONPath"),
        ("$.list[", "is no JSONPath"),
        ("$..value", ".. is not taken"),
        ("$[*, *][*, *]", "choose one thing"),
        ("$['a', 'b']", "choose one thing"),
        ("$.list[?match(@.name, '(a+)+$')]", "functions"),
        ("$.list[?length(@.name) > 1]", "functions"),
        ("$.list[?@.value == $.id]", "functions"),
        ("$.list[?@.deep[?@.x]]", "functions"),
        ("$.list[?@[*]]", "functions"),
        ("$[?" + " || ".join(["@.a"] * 17) + "]", "16 parts"),
        ("$[?(" * 100, "is no JSONPath"),
    ],
)
def test_a_path_that_cannot_be_read_or_costs_too_much_is_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace(".", r"\.")) as refused:
        checked(path)

    assert "\n" not in str(refused.value)


def test_a_text_is_never_read_as_json_of_its_own() -> None:
    assert list(found("$.a", '{"a": 1}', Work())) == []
    assert list(found("$", '{"a": 1}', Work())) == ['{"a": 1}']


@settings(max_examples=300, deadline=None, database=None)
@seed(9535)
@given(st.text(alphabet="$.[]*?@'\"=!<>&|() ab01,:-~^#", max_size=40))
def test_any_text_is_a_path_or_a_reason(text: str) -> None:
    print("seed 9535")

    try:
        compiled(text)
    except ValueError as refused:
        assert "\n" not in str(refused)
    else:
        assert list(found(text, BODY, Work())) is not None


WIDE = {"items": [{"id": number, "deep": {"x": [number] * 8}} for number in range(1000)]}


@pytest.mark.parametrize(
    ("path", "values"),
    [("$.items[7].deep.x[0]", 6), ("$.items[*].deep.x[*]", 10_001), ("$" + "[*]" * 32, 12_007), ("$.items[?@.id >= 0]", 32_000)],
)
def test_a_walk_costs_what_it_looks_at(path: str, values: int) -> None:
    enough, too_little = Work(values), Work(values // 2)

    list(found(path, WIDE, enough))

    with pytest.raises(Unreadable, match="too many values"):
        list(found(path, WIDE, too_little))


def test_all_paths_of_a_request_share_what_they_may_look_at() -> None:
    work = Work(25_000)

    list(found("$.items[*].deep.x[*]", WIDE, work))
    list(found("$.items[*].deep.x[*]", WIDE, work))

    with pytest.raises(Unreadable, match="too many values"):
        list(found("$.items[*].deep.x[*]", WIDE, work))

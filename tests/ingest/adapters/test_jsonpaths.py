"""Paths of users: what is taken, what is refused with the reason, and that no path costs more than a walk over the body."""

from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from services.ingest.adapters.jsonpaths import checked, compiled, found

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
    assert list(found(path, BODY)) == expected


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
    assert list(found("$.a", '{"a": 1}')) == []
    assert list(found("$", '{"a": 1}')) == ['{"a": 1}']


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
        assert list(found(text, BODY)) is not None


class Counted(dict[str, Any]):
    """An object that counts how often it is looked into."""

    looked = 0

    def _look(self) -> None:
        type(self).looked += 1

    def __getitem__(self, name: str) -> Any:
        self._look()
        return super().__getitem__(name)

    def items(self) -> Any:
        self._look()
        return super().items()


@pytest.mark.parametrize("path", ["$" + "[*]" * 32, "$" + "[?@.a || @.b || @.c]" * 20, "$[*][*][?@.a == @.b][*][*]"])
def test_no_path_looks_into_an_object_more_often_than_its_filters_have_parts(path: str) -> None:
    Counted.looked = 0

    def tree(depth: int) -> Counted:
        return Counted({name: tree(depth - 1) if depth else name for name in "abc"})

    body = tree(6)

    list(found(path, body))

    objects = sum(3**depth for depth in range(7))
    assert 0 < Counted.looked <= objects * 8

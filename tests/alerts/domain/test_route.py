"""Where an alert goes: matchers, nesting, continue, inheritance, groups."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.matchers import read_matcher
from services.alerts.domain.route import Timing, destinations, read_route
from services.alerts.domain.rule import RuleRefused

TREE: dict[str, Any] = {
    "receiver": "everybody",
    "group_by": ["alertname"],
    "routes": [
        {"matchers": ['source="clock"'], "receiver": "desk", "group_by": ["kind", "team"], "group_wait": "0s", "continue": True},
        {
            "matchers": ['severity=~"critical|error"'],
            "group_interval": "1m",
            "routes": [{"matchers": ["team=phone"], "receiver": "phone"}, {"matchers": ['team!~"ph.*"'], "receiver": "others"}],
        },
    ],
}


def places(**labels: str) -> list[tuple[str, str]]:
    return [(place.receiver, place.group_key) for place in destinations(read_route(TREE), {"alertname": "a", **labels})]


def test_what_no_route_takes_goes_to_the_root() -> None:
    assert places(severity="warning") == [("everybody", '{}:{alertname="a"}')]


def test_a_route_with_continue_lets_the_next_one_match_too() -> None:
    found = places(source="clock", severity="critical", team="phone", kind="first_response")

    assert found == [
        ("desk", '{}/{source="clock"}:{kind="first_response", team="phone"}'),
        ("phone", '{}/{severity=~"critical|error"}/{team=phone}:{alertname="a"}'),
    ]


def test_without_a_matching_child_the_parent_takes_it_and_the_first_matching_child_wins() -> None:
    assert [receiver for receiver, _ in places(severity="error", team="phantom")] == ["everybody"]
    assert [receiver for receiver, _ in places(severity="error", team="chat")] == ["others"]
    assert [receiver for receiver, _ in places(severity="error")] == ["others"]


def test_timing_is_inherited_piece_by_piece() -> None:
    [clock] = destinations(read_route(TREE), {"alertname": "a", "source": "clock"})
    [phone] = destinations(read_route(TREE), {"alertname": "a", "severity": "critical", "team": "phone"})

    assert clock.timing == Timing(group_wait=timedelta(0))
    assert phone.timing == Timing(group_interval=timedelta(minutes=1))


def test_every_label_can_be_grouped_by() -> None:
    [place] = destinations(read_route({"receiver": "r", "group_by": ["..."]}), {"b": "2", "a": "1"})

    assert place.labels == {"a": "1", "b": "2"}
    assert place.group_id("acme") != place.group_id("globex")


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({}, "the root names the receiver"),
        ({"receiver": "r", "matchers": ["a=b"]}, "the root takes every alert"),
        ({"receiver": "r", "routes": [{"matchers": ["no matcher"]}]}, "must look like"),
        ({"receiver": "r", "routes": [{"matchers": ['a=~"(x+)+"']}]}, "a pattern knows"),
        ({"receiver": "r", "group_wait": "soon"}, "group_wait: must be a length of time"),
        ({"receiver": "r", "group_by": ["not a label"]}, "group_by"),
        ({"receiver": "r", "mute": []}, "mute: Extra inputs"),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused_by_name(tree: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleRefused, match=says):
        read_route(tree)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ('a="x y"', "x y", True),
        ('a!="x"', "", True),
        ("a=", "", True),
        ('a=~"x.*|y"', "xyz", True),
        ('a=~"x.*|y"', "yy", False),
        ('a=~".*b.*"', "abc", True),
        ('a=~"ab.*bc"', "abc", False),
        ('a!~"x.*"', "ax", True),
        (r'a="say \"hi\""', 'say "hi"', True),
    ],
)
def test_matchers_compare_the_whole_value(text: str, value: str, holds: bool) -> None:
    assert read_matcher(text).holds({"a": value}) is holds


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), st.lists(st.text("abc", max_size=3), min_size=0, max_size=5))
def test_a_pattern_matches_what_is_put_together_from_its_pieces(pieces: list[str], between: list[str]) -> None:
    pattern = ".*".join(pieces)
    gaps = (between + [""] * len(pieces))[: len(pieces) - 1]
    text = "".join(piece + gap for piece, gap in zip(pieces, [*gaps, ""], strict=True))

    assert read_matcher(f'a=~"{pattern}"').holds({"a": text})
    assert not read_matcher(f'a=~"{pattern}"').holds({"a": text + "z"}) or (len(pieces) > 1 and pieces[-1] == "")

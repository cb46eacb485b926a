"""Questions about slices."""

import pytest

from services.scoring.domain.slices import TOTAL, Cut, CutRefused, cut


def test_no_filter_and_no_grouping_ask_for_the_total() -> None:
    assert cut([], []) == Cut(TOTAL, ("",))
    assert cut([], []).groups([]) == [({}, ("",))]


def test_one_value_is_named_in_the_slice_and_several_are_taken_together() -> None:
    assert cut(["channel:phone"], []).groups([]) == [({"channel": "phone"}, ("phone",))]
    assert cut(["channel:phone", "channel:chat", "channel:phone"], []).groups([]) == [({}, ("chat", "phone"))]


def test_a_grouping_has_an_item_for_every_observed_value_or_for_those_filtered() -> None:
    assert cut([], ["channel"]).groups(["web", "chat"]) == [({"channel": "chat"}, ["chat"]), ({"channel": "web"}, ["web"])]
    assert cut(["channel:sms"], ["channel"]).groups([]) == [({"channel": "sms"}, ["sms"])]
    assert cut([], ["channel"]).groups([]) == []


@pytest.mark.parametrize(("filters", "group_by", "parameter", "position"), [
    (["channel:phone", "weather:rain"], [], "filter", 1),
    (["channel"], [], "filter", 0),
    (["channel:"], [], "filter", 0),
    ([], ["channel", "weather"], "group_by", 1),
    ([], [TOTAL], "group_by", 0),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused_by_its_place(filters: list[str], group_by: list[str], parameter: str, position: int) -> None:
    with pytest.raises(CutRefused) as refused:
        cut(filters, group_by)

    assert (refused.value.parameter, refused.value.position) == (parameter, position)


def test_a_refused_dimension_is_told_which_exist() -> None:
    with pytest.raises(CutRefused, match="channel"):
        cut(["weather:rain"], [])

"""Shares of strata, and people known without their address."""

from math import ceil
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.people import Contact, address_of, contact_of, language_for, way_for
from services.ingest.surveys.domain.questions import LANGUAGES
from services.ingest.surveys.domain.sampling import Standing, Stratum, chance, quotas, wanted
from services.ingest.surveys.domain.templates import TEMPLATES
from services.ingest.surveys.domain.triggers import triggered
from shared.contracts.decoding import Event, decode
from shared.contracts.examples import EXAMPLES

STRATA = st.builds(Stratum, st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("12"))
BASES = st.dictionaries(STRATA, st.integers(0, 5000), max_size=12)


@given(st.integers(1, 3000), BASES)
def test_quotas_fill_the_target_in_proportion_and_never_exceed_the_base(target: int, base: dict[Stratum, int]) -> None:
    found = quotas(target, base)

    total, inhabited = sum(base.values()), [stratum for stratum, count in base.items() if count]
    assert sum(found.values()) == min(target, total)
    assert all(found[stratum] <= base[stratum] for stratum in base)
    if len(inhabited) <= target < total:
        assert all(found[stratum] >= 1 for stratum in inhabited)
        exact = {stratum: target * base[stratum] / total for stratum in inhabited}
        assert all(found[stratum] <= exact[stratum] + 1 for stratum in inhabited)


@given(st.text(max_size=20), st.text(max_size=20))
def test_chance_is_the_same_for_the_same_names(one: str, other: str) -> None:
    assert 0 <= chance(one, other) < 1
    assert chance(one, other) == chance(one, other)


def test_half_of_many_are_drawn_by_a_share_of_a_half() -> None:
    drawn = sum(chance("survey", str(number)) < 0.5 for number in range(10_000))

    assert 4800 < drawn < 5200


def test_a_stratum_that_has_its_part_of_the_answers_is_asked_no_more_and_another_still_is() -> None:
    big, small = Stratum("b", "", ""), Stratum("s", "", "")
    standings = {big: Standing(900, 400, 91), small: Standing(100, 40, 4)}

    assert not wanted(big, standings, 100, 1.0, 0.25, 0.5)
    assert wanted(small, standings, 100, 1.0, 0.25, 0.5)
    assert not wanted(small, standings, 94, 1.0, 0.25, 0.5)
    assert not wanted(small, standings, 100, 0.5, 0.25, 0.5)
    assert wanted(Stratum("new", "", ""), standings, 100, 1.0, 0.25, 0.5)


def test_who_may_still_answer_counts_by_the_share_that_does() -> None:
    here = Stratum("b", "", "")

    assert wanted(here, {here: Standing(1000, 400, 0, open=399)}, 100, 1.0, 0.25, 0.5)
    assert not wanted(here, {here: Standing(1000, 400, 0, open=400)}, 100, 1.0, 0.25, 0.5)
    assert not wanted(here, {here: Standing(1000, 400, 50, open=200)}, 100, 1.0, 0.25, 0.5)


@given(st.integers(1, 60), st.sampled_from([0.1, 0.25, 0.5, 1.0]), st.lists(st.sampled_from("aaab"), min_size=1000, max_size=1000))
def test_of_however_many_who_come_at_once_as_many_are_asked_as_the_target_needs(target: int, response: float, coming: list[str]) -> None:
    standings: dict[Stratum, Standing] = {}
    for name in coming:
        stratum = Stratum(name, "", "")
        chosen, was = wanted(stratum, standings, target, 1.0, response, 0.0), standings.get(stratum, Standing())
        standings[stratum] = was._replace(base=was.base + 1, open=was.open + chosen)

    assert sum(one.open for one in standings.values()) == ceil(target / response)


def test_a_person_is_the_same_under_every_spelling_and_the_keys_tell_no_address() -> None:
    one = Contact(email=" Ann@Example.com", phone="+49 151 1234")
    other = Contact(email="ann@example.com", phone="+491511234")

    assert one.keys == other.keys
    assert len(one.keys) == 2
    assert all("ann" not in key and "1234567" not in key for key in one.keys)


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        (Contact(email="a@b", phone="1"), "email"),
        (Contact(email="a@b", phone="1", preferred="sms"), "sms"),
        (Contact(email="a@b", preferred="sms"), "email"),
        (Contact(openid="o"), "wechat"),
        (Contact(phone="1", preferred="phone"), "call"),
        (Contact(phone="1"), "sms"),
        (Contact(), None),
    ],
)
def test_a_customer_is_reached_as_they_prefer_else_as_the_survey_does(contact: Contact, expected: str | None) -> None:
    ways: tuple[Way, ...] = ("email", "sms", "wechat", "call")
    possible = frozenset(way for way in ways if address_of(contact, way) is not None)

    assert way_for(contact, ways, possible) == expected


def test_a_way_that_is_not_set_up_is_not_used() -> None:
    assert way_for(Contact(email="a@b", phone="1"), ("email", "sms", "call"), frozenset({"call"})) == "call"


@pytest.mark.parametrize(
    ("wanted_language", "expected"),
    [(None, "en"), ("zh", "zh-Hans"), ("zh-CN", "zh-Hans"), ("zh_TW", "zh-Hans"), ("en-GB", "en"), ("de", "en"), ("", "en")],
)
def test_the_language_of_the_page(wanted_language: str | None, expected: str) -> None:
    assert language_for(wanted_language, LANGUAGES) == expected


def event(type: str, **data: Any) -> Event:
    example = {**EXAMPLES[type], "specversion": "1.0", "tenant": "acme", "receivedat": EXAMPLES[type]["time"], "source": "/s", "id": "1"}
    return decode(msgspec.json.encode({**example, "data": {**example["data"], **data}}))


def test_a_trigger_asks_for_its_type_and_for_the_values_it_names() -> None:
    ces = TEMPLATES["ces"].model_dump()
    narrow = TEMPLATES["ces"].model_validate(
        {**ces, "triggers": [{"type": "interaction.completed.v1", "where": {"channel": ["phone", "chat"], "customer.segment": ["vip"]}}]}
    )
    vip, other = (event("interaction.completed.v1", channel="chat", customer={"id": "c", "segment": name}) for name in ("vip", "other"))

    assert triggered(TEMPLATES["ces"], other)
    assert triggered(narrow, vip)
    assert not triggered(narrow, other)
    assert not triggered(TEMPLATES["ces"], event("feedback.idea_submitted.v1"))
    assert contact_of(vip.data.customer).customer == "c"

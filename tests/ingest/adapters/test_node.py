"""Reading what vendors send without trusting its shape."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.node import Node, full_name, id_of, json_body, paragraphs
from shared.contracts.fields import NAME_LENGTH, TEXT_LENGTH

UTC_ZONE = ZoneInfo("UTC")


def test_what_is_absent_or_null_is_none_at_any_depth() -> None:
    body = json_body(b'{"a": null, "b": {}, "c": []}')

    read = [body["a"]["x"]["y"].text(), body["b"]["x"].number(), body["c"][0]["x"].boolean(), body["c"][-1].id(), body["d"].iso(UTC_ZONE)]

    assert read == [None] * 5
    assert list(body["a"]) == list(body["a"].members()) == []


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda body: body["name"]["first"], "name should be an object"),
        (lambda body: list(body["name"]), "name should be a list"),
        (lambda body: body["list"][0]["x"], r"list\[0\] should be an object"),
        (lambda body: body["object"].text(), "object should be a text"),
        (lambda body: body["truth"].text(), "truth should be a text"),
        (lambda body: body["name"].number(), "name should be a number"),
        (lambda body: body["truth"].number(), "truth should be a number"),
        (lambda body: body["huge"].number(), "huge should be a number"),
        (lambda body: body["name"].boolean(), "name should be true or false"),
        (lambda body: body["name"].iso(UTC_ZONE), "name should be an ISO 8601 time"),
        (lambda body: body["huge"].epoch(), "huge should be"),
        (lambda body: body["negative"].seconds(), "negative should be a duration"),
        (lambda body: body["nothing"].required_id(), "nothing should be an id"),
        (lambda body: body["object"]["inner"].required_text(), "object.inner should be a text"),
        (lambda body: body["name"].wrong("a word") if body.here else None, "name should be a word"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_without_its_content(read: Any, told: str) -> None:
    body = json_body(b'{"name": "Emily", "list": [7], "object": {"inner": " "}, "truth": true, "huge": 1e999, "negative": -1}')

    with pytest.raises(Unreadable, match=f"^{told}") as refused:
        read(body)

    assert "Emily" not in str(refused.value)


def test_ids_keep_all_their_digits_and_become_texts() -> None:
    body = json_body(b'{"id": 9007199254740993123, "text": " 42 "}')

    assert (body["id"].id(), body["text"].id()) == ("9007199254740993123", "42")


def test_an_id_that_is_too_long_stays_one_of_its_kind() -> None:
    one, other = Node("x" * 300).id(), Node("x" * 301).id()

    assert one is not None and other is not None
    assert one != other
    assert one.startswith("sha256:")
    assert len(one) <= NAME_LENGTH


def test_a_text_that_is_too_long_is_cut_and_says_so() -> None:
    text, name = Node("长" * 200_000).text(), Node("n" * 300).name()

    assert text is not None and name is not None
    assert (len(text), text[-1]) == (TEXT_LENGTH, "…")
    assert (len(name), name[-1]) == (NAME_LENGTH, "…")


def test_nul_and_halves_of_surrogate_pairs_are_left_out() -> None:
    body = json_body(rb'{"text": "a\u0000b\ud83dc\ude00 \ud83d\ude00", "na\u0000me": 1}')

    assert body["text"].text() == "abc 😀"
    assert [name for name, _ in body.members()] == ["text", "name"]


@pytest.mark.parametrize(
    ("value", "number"),
    [(4, 4), (4.0, 4), ("4.5", 4.5), (" 7 ", 7), ("", None), ("  ", None), (None, None), (-0.5, -0.5)],
)
def test_a_number_may_come_as_text(value: object, number: float | None) -> None:
    assert Node(value).number() == number


@pytest.mark.parametrize(("value", "truth"), [(True, True), ("False", False), (" true ", True), ("", None), (None, None)])
def test_true_and_false_may_come_as_text(value: object, truth: bool | None) -> None:
    assert Node(value).boolean() is truth


@pytest.mark.parametrize(
    ("value", "tag"),
    [("en-US", "en-US"), ("zh_CN", "zh-CN"), ("zh-Hans", "zh-Hans"), ("english language", None), ("e", None), ("", None), (7, None)],
)
def test_a_language_is_a_tag_or_nothing(value: object, tag: str | None) -> None:
    assert Node(value).language() == tag


def test_what_cannot_be_an_address_or_a_number_of_a_phone_is_none() -> None:
    addresses = [Node(text).email() for text in ("emily@example.com", "emily", "a b@example.com", "")]
    phones = [Node(text).phone() for text in ("+14158675309", "0" * 65, "")]

    assert addresses == ["emily@example.com", None, None, None]
    assert phones == ["+14158675309", None, None]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"NaN", b'{"a": Infinity}', b"[" * 100_000, b'"\\ud800', b"1" * 5000])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^the body should be JSON$"):
        json_body(body)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
readings = st.sampled_from(
    [
        Node.text,
        Node.name,
        Node.id,
        Node.email,
        Node.phone,
        Node.language,
        Node.number,
        Node.seconds,
        Node.boolean,
        Node.epoch,
        lambda node: node.iso(UTC_ZONE),
        lambda node: node.rfc2822(UTC_ZONE),
        lambda node: [inner.text() for inner in node],
        lambda node: [inner.value for _, inner in node.members()],
        lambda node: node["a"][0]["b"].text(),
    ]
)


@given(values, readings)
def test_every_reading_of_every_value_ends_in_a_value_or_is_unreadable(value: object, read: Any) -> None:
    written = json.dumps(value).encode()  # also Infinity, which is no JSON

    try:
        found = read(json_body(written))
    except Unreadable:
        return

    if isinstance(found, str):
        assert found == found.strip() != ""
        found.encode()
        assert len(found) <= TEXT_LENGTH


def test_ids_made_of_parts_stay_apart_also_where_they_are_too_long() -> None:
    long = "x" * 256

    ids = {id_of("a", "b"), id_of("ticket", long + "1"), id_of("ticket", long + "2")}

    assert "a:b" in ids
    assert len(ids) == 3
    assert all(len(id) <= 256 for id in ids)


def test_names_and_paragraphs_are_made_of_the_parts_that_are_there() -> None:
    person = Node({"first": "Emily", "last": " ", "prefix": None})

    assert full_name(person["prefix"], person["first"], person["last"]) == "Emily"
    assert full_name(person["prefix"]) is None
    assert paragraphs("Subject", None, "Body") == "Subject\n\nBody"
    assert paragraphs(None, "") is None

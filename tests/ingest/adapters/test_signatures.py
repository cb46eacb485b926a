"""Constructions of signatures, with published values, and what is wrong with wrong ones."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.adapters.adapter import NotProven
from services.ingest.adapters.signatures import STALE_AFTER, base64_text, check_any, check_fresh, check_hmac, check_token

NOW = datetime(2026, 3, 19, 9, 34, 45, tzinfo=UTC)
WORLD = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""The published example of X-Hub-Signature-256."""
KEY = b"It's a Secret to Everybody"


def test_a_published_hmac_holds_in_hexadecimal_and_in_base64() -> None:
    check_hmac(WORLD, b"Hello, World!", [KEY], prefix="sha256=")
    check_hmac("/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k=", b"bodybodybodybody", [b"channel_secret"], written=base64_text)


def test_during_a_rotation_any_of_the_keys_may_have_signed() -> None:
    for keys in ([KEY, b"new"], [b"new", KEY]):
        check_hmac(WORLD, b"Hello, World!", keys, prefix="sha256=")


@pytest.mark.parametrize(
    ("sent", "signed", "keys", "reason"),
    [
        (None, b"Hello, World!", [KEY], "no_signature"),
        ("", b"Hello, World!", [KEY], "no_signature"),
        (WORLD, b"Hello, World?", [KEY], "wrong_signature"),
        (WORLD, b"Hello, World!", [b"other"], "wrong_signature"),
        (WORLD, b"Hello, World!", [], "wrong_signature"),
        (WORLD.removeprefix("sha256="), b"Hello, World!", [KEY], "wrong_signature"),
        (WORLD.upper(), b"Hello, World!", [KEY], "wrong_signature"),
        (WORLD + " ", b"Hello, World!", [KEY], "wrong_signature"),
        ("签名", b"Hello, World!", [KEY], "wrong_signature"),
        ("\ud800", b"Hello, World!", [KEY], "wrong_signature"),
    ],
)
def test_a_wrong_signature_is_refused_with_a_reason_that_holds_no_data(
    sent: str | None, signed: bytes, keys: list[bytes], reason: str
) -> None:
    with pytest.raises(NotProven) as refused:
        check_hmac(sent, signed, keys, prefix="sha256=")

    assert refused.value.reason == str(refused.value) == reason


def test_one_of_several_expected_texts_is_enough() -> None:
    check_any("b", ["a", "b"])
    with pytest.raises(NotProven, match="wrong_signature"):
        check_any("c", ["a", "b"])


@pytest.mark.parametrize(("sent", "reason"), [(None, "no_token"), ("", "no_token"), ("toke", "wrong_token"), ("\ud800", "wrong_token")])
def test_a_token_is_the_whole_token(sent: str | None, reason: str) -> None:
    check_token("token", ["other", "token"])
    with pytest.raises(NotProven) as refused:
        check_token(sent, ["other", "token"])

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("signed_at", "fresh"),
    [
        (NOW, True),
        (NOW - STALE_AFTER, True),
        (NOW + STALE_AFTER, True),
        (NOW - STALE_AFTER - timedelta(seconds=1), False),
        (NOW + STALE_AFTER + timedelta(seconds=1), False),
        (None, False),
    ],
)
def test_what_was_signed_long_ago_far_ahead_or_nobody_knows_when_is_stale(signed_at: datetime | None, fresh: bool) -> None:
    if fresh:
        check_fresh(signed_at, NOW)
    else:
        with pytest.raises(NotProven, match="stale"):
            check_fresh(signed_at, NOW)

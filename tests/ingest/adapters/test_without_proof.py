"""Reading without a proof holds for the block alone."""

from datetime import UTC, datetime

import pytest

from services.ingest.adapters.adapter import NotProven
from services.ingest.adapters.signatures import check_fresh, check_hmac, check_token, proof_asked_for, without_proof

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def check_all() -> None:
    check_hmac(None, b"body", [b"key"])
    check_token("wrong", ["right"])
    check_fresh(None, NOW)


def test_without_proof_nothing_is_asked_for_and_afterwards_everything_is_again() -> None:
    with pytest.raises(ZeroDivisionError), without_proof():
        check_all()
        raise ZeroDivisionError

    assert proof_asked_for()
    for reason, check in (
        ("no_signature", lambda: check_hmac(None, b"body", [b"key"])),
        ("wrong_token", lambda: check_token("wrong", ["right"])),
        ("stale", lambda: check_fresh(None, NOW)),
    ):
        with pytest.raises(NotProven, match=reason):
            check()

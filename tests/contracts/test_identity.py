"""An event's identity is its source and id, unambiguously; a partition belongs to one tenant's customer."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.identity import address_hash, event_digest, event_hash, partition_key
from tests.contracts.generated import TEXT


def test_the_hash_of_an_event_never_changes_between_releases() -> None:
    # every `seen` table is keyed by it: another value would count all history twice
    assert event_hash("/crm", "e-1") == uuid.UUID("19bc8d07-7884-5fc7-418b-cd02414691c3")
    assert event_digest("/crm", "e-1").hex() == "19bc8d0778845fc7418bcd02414691c3"


@given(TEXT, TEXT, TEXT, TEXT)
def test_two_events_share_a_hash_only_when_source_and_id_are_equal(source: str, id: str, other_source: str, other_id: str) -> None:
    same = (source, id) == (other_source, other_id)

    assert (event_hash(source, id) == event_hash(other_source, other_id)) == same


@given(st.text("ab", max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_where_the_source_ends_is_part_of_the_identity(joined: str, one: int, other: int) -> None:
    one, other = min(one, len(joined)), min(other, len(joined))

    same = event_hash(joined[:one], joined[one:]) == event_hash(joined[:other], joined[other:])

    assert same == (one == other)


def test_the_key_is_the_customer_and_the_event_itself_when_anonymous() -> None:
    assert partition_key("acme", "müller:7", "e-1") == "acme:müller:7".encode()
    assert partition_key("acme", None, "e-1") == b"acme:e-1"


def test_an_address_has_one_hash_however_it_is_written() -> None:
    # deliveries that failed are known by it, also those of last year
    assert address_hash(" Emily@Example.com ") == address_hash("emily@example.com")
    assert address_hash("emily@example.com") == "6599ce4d8f9d3289820e0af8c795c5a06bdb512fe9cd3baaaeb132d35e641b09"

"""`seen` decides by (tenant, event, revision) and nothing else, also when two consumers meet the same event at once."""

import asyncio
import random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database.engine import Sessions
from shared.database.seen import Admission, admit
from tests.shared.tables import Note, notes


def note(event: int, revision: int = 1, words: tuple[str, ...] = (), tenant: str = "acme") -> Note:
    return Note(tenant, event.to_bytes(16, "big"), revision, words)


def number(row: Note) -> int:
    return int.from_bytes(row.event, "big")


async def admit_all(sessions: Sessions, *rows: Note) -> Admission[Note]:
    async with sessions.begin() as session:
        return await admit(session, notes, rows)


async def stored(sessions: Sessions) -> dict[tuple[str, int], tuple[int, list[str]]]:
    async with sessions() as session:
        rows = await session.execute(sa.select(notes))
        return {(row.tenant, row.event.int): (row.revision, row.words) for row in rows}


async def test_what_was_never_seen_is_fresh_and_stored(sessions: Sessions) -> None:
    admission = await admit_all(sessions, note(1), note(2, words=("a", "b")))

    assert [number(row) for row in admission.fresh] == [1, 2]
    assert list(admission.revised) == []
    assert await stored(sessions) == {("acme", 1): (1, []), ("acme", 2): (1, ["a", "b"])}


async def test_the_same_or_a_lower_revision_changes_nothing(sessions: Sessions) -> None:
    await admit_all(sessions, note(1, revision=3, words=("kept",)))

    admission = await admit_all(sessions, note(1, revision=3, words=("same",)), note(1, revision=2, words=("older",)))

    assert (list(admission.fresh), list(admission.revised)) == ([], [])
    assert await stored(sessions) == {("acme", 1): (3, ["kept"])}


async def test_a_higher_revision_replaces_and_hands_back_what_it_replaced(sessions: Sessions) -> None:
    await admit_all(sessions, note(1, words=("old",)))

    admission = await admit_all(sessions, note(1, revision=2, words=("new",)), note(2))

    assert [(new.words, old.words) for new, old in admission.revised] == [(("new",), ["old"])]
    assert [number(row) for row in admission.fresh] == [2]
    assert await stored(sessions) == {("acme", 1): (2, ["new"]), ("acme", 2): (1, [])}


async def test_the_same_event_of_two_tenants_is_two_events(sessions: Sessions) -> None:
    await admit_all(sessions, note(1))

    admission = await admit_all(sessions, note(1, tenant="other"))

    assert [row.tenant for row in admission.fresh] == ["other"]


async def test_a_batch_of_many_tenants_tells_for_each_what_is_fresh_seen_and_revised(sessions: Sessions) -> None:
    tenants = ["z", "acme", "m-1", "äthiopien"]
    await admit_all(sessions, *(note(event, tenant=tenant) for tenant in tenants[:3] for event in (1, 2)))

    admission = await admit_all(sessions, *(note(event, 1 + (event == 2), tenant=tenant) for tenant in tenants for event in (3, 2, 1)))

    fresh = {(row.tenant, number(row)) for row in admission.fresh}
    assert fresh == {(tenant, 3) for tenant in tenants} | {("äthiopien", 1), ("äthiopien", 2)}
    assert {(new.tenant, number(new), old.revision) for new, old in admission.revised} == {(t, 2, 1) for t in tenants[:3]}


async def test_of_one_batch_the_highest_revision_counts_once(sessions: Sessions) -> None:
    admission = await admit_all(sessions, note(1), note(1, revision=4, words=("last",)), note(1, revision=2))

    assert [row.revision for row in admission.fresh] == [4]
    assert await stored(sessions) == {("acme", 1): (4, ["last"])}


async def test_a_rolled_back_batch_is_fresh_again(sessions: Sessions) -> None:
    async with sessions() as session:
        await admit(session, notes, [note(1)])
        await session.rollback()

    admission = await admit_all(sessions, note(1))

    assert len(admission.fresh) == 1


async def test_two_consumers_with_the_same_events_admit_each_once(sessions: Sessions) -> None:
    rng = random.Random(3)
    rows = [note(number, revision) for number in range(300) for revision in (1, 2)]
    batches = [rng.sample(rows, len(rows)) for _ in range(2)]

    admissions = await asyncio.gather(*(admit_all(sessions, *batch) for batch in batches))

    fresh = [number(row) for admission in admissions for row in admission.fresh]
    assert sorted(fresh) == list(range(300))
    assert all(revision == 2 for revision, _ in (await stored(sessions)).values())


async def test_two_consumers_with_different_revisions_of_what_is_stored_leave_the_higher_and_tell_each_step(sessions: Sessions) -> None:
    await admit_all(sessions, *(note(event) for event in range(300)))

    second, third = await asyncio.gather(*(admit_all(sessions, *(note(event, revision) for event in range(300))) for revision in (2, 3)))

    assert {revision for revision, _ in (await stored(sessions)).values()} == {3}
    steps = sorted((number(new), old.revision, new.revision) for admission in (second, third) for new, old in admission.revised)
    one_step = [(event, 1, 3) for event in range(300)]
    two_steps = sorted([(event, 1, 2) for event in range(300)] + [(event, 2, 3) for event in range(300)])
    assert steps in (one_step, two_steps)
    assert [*second.fresh, *third.fresh] == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4)), max_size=30), cut=st.integers(1, 8), seed=st.integers(0, 10**6))
async def test_any_order_and_any_batches_end_in_the_same_state(
    sessions: Sessions, arrivals: list[tuple[int, int]], cut: int, seed: int
) -> None:
    async with sessions.begin() as session:
        await session.execute(sa.delete(notes))
    shuffled = random.Random(seed).sample(arrivals, len(arrivals))

    balance: dict[int, int] = {}
    for at in range(0, len(shuffled), cut):
        admission = await admit_all(sessions, *(note(event, revision) for event, revision in shuffled[at : at + cut]))
        for row in admission.fresh:
            balance[number(row)] = balance.get(number(row), 0) + row.revision
        for new, old in admission.revised:
            balance[number(new)] += new.revision - old.revision

    highest = {event: max(revision for other, revision in arrivals if other == event) for event, _ in arrivals}
    assert balance == highest
    assert {event: revision for (_, event), (revision, _) in (await stored(sessions)).items()} == highest


async def test_a_row_that_the_database_refuses_is_not_taken_for_a_duplicate(sessions: Sessions) -> None:
    with pytest.raises(Exception, match="0x00"):
        await admit_all(sessions, note(1, words=("a\x00b",)))

"""The handler on a real database: whatever arrives, however often and wherever, the numbers are those of an independent count."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from services.scoring.consumer import ScoringHandler
from services.scoring.domain.instruments import UNIT
from services.scoring.domain.observations import observation
from services.scoring.domain.slices import TOTAL, Slice
from services.scoring.domain.windows import Minutes, minute_of
from services.scoring.sources import writer_of
from services.scoring.store import histograms
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from shared.database.engine import Sessions
from shared.kafka.batch import Received
from tests.scoring.events import NOON, Said, latest, scores_in

START = minute_of(NOON)
CHANNELS = ("phone", "chat", "web")


def received(said: Said, partition: int = 0, topic: str = FEEDBACK_EVENTS, tenant: str = "acme") -> Received:
    return Received(observation(said.event(tenant)), topic, partition, 0, NOON)


async def apply(sessions: Sessions, handler: ScoringHandler, batch: Sequence[Received]) -> None:
    async with sessions.begin() as session:
        await handler.apply(session, batch)


async def counted(
    sessions: Sessions, measure: str, first: int, end: int, channel: str | None = None, tenant: str = "acme"
) -> dict[int, int]:
    line = Slice(tenant, measure, *((TOTAL, "") if channel is None else ("channel", channel)))
    async with sessions.begin() as session:
        found = await histograms(session, [line], {"asked": Minutes(START + first, START + end)})
    return found.get((line, "asked"), {})


def spoken(random: random.Random, events: int) -> list[Said]:
    return [
        Said(
            id=f"e{number}",
            revision=revision,
            minute=random.randint(-4000, 4000),
            channel=random.choice(CHANNELS),
            scores=tuple(random.randint(0, 10) for _ in range(random.randint(0, 3))),
        )
        for number in range(events)
        for revision in range(1, random.choice((2, 2, 2, 3, 4)))
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_order_twice_over_partitions_and_replicas_gives_an_independent_count(sessions: Sessions, seed: int) -> None:
    chance = random.Random(seed)
    said = spoken(chance, 300)
    delivered = said * 2
    chance.shuffle(delivered)
    replicas = [ScoringHandler(), ScoringHandler()]
    places = [(partition, FEEDBACK_EVENTS) for partition in range(3)] + [(0, FEEDBACK_BACKFILL)]

    while delivered:
        batch, delivered = delivered[:50], delivered[50:]
        halves = [[received(one, *chance.choice(places)) for one in half] for half in (batch[::2], batch[1::2])]
        await asyncio.gather(*(apply(sessions, replica, half) for replica, half in zip(replicas, halves, strict=True)))

    for first, end in ((-4000, 4001), (-60, 0), (-1440, 1), (17, 2999)):
        for channel in (None, *CHANNELS):
            expected = {score * UNIT: count for score, count in scores_in(said, first, end, channel).items()}
            assert await counted(sessions, "nps", first, end, channel) == expected
    complaints = sum(not one.scores for one in latest(said))
    assert await counted(sessions, "complaints", -4000, 4001) == {0: complaints}


async def test_a_redelivered_batch_changes_nothing(sessions: Sessions) -> None:
    handler = ScoringHandler()
    batch = [received(Said(f"e{n}", 1, n, "phone", (n % 11,)), partition=n % 2) for n in range(40)]
    await apply(sessions, handler, batch)
    before = await _everything(sessions)

    await apply(sessions, handler, batch)

    assert await _everything(sessions) == before


async def test_a_revision_from_another_partition_writes_into_its_own_rows(sessions: Sessions) -> None:
    handler = ScoringHandler()
    await apply(sessions, handler, [received(Said("a", 1, 0, "phone", (2,)), partition=1)])

    await apply(sessions, handler, [received(Said("a", 2, -300, "chat", (9,)), partition=2)])

    assert await counted(sessions, "nps", -400, 1) == {9 * UNIT: 1}
    assert await counted(sessions, "nps", 0, 1) == {}
    assert await counted(sessions, "nps", -400, 1, "phone") == {}
    async with sessions.begin() as session:
        amounts = (await session.execute(text("SELECT writer, component, amount FROM buckets WHERE level = 1 ORDER BY 1, 2"))).all()
    assert set(amounts) == {(1, 2 * UNIT, 1), (2, 2 * UNIT, -1), (2, 9 * UNIT, 1)}


async def test_what_a_rolled_back_transaction_made_is_made_again(sessions: Sessions) -> None:
    handler = ScoringHandler()
    batch = [received(Said("a", 1, 0, "phone", (9,)))]
    async with sessions() as session:
        await handler.apply(session, batch)
        await session.rollback()

    await apply(sessions, handler, batch)

    assert await counted(sessions, "nps", 0, 1) == {9 * UNIT: 1}


async def test_two_replicas_that_meet_a_new_slice_at_once_share_its_id(sessions: Sessions) -> None:
    first, second = ScoringHandler(), ScoringHandler()
    async with sessions() as open_session:
        await first.apply(open_session, [received(Said("a", 1, 0, "phone", (9,)), partition=1)])
        waiting = asyncio.create_task(apply(sessions, second, [received(Said("b", 1, 0, "phone", (9,)), partition=2)]))
        await asyncio.sleep(0.05)
        await open_session.commit()
    await waiting

    assert await counted(sessions, "nps", 0, 1, "phone") == {9 * UNIT: 2}


async def test_tenants_with_the_same_event_ids_are_counted_apart(sessions: Sessions) -> None:
    handler = ScoringHandler()

    await apply(sessions, handler, [received(Said("a", 1, 0, "phone", (9,)), tenant=tenant) for tenant in ("acme", "globex")])
    await apply(sessions, handler, [received(Said("a", 2, 0, "phone", (1,)), tenant="globex")])

    assert await counted(sessions, "nps", 0, 1, tenant="acme") == {9 * UNIT: 1}
    assert await counted(sessions, "nps", 0, 1, tenant="globex") == {1 * UNIT: 1}


def test_partitions_of_live_and_backfill_never_share_a_writer() -> None:
    said = Said("a", 1, 0, "phone", ())
    writers = {writer_of([received(said, partition, topic)]) for topic in (FEEDBACK_EVENTS, FEEDBACK_BACKFILL) for partition in range(200)}

    assert len(writers) == 400
    assert max(writers) < 2**15


def test_a_batch_is_counted_in_its_lowest_partition() -> None:
    batch = [received(Said("a", 1, 0, "phone", ()), partition) for partition in (5, 3, 7)]

    assert writer_of(batch) == 3


async def _everything(sessions: Sessions) -> list[object]:
    async with sessions.begin() as session:
        return [
            (await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).all()
            for table in ("observations", "slices", "buckets", "slice_activity")
        ]

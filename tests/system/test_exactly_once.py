"""Every event counts once: sent twice, in any order, revised, as history, over one replica and two."""

import random
from datetime import timedelta

import pytest

from shared.clock import utc_now
from tests.system.expectations import expect_truth
from tests.system.platform import Platform, Service
from tests.system.traffic import Event, make_events, post_all, revise

MINUTES = 30


def sent_twice_with_revisions(rng: random.Random, events: list[Event]) -> list[Event]:
    """Every event twice, a third of them also with higher revisions, all in random order."""
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    revised = [revise(rng, event, revision, start, MINUTES) for event in rng.sample(events, len(events) // 3) for revision in (2, 5)]
    everything = [*events, *revised] * 2
    rng.shuffle(everything)
    return everything


@pytest.mark.parametrize("replicas", [1, 2])
async def test_numbers_equal_a_recomputation_however_events_are_repeated_and_revised(
    platform: Platform, ingest: Service, scoring: Service, replicas: int
) -> None:
    rng = random.Random(replicas)
    tenant = f"once-{replicas}"
    key = await platform.key(tenant)
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    everything = sent_twice_with_revisions(rng, make_events(rng, 600, start, MINUTES, backfill_share=0.2))
    second = await platform.start("scoring") if replicas == 2 else None

    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        await post_all(posting, everything, rng)

        await expect_truth(reading, everything, start - timedelta(minutes=1), start + timedelta(minutes=MINUTES))

    if second is not None:
        assert await platform.stop(second) == 0

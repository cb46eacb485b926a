"""What every way in shares: the outbox gets the records that Kafka would have got, and bulk keeps to its share of the queue."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.ingest.intake import Accepted, Intake, Share
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import NO_POLICIES
from shared.contracts.decoding import decode
from shared.errors import InvalidEvent, Unavailable
from tests.ingest.partitions import Partitions
from tests.ingest.test_events import SETTINGS, TRACE, idea

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def intake_on(log: Partitions, **settings: int) -> Intake:
    return Intake(SETTINGS.model_copy(update=settings), log, IngestMetrics(CollectorRegistry()), NO_POLICIES)  # type: ignore[arg-type]


def judged(intake: Intake, event: dict[str, object], **how: object) -> Accepted:
    arguments = {"source": "/channels/zendesk/e1", "id": "ticket-7", "now": NOW, "traceparent": TRACE, **how}
    return intake.judge("acme", json.dumps(event).encode(), **arguments)  # type: ignore[arg-type]


def test_source_and_id_of_the_way_in_are_used_where_the_event_has_none() -> None:
    intake = intake_on(Partitions())

    given_, own = judged(intake, idea(id=..., source=...)), judged(intake, idea(id="mine", source="/crm"))

    assert (given_.source, given_.id) == ("/channels/zendesk/e1", "ticket-7")
    assert (own.source, own.id) == ("/crm", "mine")


def test_history_and_another_tenants_events_need_the_right_to_them() -> None:
    intake = intake_on(Partitions())
    for event in (idea(backfill=True), idea(tenant="umbrella")):
        with pytest.raises(InvalidEvent) as caught:
            judged(intake, event)

        assert caught.value.reason == "forbidden"
    assert judged(intake, idea(backfill=True), may_backfill=True).topic == "feedback.backfill.v1"


async def test_the_outbox_gets_the_records_that_kafka_would_have_got() -> None:
    log = Partitions()
    intake = intake_on(log)
    accepted = [judged(intake, idea(id=f"e-{number}"), place=number) for number in range(3)]

    rows = intake.spool_rows(accepted)
    await intake.publish(accepted)

    assert sorted((row.key, row.value, tuple(row.headers)) for row in rows) == sorted(
        (r.key, r.value, tuple(r.headers)) for r in log.records
    )
    assert decode(rows[0].value).tenant == "acme"


async def test_bulk_waits_at_its_share_while_a_single_event_passes() -> None:
    log = Partitions()
    log.waits = asyncio.Event()
    intake = intake_on(log, bulk_bytes=1)
    first, second = ([judged(intake, idea(id=f"{name}-{n}")) for n in range(50)] for name in ("one", "two"))
    sending = [asyncio.create_task(intake.publish(bulk, bulk=True)) for bulk in (first, second)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    while_waiting = len(log.records)
    single = asyncio.create_task(intake.publish([judged(intake, idea(id="single"))]))
    await asyncio.sleep(0)
    with_single = len(log.records)
    log.waits.set()

    await asyncio.gather(single, *sending)

    assert (while_waiting, with_single, len(log.records)) == (50, 51, 101)


async def test_history_is_bulk_whoever_sends_it() -> None:
    log = Partitions()
    log.waits = asyncio.Event()
    intake = intake_on(log, bulk_bytes=1)
    history = [judged(intake, idea(id=f"e-{n}", backfill=True), may_backfill=True) for n in range(2)]
    sending = [asyncio.create_task(intake.publish([event])) for event in history]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    while_waiting = len(log.records)
    log.waits.set()

    await asyncio.gather(*sending)

    assert (while_waiting, len(log.records)) == (1, 2)


async def test_a_share_is_given_out_in_turn_and_no_one_slips_past_who_waits() -> None:
    share, order = Share(10), []

    async def wants(name: str, size: int) -> None:
        await share.take(size)
        order.append(name)

    await share.take(8)
    waiting = [asyncio.create_task(wants(name, size)) for name, size in (("large", 9), ("small", 1))]
    await asyncio.sleep(0)
    before = list(order)
    share.give_back(8)
    await asyncio.gather(*waiting)

    assert (before, order) == ([], ["large", "small"])


async def test_whoever_no_longer_waits_takes_nothing() -> None:
    share = Share(10)
    await share.take(10)
    given_up, patient = asyncio.create_task(share.take(5)), asyncio.create_task(share.take(10))
    await asyncio.sleep(0)

    given_up.cancel()
    share.give_back(10)

    assert await asyncio.wait_for(patient, 1) == 10


async def test_a_share_given_in_the_moment_of_giving_up_comes_back() -> None:
    share = Share(10)
    await share.take(10)
    late = asyncio.create_task(share.take(10))
    await asyncio.sleep(0)

    share.give_back(10)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late

    assert await asyncio.wait_for(share.take(10), 1) == 10


async def test_bulk_that_gets_no_turn_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.intake.WAIT_SECONDS", 0.01)
    share = Share(10)
    await share.take(10)

    with pytest.raises(Unavailable):
        await share.take(1)
    share.give_back(10)

    assert await share.take(10) == 10


@given(sizes=st.lists(st.integers(1, 30), max_size=30))
def test_what_is_out_never_exceeds_the_share_and_everyone_gets_theirs(sizes: list[int]) -> None:
    share, out, most, served = Share(10), [0], [0], []

    async def one(size: int) -> None:
        taken = await share.take(size)
        out[0] += taken
        most[0] = max(most[0], out[0])
        await asyncio.sleep(0)
        out[0] -= taken
        share.give_back(taken)
        served.append(size)

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, sizes))

    asyncio.run(all_of_them())

    assert most[0] <= 10
    assert sorted(served) == sorted(sizes)

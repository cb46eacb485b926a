"""Deliveries from row to receiver, on real PostgreSQL and a real HTTP server; waits are settings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.engine import Sessions
from shared.delivery.delivery import Delivery, DeliveryPolicy, NewDelivery, Outcome, State, Verdict
from shared.delivery.loop import DeliveryLoop, Receivers, Send
from shared.delivery.metrics import DeliveryMetrics
from shared.delivery.secrets import UnreadableSecret
from shared.delivery.store import Replay, attempts_of, claim, enqueue_delivery, find, list_deliveries, replay, settle
from shared.settings import DatabaseSettings
from tests.shared.delivery.receivers import HANG, Known, Receiver

QUICK = DeliveryPolicy(lease_seconds=3, timeout_seconds=0.5, first_retry_seconds=0.05, longest_retry_seconds=0.2)
ARRIVED = Outcome(Verdict.DELIVERED, "answered 200", 200)


def message(receiver: str = "a", group: str = "g", sequence: int = 1, body: bytes = b'{"n":1}') -> NewDelivery:
    return NewDelivery("acme", group, receiver, "webhook", sequence, body)


async def put(sessions: Sessions, *messages: NewDelivery) -> list[UUID]:
    async with sessions.begin() as session:
        return [await enqueue_delivery(session, one) for one in messages]


async def stored(sessions: Sessions, id: UUID) -> Delivery:
    async with sessions() as session:
        delivery = await find(session, "acme", id)
    assert delivery is not None
    return delivery


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def until_state(sessions: Sessions, id: UUID, state: State) -> Delivery:
    async with asyncio.timeout(10):
        while (delivery := await stored(sessions, id)).state != state:
            await asyncio.sleep(0.02)
    return delivery


def loop_of(
    database: DatabaseSettings,
    sessions: Sessions,
    known: Receivers,
    policy: DeliveryPolicy = QUICK,
    registry: CollectorRegistry | None = None,
) -> DeliveryLoop:
    return DeliveryLoop(database, sessions, known, DeliveryMetrics("test", registry or CollectorRegistry()), policy)


@asynccontextmanager
async def running(loop: DeliveryLoop) -> AsyncIterator[asyncio.Task[None]]:
    """A loop in this process; what still runs at the end of the block is stopped in its orderly way."""
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop, lambda: None))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=10)
        if not task.cancelled():
            task.result()


async def test_a_receiver_that_fails_hangs_and_recovers_gets_one_id_and_delays_nobody(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["bad", "good"])
    receiver.answers("/bad", 500, HANG, 200)

    async with running(loop_of(database, sessions, known, replace(QUICK, timeout_seconds=1.5))):
        (bad,) = await put(sessions, message("bad"))
        await until(lambda: len(receiver.at("/bad")) == 2)
        (good,) = await put(sessions, message("good"))
        await until_state(sessions, good, "delivered")
        delivered = await until_state(sessions, bad, "delivered")

    assert [arrival.id for arrival in receiver.at("/bad")] == [str(bad)] * 3
    assert receiver.at("/good")[0].at < receiver.at("/bad")[2].at
    assert (delivered.attempt, delivered.failures, delivered.first_error) == (3, 2, "answered 500")
    assert delivered.last_error == "no answer within 1.5 s"
    async with sessions() as session:
        attempts = await attempts_of(session, delivered)
    assert [(one.attempt, one.verdict, one.status) for one in attempts] == [(1, "again", 500), (2, "again", None), (3, "delivered", 200)]
    assert [delivery.state for delivery, _ in known.told if delivery.id == bad] == ["pending", "pending", "delivered"]


async def test_a_receiver_with_a_backlog_hangs_in_its_own_lanes_only(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["hung", "good"])
    receiver.answers("/hung", HANG)
    await put(sessions, *(message("hung", f"g{n:02}") for n in range(30)))

    async with running(loop_of(database, sessions, known, replace(QUICK, timeout_seconds=2, per_receiver=2, at_once=8))):
        await until(lambda: len(receiver.at("/hung")) == 2)
        ids = await put(sessions, *(message("good", f"g{n}") for n in range(6)))
        for id in ids:
            await until_state(sessions, id, "delivered")
        begun = len(receiver.at("/hung"))
        async with sessions.begin() as session:
            await session.execute(text("DELETE FROM deliveries WHERE receiver = 'hung' AND state = 'pending'"))

    assert begun == 2
    assert receiver.most_in_flight <= 4


async def test_what_a_killed_process_had_claimed_is_delivered_by_another_under_the_same_id(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["a"])
    receiver.answers("/a", HANG, 200)
    policy = replace(QUICK, lease_seconds=2, timeout_seconds=1)

    async with running(loop_of(database, sessions, known, policy)) as killed:
        (id,) = await put(sessions, message())
        await until(lambda: len(receiver.arrivals) == 1)
        killed.cancel()
    leased = await stored(sessions, id)
    async with running(loop_of(database, sessions, known, policy)):
        delivered = await until_state(sessions, id, "delivered")

    assert (leased.state, leased.attempt) == ("leased", 1)
    assert (delivered.attempt, delivered.failures) == (2, 0)
    assert [arrival.id for arrival in receiver.arrivals] == [str(id)] * 2
    assert leased.lease_until is not None
    async with sessions() as session:
        first, second = await attempts_of(session, delivered)
    assert first.finished_at is None
    assert second.started_at >= leased.lease_until


async def test_two_loops_deliver_each_once_between_them(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    known = Known(receiver, ["a", "b"])

    async with running(loop_of(database, sessions, known)), running(loop_of(database, sessions, known)):
        ids = await put(sessions, *(message("ab"[n % 2], f"g{n:03}") for n in range(100)))
        for id in ids:
            await until_state(sessions, id, "delivered")

    assert sorted(arrival.id for arrival in receiver.arrivals) == sorted(map(str, ids))


async def test_the_result_of_a_stale_attempt_is_not_written(sessions: Sessions) -> None:
    policy = replace(QUICK, lease_seconds=0.1, timeout_seconds=0.05)
    (id,) = await put(sessions, message())
    async with sessions.begin() as session:
        (stale,) = await claim(session, policy, {}, 10)
    await asyncio.sleep(0.15)
    async with sessions.begin() as session:
        (present,) = await claim(session, policy, {}, 10)

    async with sessions.begin() as session:
        settled = await settle(session, stale, ARRIVED, policy, 0.0)

    assert settled is None
    assert (present.id, present.attempt, stale.attempt) == (id, 2, 1)
    assert (await stored(sessions, id)).state == "leased"


async def test_a_process_that_was_stopped_beyond_its_lease_sends_nothing(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    class Stopped(Known):
        async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
            if delivery.attempt == 1:
                await asyncio.sleep(1.6)  # SIGSTOP between claim and request looks like this
            return await super().sender(session, delivery)

    async with running(loop_of(database, sessions, Stopped(receiver, ["a"]), replace(QUICK, lease_seconds=2))):
        (id,) = await put(sessions, message())
        delivered = await until_state(sessions, id, "delivered")

    assert delivered.attempt == 2
    assert len(receiver.arrivals) == 1


async def test_a_newer_state_takes_the_place_of_the_open_one(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    known = Known(receiver, ["a"])
    firing, resolved = await put(sessions, message(sequence=1), message(sequence=2, body=b'{"n":2}'))

    async with running(loop_of(database, sessions, known)):
        await until_state(sessions, resolved, "delivered")

    superseded = await stored(sessions, firing)
    assert (superseded.state, superseded.superseded_by, superseded.attempt) == ("superseded", resolved, 0)
    assert [arrival.body for arrival in receiver.arrivals] == [b'{"n":2}']


async def test_a_newer_state_waits_for_the_request_that_is_under_way(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["a"])
    receiver.answers("/a", HANG, 200)

    async with running(loop_of(database, sessions, known)), running(loop_of(database, sessions, known)):
        (firing,) = await put(sessions, message(sequence=1))
        await until(lambda: len(receiver.arrivals) == 1)
        (resolved,) = await put(sessions, message(sequence=2))
        await until_state(sessions, resolved, "delivered")

    assert [arrival.id for arrival in receiver.arrivals] == [str(firing), str(resolved)]
    assert receiver.arrivals[1].at - receiver.arrivals[0].at >= QUICK.timeout_seconds - 0.05
    old = await stored(sessions, firing)
    assert (old.state, old.last_error, old.lease_until) == ("superseded", "no answer within 0.5 s", None)


async def test_a_superseded_request_that_arrives_all_the_same_is_recorded_as_delivered(sessions: Sessions) -> None:
    (firing,) = await put(sessions, message(sequence=1))
    async with sessions.begin() as session:
        (claimed,) = await claim(session, QUICK, {}, 10)
    (resolved,) = await put(sessions, message(sequence=2))
    async with sessions.begin() as session:
        meanwhile = await claim(session, QUICK, {}, 10)
        await settle(session, claimed, ARRIVED, QUICK, 0.0)

    async with sessions.begin() as session:
        (next_one,) = await claim(session, QUICK, {}, 10)

    assert meanwhile == []
    assert (await stored(sessions, firing)).state == "delivered"
    assert next_one.id == resolved


async def test_the_same_delivery_put_in_again_and_an_older_one_change_nothing(sessions: Sessions) -> None:
    first, again = await put(sessions, message(sequence=2), message(sequence=2))
    await put(sessions, message(sequence=1))

    async with sessions() as session:
        deliveries = await list_deliveries(session, "acme")

    assert first == again
    assert [(one.id, one.state) for one in deliveries] == [(first, "pending")]


async def test_newer_states_put_in_at_the_same_time_leave_one_open(sessions: Sessions) -> None:
    await asyncio.gather(*(put(sessions, message(sequence=n)) for n in (1, 2, 3, 4, 5, 6)))

    async with sessions() as session:
        deliveries = await list_deliveries(session, "acme")

    assert [one.sequence for one in deliveries if one.state == "pending"] == [6]
    assert {one.state for one in deliveries if one.sequence < 6} <= {"superseded"}


async def test_a_refusal_is_final_and_told_and_a_replay_keeps_the_id(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["a"])
    receiver.answers("/a", 410, 200)

    async with running(loop_of(database, sessions, known)):
        (id,) = await put(sessions, message())
        dead = await until_state(sessions, id, "dead")
        async with sessions.begin() as session:
            replayed = await replay(session, "acme", id)
        delivered = await until_state(sessions, id, "delivered")

    assert (dead.dead_because, dead.last_status, dead.attempt) == ("refused", 410, 1)
    assert [(delivery.state, outcome.status) for delivery, outcome in known.told] == [("dead", 410), ("delivered", 200)]
    assert replayed is Replay.REPLAYED
    assert delivered.attempt == 2
    assert [arrival.id for arrival in receiver.arrivals] == [str(id)] * 2


async def test_a_replay_that_makes_no_sense_says_why(sessions: Sessions) -> None:
    (old,) = await put(sessions, message(sequence=1))
    async with sessions.begin() as session:
        (claimed,) = await claim(session, QUICK, {}, 10)
        await settle(session, claimed, Outcome(Verdict.REFUSED, "answered 400", 400), QUICK, 0.0)
    (new,) = await put(sessions, message(sequence=2))

    async with sessions.begin() as session:
        answers = [
            await replay(session, "acme", old),
            await replay(session, "acme", new),
            await replay(session, "other", old),
        ]

    assert answers == [Replay.OVERTAKEN, Replay.NOT_DEAD, Replay.UNKNOWN]


async def test_a_delivery_that_never_arrives_is_given_up_visibly(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["a"])
    receiver.answers("/a", 503)

    async with running(loop_of(database, sessions, known, replace(QUICK, give_up_seconds=1))):
        (id,) = await put(sessions, message())
        dead = await until_state(sessions, id, "dead")

    assert (dead.dead_because, dead.last_error) == ("expired", "answered 503")
    assert dead.finished_at is not None
    assert (dead.finished_at - dead.created_at).total_seconds() < QUICK.give_up_seconds / 2
    assert dead.failures == len(receiver.arrivals) > 1


async def test_retry_after_is_honoured(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    known = Known(receiver, ["a"])
    receiver.scripts["/a"] = [(429, {"Retry-After": "1"}), (200, {})]

    async with running(loop_of(database, sessions, known)):
        (id,) = await put(sessions, message())
        await until_state(sessions, id, "delivered")

    first, second = receiver.arrivals
    assert second.at - first.at >= 1.0, "five times what it would wait otherwise"


async def test_a_redirect_is_not_followed(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    known = Known(receiver, ["a"])
    receiver.scripts["/a"] = [(307, {"Location": "/b"})]

    async with running(loop_of(database, sessions, known)):
        (id,) = await put(sessions, message())
        dead = await until_state(sessions, id, "dead")

    assert dead.last_error == "answered 307: redirects are not followed"
    assert receiver.at("/b") == []


async def test_a_receiver_that_nobody_knows_is_refused(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    async with running(loop_of(database, sessions, Known(receiver, []))):
        (id,) = await put(sessions, message())
        dead = await until_state(sessions, id, "dead")

    assert (dead.dead_because, dead.last_error) == ("refused", "there is no such receiver")


async def test_a_secret_that_cannot_be_read_is_tried_again(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    class Rotated(Known):
        async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
            if delivery.attempt == 1:
                raise UnreadableSecret("a stored secret cannot be read with the present keys")
            return await super().sender(session, delivery)

    async with running(loop_of(database, sessions, Rotated(receiver, ["a"]))):
        (id,) = await put(sessions, message())
        delivered = await until_state(sessions, id, "delivered")

    assert (delivered.attempt, delivered.failures) == (2, 1)


async def test_a_connection_that_is_refused_is_tried_again(database: DatabaseSettings, sessions: Sessions, receiver: Receiver) -> None:
    known = Known(receiver, ["a"])
    right = known.targets["a"]
    known.targets["a"] = replace(right, url="http://127.0.0.1:1/a")

    async with running(loop_of(database, sessions, known)):
        (id,) = await put(sessions, message())
        await until(lambda: len(known.told) >= 2)
        known.targets["a"] = right
        delivered = await until_state(sessions, id, "delivered")

    assert known.told[0][1].verdict is Verdict.AGAIN
    assert delivered.failures >= 2


async def test_attempts_and_what_became_of_deliveries_are_counted(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    registry = CollectorRegistry()
    receiver.answers("/a", 500, 200)
    receiver.answers("/b", 404)

    async with running(loop_of(database, sessions, Known(receiver, ["a", "b"]), registry=registry)):
        arrives, dies = await put(sessions, message("a"), message("b"))
        await until_state(sessions, arrives, "delivered")
        await until_state(sessions, dies, "dead")

    def attempts(verdict: str) -> float | None:
        return registry.get_sample_value("hearback_test_delivery_attempts_total", {"kind": "webhook", "verdict": verdict})

    assert [attempts(verdict) for verdict in Verdict] == [1, 1, 1]
    assert registry.get_sample_value("hearback_test_delivery_dead_total", {"kind": "webhook", "reason": "refused"}) == 1
    assert registry.get_sample_value("hearback_test_delivery_seconds_count", {"kind": "webhook"}) == 1


async def test_a_stop_lets_requests_finish_and_writes_their_results(
    database: DatabaseSettings, sessions: Sessions, receiver: Receiver
) -> None:
    known = Known(receiver, ["a"])
    receiver.answers("/a", HANG)

    async with running(loop_of(database, sessions, known)):
        (id,) = await put(sessions, message())
        await until(lambda: len(receiver.arrivals) == 1)

    after = await stored(sessions, id)
    assert (after.state, after.failures) == ("pending", 1)


async def test_deliveries_are_listed_by_tenant_newest_first_page_by_page(sessions: Sessions) -> None:
    for n in range(5):
        await put(sessions, message(group=f"g{n}"))
    async with sessions() as session:
        first = await list_deliveries(session, "acme", limit=3)
        rest = await list_deliveries(session, "acme", limit=3, before=(first[-1].created_at, first[-1].id))
        of_group = await list_deliveries(session, "acme", group_key="g2", receiver="a", state="pending")
        of_other = await list_deliveries(session, "other")

    assert [one.group_key for one in (*first, *rest)] == ["g4", "g3", "g2", "g1", "g0"]
    assert [one.group_key for one in of_group] == ["g2"]
    assert of_other == []

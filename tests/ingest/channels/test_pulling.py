"""Fetches and polls from row to log, on a real database against a real server of the vendor's; waits are settings."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from services.ingest.channels import fetches
from services.ingest.channels import pulling as pulls
from services.ingest.channels.job import MOST_BROKEN_OFF, SET_ASIDE, Job, PullPolicy
from services.ingest.channels.outgoing import MOST_REPLY_BYTES
from shared.database.engine import Sessions
from shared.settings import DatabaseSettings
from tests.ingest.channels.replica import Replica, counted, made, ok, pulling, send, serving, thing
from tests.ingest.channels.vendor import ADAPTER, Asked, Vendor


async def jobs(sessions: Sessions) -> list[Any]:
    async with sessions() as session:
        return list((await session.execute(text("SELECT * FROM channel_fetches ORDER BY key"))).all())


async def spooled(sessions: Sessions) -> list[str]:
    """The ids of the events in the outbox."""
    async with sessions() as session:
        return [json.loads(value)["id"] for value in (await session.execute(text("SELECT value FROM outbox ORDER BY position"))).scalars()]


async def until(holds: Callable[[], Awaitable[Any]] | Callable[[], Any], seconds: float = 10) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)


def done(sessions: Sessions) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return not await jobs(sessions)

    return holds


async def test_a_thin_notification_is_completed_page_by_page(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    pages = {"": {"things": [thing("1")], "next": 2}, "2": {"things": [thing("2")], "next": None}}
    vendor.says = lambda asked: (200, pages[asked.query.get("page", "")])
    async with replica.client() as client, pulling(replica):
        endpoint = await made(client, server=vendor.url)
        await send(client, endpoint, {"fetches": {"a": {"about": "x"}}})
        await until(done(sessions))

    assert await spooled(sessions) == ["1", "2"]
    assert [(asked.query["key"], asked.query["about"], asked.query.get("page")) for asked in vendor.asked] == [
        ("a", "x", None),
        ("a", "x", "2"),
    ]
    assert counted(replica, "fetch_steps_total", channel="loopback", result="done") == 2


async def test_a_vendor_that_fails_hangs_and_asks_for_patience_is_asked_again(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    script: list[Any] = [(500, {}), None, (302, {}), (200, {"things": [thing("1")]})]
    vendor.says = lambda asked: script.pop(0)
    async with replica.client() as client, pulling(replica):
        await send(client, await made(client, server=vendor.url), {"fetches": {"a": {}}})
        await until(lambda: len(vendor.asked) == 3)
        [waiting] = await jobs(sessions)
        await until(done(sessions))

    assert waiting.last_error in ("no answer within 1 s", "the vendor answered 302: redirects are not followed")
    assert await spooled(sessions) == ["1"]
    assert len(vendor.asked) == 4


async def test_retry_after_is_obeyed(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    vendor.says = lambda asked: (429, {}) if len(vendor.asked) == 1 else (200, {})
    vendor.headers["retry-after"] = "1"
    async with replica.client() as client, pulling(replica):
        await send(client, await made(client, server=vendor.url), {"fetches": {"a": {}}})
        await until(done(sessions))

    first, second = vendor.asked
    assert second.at - first.at >= timedelta(seconds=1)


async def test_what_is_gone_or_unreadable_is_dead_listed_and_tried_again_on_demand(
    replica: Replica, sessions: Sessions, vendor: Vendor
) -> None:
    says: dict[str, Any] = {"gone": (404, {}), "odd": (200, b"no json"), "large": (200, b" " * (MOST_REPLY_BYTES + 1))}
    vendor.says = lambda asked: says[asked.query["key"]]
    async with replica.client() as client, pulling(replica):
        endpoint = await made(client, server=vendor.url)
        path = f"/v1/endpoints/{endpoint}"
        await send(client, endpoint, {"fetches": {key: {} for key in says}})
        listed = await until(lambda: _listed(client, f"{path}/fetches?state=dead", 3))
        state = await ok(client.get(path))
        says["gone"] = (200, {"things": [thing("1")]})
        replayed = await ok(client.post(f"{path}/fetches/replay", json={"keys": ["gone", "unknown"]}))
        await until(lambda: _listed(client, f"{path}/fetches?state=dead", 2))
        await until(lambda: spooled(sessions))

    errors = {item["key"]: item["last_error"] for item in listed}
    assert errors["gone"] == "the vendor answered 404"
    assert errors["odd"] == "the vendor's answer cannot be read: the body should be JSON"
    assert errors["large"].startswith("the vendor's answer is larger than")
    assert (state["fetches_dead"], state["fetches_waiting"], replayed) == (3, 0, {"replayed": 1})
    assert await spooled(sessions) == ["1"]


async def _listed(client: Any, path: str, count: int) -> Any:
    items = (await ok(client.get(path)))["items"]
    return items if len(items) == count else None


async def test_addresses_of_this_network_are_not_called(channels_database: DatabaseSettings, sessions: Sessions, vendor: Vendor) -> None:
    async with serving(channels_database, sessions, allow_private=False) as replica, replica.client() as client, pulling(replica):
        await send(client, await made(client, server=vendor.url), {"fetches": {"a": {}}, "confirm": f"{vendor.url}/confirm?t=1"})
        dead = await until(lambda: _all_dead(sessions))

    assert {job.last_error for job in dead} == {"the address lies in a network where nothing may be called"}
    assert vendor.asked == []


async def _all_dead(sessions: Sessions) -> Any:
    found = await jobs(sessions)
    return found if {job.state for job in found} == {"dead"} else None


async def test_a_subscription_is_confirmed_by_a_call_that_is_made_until_it_succeeds(
    replica: Replica, sessions: Sessions, vendor: Vendor
) -> None:
    vendor.says = lambda asked: (503, {}) if len(vendor.asked) == 1 else (200, b"<ok/>")
    async with replica.client() as client, pulling(replica):
        await send(client, await made(client), {"confirm": f"{vendor.url}/confirm?token=t"})
        await until(done(sessions))

    assert [(asked.path, asked.query) for asked in vendor.asked] == [("/confirm", {"token": "t"})] * 2


async def test_one_of_a_key_waits_and_one_that_is_under_way_is_done_once_more(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    async with replica.client() as client:
        endpoint = await made(client, server=vendor.url)
        for n in (1, 2):
            await send(client, endpoint, {"fetches": {"a": {"n": n}}})
        async with pulling(replica):
            answering = asyncio.Event()

            def says(asked: Asked) -> tuple[int, Any]:
                answering.set()
                return 200, {} if "page" in asked.query else {"things": [thing(asked.query["n"])], "next": "p"}

            vendor.says = says
            await answering.wait()
            for n in (3, 4):
                await send(client, endpoint, {"fetches": {"a": {"n": n}}})
            await until(done(sessions))

    assert [asked.query["n"] for asked in vendor.asked if "page" not in asked.query] == ["2", "4"]


async def test_a_poll_keeps_its_cursor_and_its_pace_over_restarts_and_replicas(
    channels_database: DatabaseSettings, sessions: Sessions, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[datetime] = []
    claim = fetches.claim

    async def noted(*arguments: Any) -> list[Job]:
        claimed = await claim(*arguments)
        rounds.extend(job.round_at for job in claimed if job.round_at is not None)
        return claimed

    monkeypatch.setattr(fetches, "claim", noted)

    def says(asked: Asked) -> tuple[int, Any]:
        seen = int(asked.query.get("seen", "0"))
        return 200, {"things": [thing(str(seen + 1))], "cursor": {"seen": seen + 1}}

    vendor.says = says
    async with serving(channels_database, sessions) as one, serving(channels_database, sessions) as two, one.client() as client:
        endpoint = await made(client, server=vendor.url, every_seconds=0.7)
        async with pulling(one), pulling(two):
            await until(lambda: len(vendor.asked) == 3)
    async with serving(channels_database, sessions) as three, pulling(three):
        await until(lambda: len(vendor.asked) == 5)
        async with three.client() as client:
            shown = (await ok(client.get(f"/v1/endpoints/{endpoint}/fetches")))["items"]

    assert (await spooled(sessions))[:5] == ["1", "2", "3", "4", "5"]
    assert [asked.query.get("seen") for asked in vendor.asked[:5]] == [None, "1", "2", "3", "4"]
    assert min(later - earlier for earlier, later in pairwise(rounds)) >= timedelta(seconds=0.7)
    assert [(item["key"], item["kind"], item["state"]) for item in shown] == [("poll", "poll", "waiting")]


async def test_polls_begin_change_and_end_with_the_options(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    async with replica.client() as client, pulling(replica):
        endpoint = await made(client, server=vendor.url, every_seconds=3600)
        await until(lambda: jobs(sessions))
        await until(lambda: vendor.asked)
        path = f"/v1/endpoints/{endpoint}"
        await ok(client.patch(path, json={"options": {"server": vendor.url, "every_seconds": 7200}}))
        await until(lambda: _every(sessions, 7200))
        await ok(client.patch(path, json={"options": {"server": vendor.url}}))
        await until(done(sessions))

    assert len(vendor.asked) == 1


async def _every(sessions: Sessions, seconds: float) -> bool:
    return [job.every_seconds for job in await jobs(sessions)] == [seconds]


async def test_calls_to_a_vendor_keep_within_the_quota_of_its_endpoint(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    async with replica.client() as client, pulling(replica):
        slow = await made(client, server=vendor.url, calls_per_minute=120)
        await send(client, slow, {"fetches": {f"slow-{n}": {} for n in range(4)}})
        await until(done(sessions))

    pauses = [later.at - earlier.at for earlier, later in pairwise(vendor.asked)]
    assert len(pauses) == 3
    assert min(pauses) >= timedelta(seconds=0.5)


async def test_an_endpoint_whose_vendor_hangs_holds_up_no_other(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    vendor.says = lambda asked: None if asked.query["key"].startswith("hung") else (200, {"things": [thing(asked.query["key"])]})
    async with replica.client() as client:
        hung, good = await made(client, server=vendor.url), await made(client, server=vendor.url)
        await send(client, hung, {"fetches": {f"hung-{n}": {} for n in range(40)}})
        async with pulling(replica):
            await until(lambda: vendor.asked)
            await send(client, good, {"fetches": {f"good-{n}": {} for n in range(5)}})
            await until(lambda: _five(sessions), seconds=5)
            hung_calls = Counter(asked.query["key"].split("-")[0] for asked in vendor.asked)["hung"]
            async with sessions.begin() as session:
                await session.execute(text("DELETE FROM channel_fetches"))

    assert hung_calls <= 5


async def _five(sessions: Sessions) -> bool:
    return len(await spooled(sessions)) == 5


async def test_what_a_dead_process_had_claimed_is_done_by_another_after_its_lease_and_its_late_result_is_dropped(
    channels_database: DatabaseSettings, sessions: Sessions, vendor: Vendor
) -> None:
    release = asyncio.Event()
    vendor.says = lambda asked: (200, {"things": [thing(f"{len(vendor.asked)}")]})
    policy = PullPolicy(lease_seconds=0.4, step_seconds=0.3, call_seconds=5, first_retry_seconds=0.05)
    async with serving(channels_database, sessions, policy=policy) as late, serving(channels_database, sessions) as other:
        write = late.pulls._write

        async def held(*arguments: Any) -> str:
            await release.wait()
            return await write(*arguments)

        late.pulls._write = held  # type: ignore[method-assign]  # as a process that is stopped between the answer and the transaction
        async with late.client() as client, pulling(late):
            await send(client, await made(client, server=vendor.url), {"fetches": {"a": {}}})
            await until(lambda: len(vendor.asked) == 1)
            async with pulling(other):
                await until(lambda: spooled(sessions))
            release.set()
            await until(lambda: counted(late, "fetch_steps_total", channel="loopback", result="stale"))

    assert len(await spooled(sessions)) == 1


async def test_a_replica_leaves_channels_alone_that_it_does_not_know(
    replica: Replica, sessions: Sessions, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica.client() as client:
        await send(client, await made(client, server=vendor.url), {"fetches": {"a": {}}})
        with monkeypatch.context() as older:
            older.setattr(pulls, "adapters", lambda: {"typeform": ADAPTER})
            async with pulling(replica):
                await until(lambda: counted(replica, "fetches_due", channel="loopback"))
            [left] = await jobs(sessions)
        async with pulling(replica):
            await until(done(sessions))

    assert (left.attempt, left.state) == (0, "waiting")
    assert len(vendor.asked) == 1


async def test_an_answer_with_events_that_the_contract_refuses_is_kept_whole_and_the_others_go(
    replica: Replica, sessions: Sessions, vendor: Vendor
) -> None:
    vendor.says = lambda asked: (200, {"things": [thing("1"), thing("2", channel="fax")]})
    async with replica.client() as client, pulling(replica):
        endpoint = await made(client, server=vendor.url)
        await send(client, endpoint, {"fetches": {"a": {}}})
        await until(done(sessions))
        path = f"/v1/endpoints/{endpoint}/unreadable"
        [kept] = (await ok(client.get(path)))["items"]
        replayed = await ok(client.post(f"{path}/{kept['id']}/replay"))

    assert (await spooled(sessions), kept["kind"]) == (["1"], "step")
    assert kept["reason"].startswith("invalid_data: data.channel")
    assert (replayed["unreadable"], replayed["reason"]) == (1, kept["reason"])


@pytest.mark.parametrize(("oddity", "state"), [({"garbled": True}, "dead"), ({"odd": 1}, None)])
async def test_an_answer_that_cannot_be_read_is_kept_sealed_and_read_again_without_asking_the_vendor(
    replica: Replica, sessions: Sessions, vendor: Vendor, oddity: dict[str, Any], state: str | None
) -> None:
    vendor.says = lambda asked: (200, {"things": [thing("1", "private words")], **oddity})
    async with replica.client() as client, pulling(replica):
        endpoint = await made(client, server=vendor.url)
        path = f"/v1/endpoints/{endpoint}"
        await send(client, endpoint, {"fetches": {"a": {"token": "private-token"}}})
        [kept] = await until(lambda: _listed(client, f"{path}/unreadable", 1))
        early = await ok(client.post(f"{path}/unreadable/replay"))
        await ok(client.patch(path, json={"options": {"strict": False}}))
        replayed = await ok(client.post(f"{path}/unreadable/replay"))
        left = (await ok(client.get(f"{path}/unreadable")))["items"]
        states = [job.state for job in await jobs(sessions)]
        async with sessions() as session:
            stored = (await session.execute(text("SELECT to_jsonb(f)::text FROM channel_fetches AS f"))).scalars().all()

    assert (early["unreadable"], early["reason"]) == (1, kept["reason"].removeprefix("the vendor's answer cannot be read: "))
    assert (replayed["replayed"], replayed["events"], left) == (1, 1, [])
    assert "1" in await spooled(sessions)
    assert (states, len(vendor.asked)) == ([] if state is None else [state], 1)
    assert "private-token" not in str(stored)


async def test_a_step_that_ends_the_process_again_and_again_is_set_aside_and_what_is_beside_it_is_not(
    channels_database: DatabaseSettings, sessions: Sessions, vendor: Vendor
) -> None:
    ends = 0

    def says(asked: Asked) -> tuple[int, Any] | None:
        if asked.query["key"] == "bad":
            return 200, {"poison": True}
        # as long as processes end, so that whatever is beside the step that ends them is under way then
        return None if ends < MOST_BROKEN_OFF else (200, {"things": [thing("1")]})

    vendor.says = says
    policy = PullPolicy(lease_seconds=0.4, step_seconds=0.3, call_seconds=0.2, first_retry_seconds=0.01, longest_retry_seconds=0.02)
    async with serving(channels_database, sessions) as replica, replica.client() as client:
        for key in ("bad", "good"):
            endpoint = await made(client, server=vendor.url)
            await send(client, endpoint, {"fetches": {key: {}}})
    while not await _all_dead(sessions):
        async with serving(channels_database, sessions, policy=policy) as replica:
            ends += await _ends(replica, sessions)

    [left] = await jobs(sessions)
    assert (left.key, left.state, left.last_error) == ("bad", "dead", SET_ASIDE.detail)
    assert ends >= MOST_BROKEN_OFF
    assert await spooled(sessions) == ["1"]


async def _ends(replica: Replica, sessions: Sessions) -> bool:
    """Whether the loop ended by the adapter's mistake before nothing was left but what is dead."""
    stop = asyncio.Event()
    pulls = asyncio.create_task(replica.pulls.run(stop, lambda: None))
    over = asyncio.create_task(until(lambda: _all_dead(sessions), seconds=30))
    await asyncio.wait({pulls, over}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    over.cancel()
    await asyncio.wait({pulls, over})
    error = pulls.exception()
    assert error is None or (isinstance(error, ExceptionGroup) and error.subgroup(ZeroDivisionError) is not None)
    return error is not None


async def test_the_share_that_was_collected_is_shown_by_post(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    comments = [thing("1", post="p"), thing("2", post="p"), thing("2", post="p", revision=2)]
    vendor.says = lambda asked: (200, {"things": comments, "existing": {"p": 5, "q": 3}})
    async with replica.client() as client, pulling(replica):
        endpoint = await made(client, server=vendor.url)
        await send(client, endpoint, {"things": [thing("3", post="p")], "fetches": {"a": {}}})
        await until(done(sessions))
        await until(lambda: replica.tally._comments)
        await replica.tally.write()
        state = await ok(client.get(f"/v1/endpoints/{endpoint}"))

    assert {one["post"]: (one["existing"], one["taken"], one["share"]) for one in state["collected"]} == {
        "p": (5, 3, 0.6),
        "q": (3, 0, 0.0),
    }


async def test_metrics_tell_what_waits_and_how_long(replica: Replica, sessions: Sessions, vendor: Vendor) -> None:
    async with replica.client() as client:
        endpoint = await made(client, server=vendor.url)
        await send(client, endpoint, {"fetches": {"a": {}, "b": {}, "c": {}}})
        async with sessions.begin() as session:
            await session.execute(text("UPDATE channel_fetches SET next_at = now() - interval '90 s' WHERE key <> 'c'"))
            await session.execute(text("UPDATE channel_fetches SET state = 'dead' WHERE key = 'c'"))
            await session.execute(text("UPDATE channel_endpoints SET next_call_at = now() + interval '1 h'"))
        async with pulling(replica):
            await until(lambda: counted(replica, "fetches_due", channel="loopback"))

    assert counted(replica, "fetches_due", channel="loopback") == 2
    assert 90 <= counted(replica, "fetches_oldest_due_seconds", channel="loopback") < 120
    assert counted(replica, "fetches_dead", channel="loopback") == 1

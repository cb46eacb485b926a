"""Vendors' requests: proven, taken without a database, spooled while Kafka is away, kept when they cannot be read, used once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from services.ingest.channels.kept import KEPT_BYTES
from services.ingest.channels.pruning import Pruning
from services.ingest.channels.vendor_keys import CALLS_A_MINUTE
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.settings import DatabaseSettings
from tests.ingest.channels.replica import Replica, counted, made, ok, send, serving, thing
from tests.ingest.channels.vendor import KEPT, TAKEN, Vendor
from tests.ingest.partitions import PARTITIONS
from tests.servers import PostgresServer


async def rows(sessions: Sessions, table: str) -> list[Any]:
    async with sessions() as session:
        return list((await session.execute(text(f"SELECT * FROM {table}"))).all())


def away(replica: Replica) -> None:
    replica.log.refused = set(range(PARTITIONS))


async def test_a_proven_request_is_on_the_log_and_answered_as_the_vendor_wants_without_a_statement(
    replica: Replica, sessions: Sessions
) -> None:
    statements: list[str] = []
    async with replica.client() as client:
        endpoint = await made(client)
        await replica.directory._look()
        engine = sessions.kw["bind"].sync_engine
        event.listen(engine, "before_cursor_execute", lambda c, cursor, statement, *_: statements.append(statement))
        answer = await send(client, endpoint, {"things": [thing("1"), thing("2", post="p")], "passed_over": {"echo": 3}})
        during = list(statements)
        await replica.tally.write()
        state = await ok(client.get(f"/v1/endpoints/{endpoint}"))

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (TAKEN.status, TAKEN.body, TAKEN.media_type)
    assert [statement for statement in during if "FROM channel_endpoints" not in statement] == []  # which the directory reads by itself
    assert [(one["id"], one["source"], one["tenant"]) for one in replica.events] == [
        (id, f"/channels/loopback/{endpoint}", "acme") for id in ("1", "2")
    ]
    assert (state["requests"], state["events"], state["passed_over"]) == (1, 2, {"echo": 3})
    assert state["last_received_at"] is not None
    assert counted(replica, "channel_requests_total", channel="loopback", result="taken") == 1


async def test_what_is_not_proven_is_401_counted_by_reason_and_leaves_nothing(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        body = json.dumps({"things": [thing("1")], "garbled": True}).encode()
        wrong = await send(client, endpoint, body, "wrong")
        missing = await client.post(f"/v1/channels/loopback/{endpoint}", content=body)
        elsewhere = await client.post(f"/v1/channels/typeform/{endpoint}", content=body)
        await replica.tally.write()
        state = await ok(client.get(f"/v1/endpoints/{endpoint}"))

    assert [answer.status_code for answer in (wrong, missing, elsewhere)] == [401, 401, 404]
    assert state["refused"] == {"no_signature": 1, "wrong_signature": 1}
    assert replica.events == []
    assert [await rows(sessions, table) for table in ("outbox", "channel_unreadable", "channel_fetches")] == [[], [], []]
    assert counted(replica, "channel_requests_total", channel="loopback", result="wrong_signature") == 1


async def test_the_vendors_check_of_the_address_is_answered(replica: Replica) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        path = f"/v1/channels/loopback/{endpoint}"
        got, probed = await client.get(path, params={"challenge": "c-1"}), await client.head(path)

    assert (got.status_code, got.text) == (200, "c-1")
    assert probed.status_code == 200


async def test_an_endpoint_is_known_to_another_replica_at_once(
    replica: Replica, channels_database: DatabaseSettings, sessions: Sessions
) -> None:
    async with serving(channels_database, sessions) as other, replica.client() as ours, other.client() as theirs:
        endpoint = await made(ours)
        answer = await send(theirs, endpoint, {"things": [thing("1")]})
        unknown = await send(theirs, "0" * 32, {})

    assert (answer.status_code, len(other.events), unknown.status_code) == (202, 1, 404)


async def test_a_change_is_heard_by_another_replica(replica: Replica, channels_database: DatabaseSettings, sessions: Sessions) -> None:
    async with serving(channels_database, sessions) as other, replica.client() as ours, other.client() as theirs:
        endpoint = await made(ours)
        await send(theirs, endpoint, {})
        await ok(ours.post(f"/v1/endpoints/{endpoint}/rotate", json={"secrets": {"secret": "s2"}, "overlap_seconds": 0}))
        async with asyncio.timeout(4):  # without being told it would look after five seconds
            while (await send(theirs, endpoint, {}, "s2")).status_code != 202:
                await asyncio.sleep(0.02)
        former = await send(theirs, endpoint, {}, "s1")

    assert former.status_code == 401


async def test_while_kafka_is_away_events_go_through_the_outbox_and_the_vendor_hears_what_it_always_hears(
    replica: Replica, sessions: Sessions
) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        away(replica)
        answers = [await send(client, endpoint, {"things": [thing(id)]}) for id in ("1", "2")]
        replica.log.refused = set()

    assert [(answer.status_code, answer.content) for answer in answers] == [(TAKEN.status, TAKEN.body)] * 2
    spooled = [json.loads(row.value)["id"] for row in await rows(sessions, "outbox")]
    assert (replica.events, spooled) == ([], ["1", "2"])
    assert counted(replica, "channel_spooled_events_total", channel="loopback") == 2


async def test_a_kafka_that_says_nothing_is_not_waited_for_longer_than_a_vendor_waits(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        replica.log.waits = asyncio.Event()
        first = await send(client, endpoint, {"things": [thing("1")]})
        left_alone = replica.receiver._kafka.left_alone_until
        second = await send(client, endpoint, {"things": [thing("2")]})
        replica.log.waits.set()

    assert (first.status_code, second.status_code) == (202, 202)
    assert left_alone > 0
    assert [json.loads(row.value)["id"] for row in await rows(sessions, "outbox")] == ["1", "2"]
    assert [one["id"] for one in replica.events] == ["1"]


async def test_with_kafka_and_postgres_away_the_vendor_is_asked_to_come_again(postgres_server: PostgresServer) -> None:
    database = DatabaseSettings(url="postgresql://nobody:none@127.0.0.1:9/none")
    engine = create_engine(database, "tests")
    async with serving(database, create_sessions(engine)) as replica, replica.client() as client:
        answer = await send(client, "0" * 32, {"things": [thing("1")]})
    await engine.dispose()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_endpoints_are_known_from_memory_while_postgres_is_away(
    channels_database: DatabaseSettings, sessions: Sessions, replica: Replica
) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        await replica.directory._look()
        nowhere = create_engine(DatabaseSettings(url="postgresql://nobody:none@127.0.0.1:9/none"), "tests")
        for part in (replica.receiver, replica.directory):
            part._sessions = create_sessions(nowhere)
        taken = await send(client, endpoint, {"things": [thing("1")]})
        unread = await send(client, endpoint, {"garbled": True})
        away(replica)
        neither = await send(client, endpoint, {"things": [thing("2")]})
        for part in (replica.receiver, replica.directory):
            part._sessions = sessions
        await nowhere.dispose()

    assert (taken.status_code, [one["id"] for one in replica.events]) == (202, ["1"])
    assert [(one.status_code, one.headers["retry-after"]) for one in (unread, neither)] == [(503, "5"), (503, "5")]


async def test_what_cannot_be_read_is_kept_once_answered_and_read_after_the_endpoint_was_mended(
    replica: Replica, sessions: Sessions
) -> None:
    body = {"garbled": True, "things": [thing("1", "private words")], "fetches": {"a": {}}}
    async with replica.client() as client:
        endpoint = await made(client)
        path = f"/v1/endpoints/{endpoint}"
        answers = [await send(client, endpoint, body) for _ in range(2)]
        [kept] = (await ok(client.get(f"{path}/unreadable")))["items"]
        early = await ok(client.post(f"{path}/unreadable/{kept['id']}/replay"))
        await ok(client.patch(path, json={"options": {"strict": False}}))
        await ok(client.post(f"{path}/rotate", json={"secrets": {"secret": "s2"}, "overlap_seconds": 0}))
        replayed = await ok(client.post(f"{path}/unreadable/replay"))
        again = await client.post(f"{path}/unreadable/{kept['id']}/replay")
        left = await ok(client.get(f"{path}/unreadable"))

    assert [(answer.status_code, answer.content) for answer in answers] == [(KEPT.status, KEPT.body)] * 2
    assert (kept["kind"], kept["times"], kept["reason"]) == ("request", 2, "garbled is nothing that the vendor sends")
    assert (early["replayed"], early["unreadable"], early["reason"]) == (0, 1, kept["reason"])
    assert (replayed["replayed"], replayed["events"], replayed["unreadable"]) == (1, 1, 0)
    assert (again.status_code, left["items"]) == (404, [])
    assert [json.loads(row.value)["id"] for row in await rows(sessions, "outbox")] == ["1"]
    assert [row.key for row in await rows(sessions, "channel_fetches")] == ["a"]


async def test_firehose_gets_its_receipt_for_a_batch_that_is_kept_so_that_it_does_not_send_it_again(replica: Replica) -> None:
    wanted = {"channel": "amazon_connect", "name": "records", "secrets": {"token": "a-token-of-sixteen-characters"}}
    headers = {"x-amz-firehose-access-key": "a-token-of-sixteen-characters", "x-amz-firehose-request-id": "ed4acda5"}
    async with replica.client() as client:
        made = await ok(client.post("/v1/endpoints", json=wanted), 201)
        answer = await client.post(f"/v1/channels/amazon_connect/{made['id']}", content=b'{"requestId": "ed4acda5"', headers=headers)
        state = await ok(client.get(f"/v1/endpoints/{made['id']}"))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["requestId"] == "ed4acda5"
    assert isinstance(answer.json()["timestamp"], int)
    assert state["unreadable_kept"] == 1


async def test_what_is_kept_is_sealed_and_goes_after_thirty_days(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        for words in ("private words", "others"):
            await send(client, endpoint, {"garbled": True, "things": [thing("1", words)]})
        await send(client, endpoint, {"once": "t", "fetches": {"a": {}}})
        stored = await rows(sessions, "channel_unreadable")
        async with sessions.begin() as session:
            await session.execute(text("UPDATE channel_unreadable SET last_at = now() - interval '29 days'"))
            age = text("UPDATE channel_unreadable SET last_at = :at WHERE id = :id")
            await session.execute(age, {"at": stored[0].last_at - timedelta(days=30, minutes=1), "id": stored[0].id})
            await session.execute(text("UPDATE channel_once SET used_at = now() - interval '31 days'"))
            await session.execute(text("UPDATE channel_fetches SET state = 'dead', next_at = now() - interval '31 days'"))
        deleted = await Pruning(sessions).prune()

    assert all(b"private" not in row.sealed for row in stored)
    assert deleted == 3
    assert [row.id for row in await rows(sessions, "channel_unreadable")] == [stored[1].id]
    assert [await rows(sessions, table) for table in ("channel_once", "channel_fetches")] == [[], []]


async def test_of_one_endpoint_no_more_than_so_many_bytes_are_kept_and_the_oldest_goes_first(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        crowded, other = await made(client), await made(client)
        for number in range(3):
            await send(client, crowded, {"garbled": number + 1})
        await send(client, other, {"garbled": True})
        async with sessions.begin() as session:
            await session.execute(text("UPDATE channel_unreadable SET size = :half"), {"half": KEPT_BYTES // 2})
        later = sorted(await rows(sessions, "channel_unreadable"), key=lambda row: row.received_at)[1:]
        deleted = await Pruning(sessions).prune()

    assert deleted == 1
    assert {row.id for row in await rows(sessions, "channel_unreadable")} == {row.id for row in later}


async def test_of_a_request_whose_events_the_contract_refuses_in_part_the_good_ones_go_and_the_request_is_kept(
    replica: Replica, sessions: Sessions
) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        answer = await send(client, endpoint, {"things": [thing("1"), thing("2", channel="fax")]})
        [kept] = (await ok(client.get(f"/v1/endpoints/{endpoint}/unreadable")))["items"]

    assert (answer.status_code, answer.content) == (TAKEN.status, TAKEN.body)
    assert [json.loads(row.value)["id"] for row in await rows(sessions, "outbox")] == ["1"]
    assert kept["reason"].startswith("invalid_data: data.channel")


async def test_a_token_is_used_once_whichever_replica_is_asked_at_the_same_time(
    replica: Replica, channels_database: DatabaseSettings, sessions: Sessions
) -> None:
    async with serving(channels_database, sessions) as other, replica.client() as ours, other.client() as theirs:
        endpoint = await made(ours)
        contents = [{"once": "t-1", "things": [thing(str(n))]} for n in range(8)]
        answers = await asyncio.gather(*(send((ours, theirs)[n % 2], endpoint, content) for n, content in enumerate(contents)))
        another = await send(ours, await made(ours), {"once": "t-1", "things": [thing("of another endpoint")]})
        await asyncio.gather(replica.tally.write(), other.tally.write())
        state = await ok(ours.get(f"/v1/endpoints/{endpoint}"))

    assert sorted(answer.status_code for answer in answers) == [202] + [401] * 7
    assert another.status_code == 202
    assert len(await rows(sessions, "outbox")) == 2
    assert state["refused"] == {"used_before": 7}


async def test_published_keys_are_fetched_once_and_no_more_often_than_a_few_times_a_minute(replica: Replica, vendor: Vendor) -> None:
    vendor.says = lambda asked: (200, b"published-key") if len(vendor.asked) > 1 else (500, {})
    async with replica.client() as client:
        endpoint = await made(client, server=vendor.url, published=True)
        failed = await send(client, endpoint, {"things": [thing("0")]}, "published-key")
        answers = await asyncio.gather(*(send(client, endpoint, {"things": [thing(str(n))]}, "published-key") for n in range(5)))
        foreign = await send(client, endpoint, {}, "s1")
        asked = len(vendor.asked)
        vendor.says = lambda asked: (500, {})
        replica.receiver._keys._kept.clear()
        later = [await send(client, endpoint, {}, "published-key") for _ in range(CALLS_A_MINUTE + 2)]

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "5")
    assert [answer.status_code for answer in answers] == [202] * 5
    assert (foreign.status_code, asked) == (401, 2)
    assert {answer.status_code for answer in later} == {503}
    assert len(vendor.asked) == CALLS_A_MINUTE


async def test_the_bodies_of_all_requests_together_have_a_room_and_a_slow_one_does_not_keep_its_place(replica: Replica) -> None:
    sent = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 4_000_000
        sent.set()
        await asyncio.sleep(5)

    async with replica.client() as client:
        endpoint = await made(client)
        path = f"/v1/channels/loopback/{endpoint}"
        holding = asyncio.create_task(client.post(path, content=slow()))
        await sent.wait()
        crowded = await send(client, endpoint, b"x" * 4_000_000)
        held = await holding
        afterwards = await send(client, endpoint, b"x" * 4_000_000)

    assert (crowded.status_code, crowded.headers["retry-after"]) == (503, "5")
    assert (held.status_code, afterwards.status_code) == (408, 200)


async def test_a_body_that_breaks_off_is_counted_and_no_error_of_ours(replica: Replica) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        path = f"/v1/channels/loopback/{endpoint}"
        pieces = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
        sent: list[Any] = []

        async def receive() -> Any:
            return pieces.pop(0)

        async def answered(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [],
            "http_version": "1.1",
            "scheme": "http",
        }
        await replica.app(scope, receive, answered)
        await replica.tally.write()
        state = await ok(client.get(f"/v1/endpoints/{endpoint}"))

    assert sent[0]["status"] == 400
    assert state["refused"] == {"body_broken_off": 1}


async def test_a_large_body_leaves_the_event_loop_to_others(replica: Replica) -> None:
    texts = [thing(str(n), "x" * 900) for n in range(3000)]
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with replica.client() as client:
        endpoint = await made(client)
        beside = asyncio.create_task(others())
        answer = await send(client, endpoint, {"things": texts})
        beside.cancel()

    assert (answer.status_code, len(replica.events)) == (202, 3000)
    assert turns > 20


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"{", b'{"things": 7}', b'{"things": [{"id": "1"}]}' * 2])
async def test_proven_bytes_of_any_kind_are_kept_never_an_error(replica: Replica, body: bytes) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        answer = await send(client, endpoint, body)
        kept = (await ok(client.get(f"/v1/endpoints/{endpoint}/unreadable")))["items"]

    assert (answer.status_code, answer.content) == (200, b"kept")
    assert len(kept) == 1


async def test_an_endpoint_that_cannot_be_opened_says_so_to_its_owner_and_asks_the_vendor_to_come_again(
    replica: Replica, sessions: Sessions
) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        async with sessions.begin() as session:
            await session.execute(text("UPDATE channel_secrets SET sealed = 'sealed with a lost key'"))
            await session.execute(text("UPDATE channel_endpoints SET version = version + 1"))
        await replica.directory._look()
        answer, state = await send(client, endpoint, {}), await ok(client.get(f"/v1/endpoints/{endpoint}"))
        tried = await client.post(f"/v1/endpoints/{endpoint}/try", json={"body": ""})
        await ok(client.post(f"/v1/endpoints/{endpoint}/rotate", json={"secrets": {"secret": "s2"}, "overlap_seconds": 0}))

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:hearback:problem:misconfigured")
    assert "cannot be opened" in state["error"]
    assert tried.status_code == 409

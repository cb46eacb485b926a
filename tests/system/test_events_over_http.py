"""`POST /v1/events` of a running ingest, rule by rule: what is answered, and what then lies on Kafka."""

import copy
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.contracts.decoding import decode
from shared.contracts.examples import EXAMPLES
from shared.contracts.identity import partition_key
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from tests.shared.kafka.reading import Mark, mark, read
from tests.system.platform import Platform, Service

TENANT = "post"
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
NDJSON = {"content-type": "application/x-ndjson"}


class Post:
    """A client of ingest, and what of its tenant came to lie on Kafka since the test began."""

    def __init__(self, client: httpx.AsyncClient, platform: Platform, since: Mark) -> None:
        self.client = client
        self._platform = platform
        self._since = since

    async def __call__(self, body: Any = None, **request: Any) -> httpx.Response:
        """Post `body` as JSON, or whatever `request` says."""
        return await self.client.post("/v1/events", **({} if body is None else {"json": body}), **request)

    async def stored(self) -> list[dict[str, Any]]:
        """The events, by topic and position; `_topic`, `_key`, `_headers` say how they lie there."""
        records = await read(self._platform.kafka_settings, self._since)
        found = [json.loads(r.value) | {"_topic": r.topic, "_key": r.key, "_headers": dict(r.headers), "_value": r.value} for r in records]
        return [event for event in found if event["tenant"] == TENANT]


@pytest_asyncio.fixture(scope="module")
async def client(platform: Platform, ingest: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.client(ingest, await platform.key(TENANT)) as client:
        yield client


@pytest_asyncio.fixture
async def post(platform: Platform, client: httpx.AsyncClient) -> Post:
    return Post(client, platform, await mark(platform.kafka_settings, FEEDBACK_EVENTS, FEEDBACK_BACKFILL))


def complaint(**attributes: Any) -> dict[str, Any]:
    """A complaint with an id of its own; an attribute of `...` is left out."""
    event = copy.deepcopy(EXAMPLES["feedback.complaint_raised.v1"]) | {"id": uuid4().hex}
    return {name: value for name, value in {**event, **attributes}.items() if value is not ...}


def key_id(post: Post) -> str:
    return str(post.client.headers["authorization"]).split("_")[1]


async def test_every_type_that_clients_send_is_taken_and_stored_as_it_was_sent(post: Post) -> None:
    events = [{**event, "id": uuid4().hex} for event in EXAMPLES.values()]

    answer = await post(events)

    assert (answer.status_code, answer.json()) == (202, {"accepted": len(events), "duplicates": [], "rejected": []})
    stored = {event["id"]: event for event in await post.stored()}
    for event in events:
        assert stored[event["id"]]["data"] == event["data"]
        assert stored[event["id"]]["_key"] == partition_key(TENANT, "c-1042", event["id"])
        assert decode(stored[event["id"]]["_value"]).type == event["type"]


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents+json; charset=utf-8", "text/plain", None])
async def test_a_structured_cloudevent_is_taken_with_any_content_type(post: Post, content_type: str | None) -> None:
    event = complaint(specversion="1.0", subject="order-5", dataschema="https://example.com/s", datacontenttype="application/json")
    headers = {} if content_type is None else {"content-type": content_type}

    answer = await post(content=json.dumps(event).encode(), headers=headers)

    assert answer.status_code == 202, answer.text
    (stored,) = await post.stored()
    assert (stored["id"], stored["subject"], stored["dataschema"]) == (event["id"], "order-5", "https://example.com/s")
    assert stored["specversion"] == "1.0"


def test_curl_needs_no_content_type(ingest: Service, client: httpx.AsyncClient) -> None:
    authorization = f"Authorization: {client.headers['authorization']}"
    url = f"{ingest.url}/v1/events"

    said = subprocess.run(
        ["curl", "-sS", "-w", "%{http_code}", "-H", authorization, "-d", json.dumps(complaint()), url],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip

    assert said.stdout == '{"accepted":1,"duplicates":[],"rejected":[]}202'


async def test_arrays_batches_and_ndjson_are_taken_event_by_event(post: Post) -> None:
    array, batch, lines = ([complaint() for _ in range(3)] for _ in range(3))

    answers = [
        await post(array),
        await post(content=json.dumps(batch).encode(), headers={"content-type": "application/cloudevents-batch+json"}),
        await post(content="\n\n".join(map(json.dumps, lines)).encode() + b"\r\n", headers=NDJSON),
    ]

    assert [(answer.status_code, answer.json()["accepted"]) for answer in answers] == [(202, 3)] * 3
    assert {event["id"] for event in await post.stored()} == {event["id"] for event in (*array, *batch, *lines)}


async def test_binary_mode_is_taken_with_its_percent_encoded_headers(post: Post) -> None:
    event = complaint()
    headers = {
        "ce-specversion": "1.0", "ce-type": event["type"], "ce-source": "/crm", "ce-id": f"{event['id']}%20%C3%BC",
        "ce-time": event["time"], "ce-subject": "%E6%BC%A2%22", "ce-backfill": "true",
        "ce-myext": "100%25", "content-type": "application/json",
    }  # fmt: skip

    answer = await post(content=json.dumps(event["data"]).encode(), headers=headers)

    assert answer.status_code == 202, answer.text
    (stored,) = await post.stored()
    assert (stored["id"], stored["subject"], stored["myext"]) == (f"{event['id']} ü", '漢"', "100%")
    assert (stored["_topic"], stored["backfill"], stored["data"]) == (FEEDBACK_BACKFILL, True, event["data"])


async def test_the_shorthand_gets_our_source_an_id_the_tenant_and_the_time_of_receipt(post: Post) -> None:
    answer = await post(complaint(id=..., source=...), headers={"prefer": "return=representation", "traceparent": TRACE})

    (stored,) = await post.stored()
    assert answer.json()["ids"] == [stored["id"]]
    assert (stored["source"], stored["tenant"], stored["specversion"]) == (f"/keys/{key_id(post)}", TENANT, "1.0")
    assert stored["receivedat"] > stored["time"] == "2026-03-01T09:30:00Z"
    assert stored["_headers"] == {"traceparent": TRACE.encode(), "content-type": b"application/cloudevents+json"}


async def test_extension_attributes_and_the_own_tenant_pass_and_a_receipt_of_the_client_is_replaced(post: Post) -> None:
    answer = await post(complaint(myext="a", number=7, flag=True, tenant=TENANT, receivedat="2001-01-01T00:00:00Z"))

    assert answer.status_code == 202, answer.text
    (stored,) = await post.stored()
    assert (stored["myext"], stored["number"], stored["flag"]) == ("a", 7, True)
    assert not stored["receivedat"].startswith("2001")


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"datacontenttype": "application/xml"}, ["datacontenttype"]),
        ({"data": {"channel": "web", "text": "a", "colour": "red"}}, ["data", "colour"]),
        ({"data": {"channel": "web", "text": "a", "customer": {"id": "c", "nmae": "x"}}}, ["data", "customer", "nmae"]),
        ({"my_ext": "a"}, ["my_ext"]),
        ({"time": "2026-03-01T10:30:00"}, ["time"]),
        ({"type": "feedback.complaint_raised.v9"}, ["type"]),
        ({"data": ...}, ["data"]),
    ],
)
async def test_what_cannot_be_taken_is_refused_by_name_and_nothing_is_stored(post: Post, change: dict[str, Any], loc: list[str]) -> None:
    event = complaint(**change)

    answer = await post(event)

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:hearback:problem:no_valid_event")
    assert problem["errors"][0]["loc"] == [0, *loc]
    assert (problem["accepted"], problem["rejected"][0]["index"], problem["rejected"][0]["id"]) == (0, 0, event["id"])
    assert await post.stored() == []


async def test_what_is_valid_of_a_batch_is_taken_and_the_rest_told_by_index_and_id(post: Post) -> None:
    events = [complaint(), complaint(data={"channel": "fax", "text": "a"}), complaint(), complaint(tenant="umbrella"), complaint(id=...), 7]

    answer = await post(events, headers={"prefer": "return=representation"})

    content = answer.json()
    assert (answer.status_code, content["accepted"], content["duplicates"]) == (202, 3, [])
    assert [(r["index"], r["id"]) for r in content["rejected"]] == [(1, events[1]["id"]), (3, events[3]["id"]), (5, None)]
    assert content["rejected"][0]["errors"][0]["loc"] == ["data", "channel"]
    assert content["rejected"][1]["errors"][0]["msg"].startswith("403")
    assert [content["ids"][place] for place in (0, 1, 2, 3, 5)] == [events[0]["id"], None, events[2]["id"], None, None]
    assert {event["id"] for event in await post.stored()} == {id for id in content["ids"] if id}


async def test_repetitions_are_stored_again_and_named_as_duplicates_with_the_same_or_a_lower_revision(post: Post) -> None:
    event = complaint()
    higher = copy.deepcopy(event)
    higher["data"]["revision"] = 3
    await post([event, complaint()])

    repeated = (await post([complaint(), event])).json()
    raised = (await post(higher)).json()
    lower = (await post(event)).json()

    assert (repeated["accepted"], repeated["duplicates"]) == (2, [1])
    assert (raised["duplicates"], lower["duplicates"]) == ([], [0])
    assert len([stored for stored in await post.stored() if stored["id"] == event["id"]]) == 4


async def test_an_idempotency_key_gives_the_same_ids_again_and_without_one_a_repetition_counts_twice(post: Post) -> None:
    two = [complaint(id=...), complaint(id=...)]
    asking = {"prefer": "return=representation", "idempotency-key": uuid4().hex}

    first, again = (await post(two, headers=asking)).json(), (await post(two, headers=asking)).json()
    alone = [(await post(two[0], headers={"prefer": "return=representation"})).json()["ids"][0] for _ in range(2)]

    assert first["ids"] == again["ids"]
    assert again["duplicates"] == [0, 1]
    assert len({*first["ids"], *alone}) == 4


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"hello", b"\xef\xbb\xbf{}"])
async def test_nothing_readable_is_400(post: Post, body: bytes) -> None:
    answer = await post(content=body)

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:hearback:problem:unreadable")


async def test_only_foreign_events_are_403_and_with_an_invalid_one_among_them_422(post: Post) -> None:
    foreign, mixed = await post([complaint(tenant="umbrella")] * 2), await post([complaint(tenant="umbrella"), {}])

    assert (foreign.status_code, mixed.status_code) == (403, 422)
    assert foreign.headers["content-type"] == "application/problem+json"
    assert [r["index"] for r in foreign.json()["rejected"]] == [0, 1]
    assert await post.stored() == []


async def test_too_many_events_are_413(post: Post) -> None:
    answer = await post(content=b"[" + b",".join([b"{}"] * 5001) + b"]")

    assert (answer.status_code, answer.json()["type"]) == (413, "urn:hearback:problem:too_many_events")


async def test_without_the_scope_for_history_the_live_events_of_a_batch_are_still_taken(
    platform: Platform, ingest: Service, post: Post
) -> None:
    live, old = complaint(), complaint(backfill=True)
    async with platform.client(ingest, await platform.key(TENANT, ["ingest:write"])) as writer:
        answer = await writer.post("/v1/events", json=[live, old])

    assert (answer.status_code, answer.json()["rejected"][0]["errors"][0]["loc"]) == (202, ["backfill"])
    assert [event["id"] for event in await post.stored()] == [live["id"]]

"""Keys: read from `access.v1` on a real Kafka by two services at once, good from the moment they are there, refused when they are not."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio

from shared.contracts.access import KeyRecord, Scope, TenantRecord
from shared.contracts.decoding import Event, encode_own
from shared.contracts.topics import ACCESS
from shared.kafka.producer import Producer
from shared.settings import KafkaSettings
from shared.web.access import Access, Principal, check_scope
from shared.web.problems import Problem
from tests.shared.kafka.producing import connected
from tests.shared.loops import running
from tests.shared.web.serving import ask, serve

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Desk:
    """Gives keys out, as ingest's relay would announce them."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def key(self, tenant: str = "acme", scopes: tuple[Scope, ...] = ("metrics:read",), **record: Any) -> str:
        """The text of a new key, announced."""
        key_id = secrets.token_hex(8)
        text = f"hb_{key_id}_{secrets.token_urlsafe(32)}"
        await self.announce(text, tenant, scopes, **record)
        return text

    async def announce(self, text: str, tenant: str = "acme", scopes: tuple[Scope, ...] = ("metrics:read",), **told: Any) -> None:
        """One record of the key `text`."""
        key_id = text.split("_")[1]
        sequence = told.pop("sequence", 1)
        record = KeyRecord(key=key_id, sha256=hashlib.sha256(text.encode()).hexdigest(), scopes=scopes, created_at=NOW, **told)
        value = encode_own("access.key.v1", id=secrets.token_hex(8), source="/t", tenant=tenant, time=NOW, data=record, sequence=sequence)
        await self.write(f"key:{key_id}", value)

    async def write(self, key: str, value: bytes) -> None:
        """Any bytes."""
        await self._producer.publish(ACCESS, key.encode(), value)


@pytest_asyncio.fixture(scope="module")
async def desk(kafka: KafkaSettings) -> AsyncIterator[Desk]:
    async with connected(kafka, [ACCESS]) as producer:
        yield Desk(producer)


@pytest_asyncio.fixture(scope="module")
async def services(desk: Desk, kafka: KafkaSettings) -> AsyncIterator[tuple[Access, Access]]:
    """Two services with a copy each, which have read everything."""
    both = Access(kafka, lambda: NOW), Access(kafka, lambda: NOW)
    async with running(both[0].copy, both[1].copy):
        async with asyncio.timeout(20):
            while (await both[0].missing(), await both[1].missing()) != (None, None):
                await asyncio.sleep(0.02)
        yield both


async def refused(access: Access, authorization: str | None) -> Problem:
    with pytest.raises(Problem) as caught:
        await access.authenticate(authorization)
    return caught.value


async def test_a_key_works_at_once_on_every_service_when_it_has_been_announced(desk: Desk, services: tuple[Access, Access]) -> None:
    for _ in range(20):
        key = await desk.key()

        callers = await asyncio.gather(*(access.authenticate(f"Bearer {key}") for access in services))

        assert [(caller.tenant, caller.scopes) for caller in callers] == [("acme", {"metrics:read"})] * 2


async def test_unknown_keys_are_refused_soon_however_many_ask(services: tuple[Access, Access]) -> None:
    began = asyncio.get_running_loop().time()

    problems = await asyncio.gather(*(refused(services[0], f"Bearer hb_unknown{number}_secret") for number in range(300)))

    assert asyncio.get_running_loop().time() - began < 10, "together, not one after the other"
    assert {problem.status for problem in problems} == {401}


async def test_an_unknown_key_is_remembered_and_others_wait_for_kafka(kafka: KafkaSettings, desk: Desk) -> None:
    access = Access(kafka, lambda: NOW)
    known = await desk.key()
    async with running(access.copy):
        async with asyncio.timeout(20):
            while await access.missing() is not None:
                await asyncio.sleep(0.02)
        assert (await refused(access, "Bearer hb_remembered_x")).status == 401

    assert (await refused(access, "Bearer hb_remembered_x")).status == 401
    other = await refused(access, "Bearer hb_other_x")
    assert (other.status, other.headers["Retry-After"]) == (503, "5")
    assert (await access.authenticate(f"Bearer {known}")).tenant == "acme"


async def test_a_record_that_arrives_ends_the_remembering(desk: Desk, services: tuple[Access, Access]) -> None:
    text = f"hb_{secrets.token_hex(8)}_early"
    assert (await refused(services[0], f"Bearer {text}")).status == 401
    await desk.announce(text)

    async with asyncio.timeout(30):
        while services[0].known(text) is None:
            await asyncio.sleep(0.01)

    assert (await services[0].authenticate(f"Bearer {text}")).tenant == "acme"


async def test_a_revoked_key_is_refused_everywhere_within_seconds_and_no_older_record_brings_it_back(
    desk: Desk, services: tuple[Access, Access]
) -> None:
    key = await desk.key()
    for access in services:
        await access.authenticate(f"Bearer {key}")

    await desk.announce(key, sequence=2, revoked_at=NOW)
    await desk.announce(key, sequence=1)
    await desk.key()
    for access in services:
        await access.copy.catch_up(3)

    for access in services:
        assert (await refused(access, f"Bearer {key}")).detail == "this key is not valid"


async def test_a_key_is_good_until_the_instant_it_expires(desk: Desk, services: tuple[Access, Access]) -> None:
    good, expired = await desk.key(expires_at=NOW + timedelta(microseconds=1)), await desk.key(expires_at=NOW)

    assert (await services[0].authenticate(f"Bearer {good}")).expires_at == NOW + timedelta(microseconds=1)
    assert (await refused(services[0], f"Bearer {expired}")).detail == "this key has expired"


async def test_whoever_gives_a_key_out_can_wait_until_it_is_announced_and_no_longer_than_it_likes(
    desk: Desk, services: tuple[Access, Access]
) -> None:
    clock = asyncio.get_running_loop().time
    text = f"hb_{secrets.token_hex(8)}_new"
    waiting = asyncio.create_task(services[0].announced(text.split("_")[1], 3600))
    await asyncio.sleep(0.1)
    assert not waiting.done()

    await desk.announce(text)
    async with asyncio.timeout(30):
        await waiting
        await services[0].announced(text.split("_")[1], 3600)
    assert services[0].known(text) is not None

    began = clock()
    async with asyncio.timeout(30):
        await services[0].announced("never", 0.2)
    assert clock() - began >= 0.2


async def test_a_wrong_secret_is_refused_whether_it_differs_in_a_letter_or_in_length(desk: Desk, services: tuple[Access, Access]) -> None:
    key = await desk.key()
    other = await desk.key()
    wrong = [key[:-1] + ("a" if key[-1] != "a" else "b"), key + "a", key[:-1], "_".join(key.split("_")[:2]) + "_" + other.split("_", 2)[2]]

    for text in wrong:
        problem = await refused(services[0], f"Bearer {text}")

        assert (problem.status, problem.detail) == (401, "this key is not valid")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic aGI6eA==", "hb_a_b", "Bearer hb_a", "Bearer hb_a_", "Bearer hb__b", "Bearer xx_a_b", "Bearer _",
     "Bearer hb_ä_b", "Bearer hb_a_ü", "Bearer hb_a_\x00é", "Bearer  "],
)  # fmt: skip
async def test_a_malformed_header_is_refused_at_once_with_what_a_key_looks_like(
    services: tuple[Access, Access], authorization: str | None
) -> None:
    problem = await refused(services[0], authorization)

    assert problem.status == 401
    assert "hb_" in problem.detail
    assert problem.headers["WWW-Authenticate"].startswith("Bearer")


async def test_the_scheme_may_be_written_in_any_case(desk: Desk, services: tuple[Access, Access]) -> None:
    key = await desk.key()

    assert (await services[0].authenticate(f"bEARER {key}")).tenant == "acme"


async def test_records_that_cannot_be_read_are_passed_over_and_the_copy_goes_on(desk: Desk, services: tuple[Access, Access]) -> None:
    await desk.write("key:poison", b"poison")
    await desk.write("key:poison", b'{"specversion":"1.0","type":"access.key.v1"}')

    assert (await services[1].authenticate(f"Bearer {await desk.key()}")).tenant == "acme"


async def test_operator_holds_only_for_keys_of_the_tenant_system(desk: Desk, services: tuple[Access, Access]) -> None:
    app = serve(services[0])
    ours, theirs = await desk.key("system", ("operator",)), await desk.key("acme", ("operator", "admin", "metrics:read"))

    allowed = await ask(app, "GET", "/v1/notes/of/operator", headers={"authorization": f"Bearer {ours}"})
    refused = await ask(app, "GET", "/v1/notes/of/operator", headers={"authorization": f"Bearer {theirs}"})

    assert (allowed.status_code, allowed.json()) == (200, "system")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:hearback:problem:forbidden")


async def test_a_missing_scope_is_named_and_whoami_tells_what_a_key_may(desk: Desk, services: tuple[Access, Access]) -> None:
    app = serve(services[0])
    key = await desk.key("acme", ("cases:read", "alerts:read"))
    headers = {"authorization": f"Bearer {key}"}

    refused = await ask(app, "GET", "/v1/notes/of/reader", headers=headers)
    told = await ask(app, "GET", "/v1/whoami", headers=headers)

    assert (refused.status_code, "metrics:read" in refused.json()["detail"]) == (403, True)
    assert told.json() == {"tenant": "acme", "key": key.split("_")[1], "scopes": ["alerts:read", "cases:read"]}


@pytest.mark.parametrize("scope", ["admin", "operator", "ingest:write"])
def test_no_scope_implies_another(scope: str) -> None:
    every_other = frozenset({"admin", "operator", "ingest:write", "metrics:read"}) - {scope}

    with pytest.raises(Problem):
        check_scope(Principal("system", "k", every_other, None), scope)


class Fussy(str):
    """A text that does not let itself be compared letter by letter, which would tell by its time how many are right."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared with ==")


def test_secrets_are_compared_in_constant_time(kafka: KafkaSettings) -> None:
    access = Access(kafka, lambda: NOW)
    digest = Fussy(hashlib.sha256(b"hb_fussy_right").hexdigest())
    record = SimpleNamespace(key="fussy", sha256=digest, scopes=(), expires_at=None, revoked_at=None)
    access.copy._take(cast(Event, SimpleNamespace(type="access.key.v1", tenant="acme", sequence=1, data=record)))

    principal = access.known("hb_fussy_right")
    with pytest.raises(Problem):
        access.known("hb_fussy_wrong")

    assert principal is not None


async def test_every_service_knows_a_tenants_settings_and_the_newest_record_holds(desk: Desk, services: tuple[Access, Access]) -> None:
    for sequence, redaction in ((2, True), (1, False)):
        record = TenantRecord(tenant="redacting", name="Redacting", redaction=redaction, created_at=NOW)
        value = encode_own(
            "access.tenant.v1", id=f"t-{sequence}", source="/t", tenant="redacting", time=NOW, data=record, sequence=sequence
        )
        await desk.write("tenant:redacting", value)

    for access in services:
        await access.copy.catch_up(5.0)

        assert access.tenants["redacting"].redaction is True

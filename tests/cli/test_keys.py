"""`hearback keys` on a real ingest: a key works when the command returns, and no longer after its revocation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from services.cli import keys
from shared.errors import ConfigurationError
from tests.cli.installation import Installation
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform, Service


@pytest_asyncio.fixture(scope="module")
async def platform(kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Topics and databases; no process."""
    platform = Platform(kafka_server, postgres_server, tmp_path_factory.mktemp("keys"))
    await platform.prepare("ingest", "scoring")
    return platform


@pytest_asyncio.fixture(scope="module")
async def services(platform: Platform) -> AsyncIterator[list[Service]]:
    """Two services that must both take a key."""
    yield [await platform.start("ingest"), await platform.start("scoring")]
    await platform.stop_all()


@pytest.fixture
def installation(platform: Platform, services: list[Service], tmp_path: Path) -> Installation:
    """The running stack that the command finds."""
    databases = {"ingest": platform.postgres.url_for("hearback_ingest")}
    return Installation.make(tmp_path, platform.kafka.bootstrap, databases, {service.name: service.url for service in services})


def whoami(service: Service, key: str) -> httpx.Response:
    """Who the service takes the holder of this key for, asked once."""
    return httpx.get(f"{service.url}/v1/whoami", headers={"Authorization": f"Bearer {key}"})


async def test_a_key_of_a_new_tenant_works_on_every_service_when_the_command_returns(
    installation: Installation, services: list[Service]
) -> None:
    made = await installation.told(
        "keys", "create", "--tenant", "keys-new", "--scope", "metrics:read", "--scope", "ingest:write,metrics:read",
        "--expires", "2090-01-01T01:00:00+01:00",
    )  # fmt: skip

    answers = [whoami(service, made["key"]) for service in services]
    assert [(answer.status_code, answer.json()["tenant"]) for answer in answers] == [(200, "keys-new")] * 2
    assert set(made) == {"id", "key", "tenant", "scopes", "expires_at"}
    assert made["key"].startswith(f"hb_{made['id']}_")
    assert sorted(made["scopes"]) == ["ingest:write", "metrics:read"]
    assert made["expires_at"] == "2090-01-01T00:00:00+00:00"


async def test_keys_are_listed_without_secrets_by_tenant_and_die_by_revocation(installation: Installation, services: list[Service]) -> None:
    mine = await installation.told("keys", "create", "--tenant", "keys-mine", "--scope", "admin")
    await installation.told("keys", "create", "--tenant", "keys-other", "--scope", "admin")

    foreign = await installation.call("keys", "revoke", mine["id"], "--tenant", "keys-other")
    listed = await installation.told("keys", "list", "--tenant", "keys-mine")
    revoked = await installation.call("keys", "revoke", mine["id"], "--tenant", "keys-mine")

    assert foreign.returncode == 2
    assert foreign.stderr.startswith("hearback: tenant keys-other has no key")
    assert [(key["id"], key["scopes"], key["revoked_at"]) for key in listed] == [(mine["id"], ["admin"], None)]
    assert mine["key"] not in str(listed)
    assert (revoked.returncode, revoked.stdout) == (0, f"{mine['id']}: revoked\n")
    for service in services:
        async with asyncio.timeout(10):
            while whoami(service, mine["key"]).status_code != 401:
                await asyncio.sleep(0.05)
    (key,) = await installation.told("keys", "list", "--tenant", "keys-mine")
    assert key["revoked_at"] is not None


async def test_without_a_running_ingest_the_key_is_shown_and_the_line_says_what_is_missing(
    platform: Platform, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = await postgres_server.create_database("hearback_keys_alone")
    (tmp_path / ".hearback").mkdir()
    (tmp_path / "pyproject.toml").touch()
    alone = Installation(tmp_path)

    missing = await alone.call("keys", "list", "--tenant", "acme", HEARBACK_INGEST_DATABASE_URL=url)
    await alone.call("migrate", "ingest", HEARBACK_INGEST_DATABASE_URL=url)
    made = await alone.call(
        "keys", "create", "--tenant", "acme", "--scope", "admin", "--json", "--wait", "0.3", HEARBACK_INGEST_DATABASE_URL=url
    )

    assert "`hearback migrate`" in missing.stderr
    assert made.returncode == 1
    assert made.stdout.startswith('{"id": ')
    assert "stored but not announced" in made.stderr
    assert len(made.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("tenant", "scopes", "expires", "says"),
    [
        ("acme", ["operator"], None, "only for keys of the tenant system"),
        ("acme", ["admin", "ingest:all"], None, "--scope ingest:all: must be one of ingest:write"),
        ("acme", [","], None, "must be one of ingest:write"),
        ("Acme Ltd", ["admin"], None, "--tenant must be a tenant's name"),
        ("acme", ["admin"], "2027-01-01", "--expires must be an RFC 3339 instant"),
        ("acme", ["admin"], "2001-01-01T00:00:00Z", "--expires lies in the past"),
    ],
)
def test_what_cannot_become_a_key_is_refused_before_anything_is_asked(
    tenant: str, scopes: list[str], expires: str | None, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        keys.create(tenant, scopes, expires)

    assert "\n" not in str(refused.value)


async def test_the_tenant_system_may_have_the_operators_key(installation: Installation, services: list[Service]) -> None:
    made = await installation.told("keys", "create", "--tenant", "system", "--scope", "operator")

    async with httpx.AsyncClient(base_url=services[0].url, headers={"Authorization": f"Bearer {made['key']}"}) as operator:
        tenants = await operator.get("/v1/tenants")

    assert tenants.status_code == 200


async def test_a_database_that_is_not_known_or_not_as_named_is_one_line(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / ".hearback").mkdir()
    (tmp_path / "pyproject.toml").touch()
    alone = Installation(tmp_path)
    wrong = make_url(platform.postgres.url_for("hearback_ingest")).set(password="mistaken").render_as_string(hide_password=False)

    unknown = await alone.call("keys", "list", "--tenant", "acme")
    refused = await alone.call("keys", "list", "--tenant", "acme", HEARBACK_INGEST_DATABASE_URL=wrong)

    assert (unknown.returncode, refused.returncode) == (2, 2)
    assert "set HEARBACK_INGEST_DATABASE_URL" in unknown.stderr
    assert "the user or the password is not right" in refused.stderr
    assert "mistaken" not in refused.stderr
    assert len(unknown.stderr.splitlines()) == len(refused.stderr.splitlines()) == 1

"""`hearback keys`: the first keys of an installation, made directly in ingest's database by whoever may read its password.

Later ones can also be made over HTTP (`/v1/keys`) with a key that has the scope `admin`.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import httpx
import sqlalchemy as sa
import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Column, Table

from services.cli.databases import open_database
from services.cli.running import join_running_stack
from services.cli.settings import LocalSettings
from services.cli.stack.demo import until_known
from services.cli.stack.stack_file import StackFile
from services.ingest import access_store
from services.ingest.schema import metadata
from shared.clock import utc_now
from shared.contracts.access import Scope
from shared.contracts.fields import PATTERN_TEXTS, TENANT_PATTERN, Instant, Tenant
from shared.contracts.topics import ACCESS
from shared.database.engine import Sessions
from shared.errors import ConfigurationError, Unavailable
from shared.settings import load
from shared.web.access import SYSTEM_TENANT

ACTOR = "hearback keys"
LOOK_AGAIN_SECONDS = 0.1
SCOPES: tuple[Scope, ...] = get_args(Scope)
PAGE = 500

app = typer.Typer(no_args_is_help=True, add_completion=False, help="API keys of tenants.")
TenantOption = Annotated[str, typer.Option(help="Whose key: 1 to 63 of a-z, 0-9 and -.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts.")]
WaitOption = Annotated[float, typer.Option(help="Seconds to wait until the services have been told.", min=0)]


@app.command()
def create(
    tenant: TenantOption,
    scope: Annotated[list[str], typer.Option(help=f"What it may do; may be given several times. One of: {', '.join(SCOPES)}.")],
    expires: Annotated[str | None, typer.Option(help="When it ends, for example 2027-01-01T00:00:00Z; never when not given.")] = None,
    as_json: JsonOption = False,
    wait: WaitOption = 30.0,
) -> None:
    """Make a key, and its tenant when there is none of this name. The key is shown this once, and works when this returns."""
    checked_tenant, scopes = _tenant(tenant), _scopes(scope, tenant)
    expires_at = None if expires is None else _future(expires)
    stack = join_running_stack()
    key, text = asyncio.run(_create(checked_tenant, scopes, expires_at))
    told: dict[str, Any] = {"id": key.id, "key": text, "tenant": key.tenant, "scopes": list(key.scopes), "expires_at": _iso(expires_at)}
    typer.echo(json.dumps(told) if as_json else f"{text}\n{key.id}: tenant {key.tenant}, {', '.join(key.scopes)}; shown this once")
    asyncio.run(_until_it_works(key.id, text, stack, wait))


@app.command("list")
def list_keys(tenant: TenantOption, as_json: JsonOption = False) -> None:
    """Show the keys of a tenant, without their secrets, which nobody has but their holders."""
    checked_tenant = _tenant(tenant)
    join_running_stack()
    keys = asyncio.run(_list(checked_tenant))
    if as_json:
        typer.echo(json.dumps([_described(key) for key in keys]))
        return
    table = Table(Column("id", no_wrap=True), "scopes", "made", "expires", "revoked")
    for key in keys:
        table.add_row(key.id, ", ".join(key.scopes), *(_short(at) for at in (key.created_at, key.expires_at, key.revoked_at)))
    Console().print(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], tenant: TenantOption, wait: WaitOption = 30.0) -> None:
    """Revoke a key of a tenant; services refuse it within seconds. Revoking twice changes nothing."""
    checked_tenant = _tenant(tenant)
    join_running_stack()
    asyncio.run(_revoke(checked_tenant, key_id, wait))
    typer.echo(f"{key_id}: revoked")


@app.command()
def announce() -> None:
    """Tell Kafka all tenants and keys again, for one that has lost them. A running ingest sends it; one that has them drops it."""
    join_running_stack()
    told_tenants, told_keys = asyncio.run(_announce())
    typer.echo(f"put into the outbox of ingest: {told_tenants} tenants, {told_keys} keys")


async def _announce() -> tuple[int, int]:
    async with open_database("ingest", ACTOR) as sessions, sessions.begin() as session:
        return await access_store.announce_all(session, utc_now())


async def _create(tenant: str, scopes: Sequence[Scope], expires_at: datetime | None) -> tuple[access_store.Key, str]:
    now = utc_now()
    async with open_database("ingest", ACTOR) as sessions, sessions.begin() as session:
        await access_store.create_tenant(session, id=tenant, name=tenant, actor=ACTOR, now=now)
        return await access_store.create_key(session, tenant=tenant, scopes=scopes, expires_at=expires_at, actor=ACTOR, now=now)


async def _list(tenant: str) -> Sequence[access_store.Key]:
    found: list[access_store.Key] = []
    async with open_database("ingest", ACTOR) as sessions, sessions() as session:
        if not await access_store.tenant_exists(session, tenant):
            raise ConfigurationError(f"there is no tenant {tenant}")
        while page := await access_store.list_keys(session, tenant=tenant, after=found[-1].id if found else "", limit=PAGE):
            found += page
    return found


async def _revoke(tenant: str, key_id: str, wait: float) -> None:
    async with open_database("ingest", ACTOR) as sessions:
        async with sessions.begin() as session:
            revoked = await access_store.revoke_key(session, tenant=tenant, key_id=key_id, actor=ACTOR, now=utc_now())
        if revoked is None:
            raise ConfigurationError(f"tenant {tenant} has no key {key_id}; see them with `hearback keys list --tenant {tenant}`")
        await _until_announced(sessions, key_id, wait)


async def _until_it_works(key_id: str, text: str, stack: StackFile | None, wait: float) -> None:
    """Wait for the announcement and, where the running stack uses this database, until each of its services takes the key."""
    async with open_database("ingest", ACTOR) as sessions:
        await _until_announced(sessions, key_id, wait)
    if stack is not None and stack.postgres.databases.get("ingest") == load(LocalSettings).database_url_of("ingest"):
        async with httpx.AsyncClient(timeout=5.0) as client:
            await until_known(text, [service.url for service in stack.services.values()], client)


async def _until_announced(sessions: Sessions, key_id: str, wait: float) -> None:
    """Wait until ingest's relay has sent what the change left in the outbox. Raises Unavailable when it does not in time."""
    outbox = metadata.tables["outbox"]
    unsent = sa.select(outbox.c.position).where(outbox.c.topic == ACCESS, outbox.c.key == f"key:{key_id}".encode()).limit(1)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while True:
        async with sessions() as session:
            if (await session.execute(unsent)).first() is None:
                return
        if loop.time() >= deadline:
            raise Unavailable("ingest", f"key {key_id} is stored but not announced; the services learn of it as soon as ingest runs")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _tenant(text: str) -> str:
    try:
        tenant: str = TypeAdapter(Tenant).validate_python(text)
    except ValidationError:
        raise ConfigurationError(f"--tenant {PATTERN_TEXTS[TENANT_PATTERN]}") from None
    return tenant


def _scopes(texts: Sequence[str], tenant: str) -> tuple[Scope, ...]:
    """The scopes, each once, also where several were written with commas."""
    wanted = dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip())
    unknown = [name for name in wanted if name not in SCOPES]
    if unknown or not wanted:
        raise ConfigurationError(f"--scope {', '.join(unknown)}: must be one of {', '.join(SCOPES)}")
    if "operator" in wanted and tenant != SYSTEM_TENANT:
        raise ConfigurationError(f"--scope operator is only for keys of the tenant {SYSTEM_TENANT}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _future(text: str) -> datetime:
    try:
        at: datetime = TypeAdapter(Instant).validate_python(text)
    except ValidationError as refused:
        raise ConfigurationError(f"--expires {refused.errors()[0]['msg']}") from None
    if at <= utc_now():
        raise ConfigurationError("--expires lies in the past: such a key would never work")
    return at.astimezone(UTC)


def _described(key: access_store.Key) -> dict[str, Any]:
    instants = {"created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at}
    return {"id": key.id, "tenant": key.tenant, "scopes": list(key.scopes), **{name: _iso(at) for name, at in instants.items()}}


def _short(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}Z"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()

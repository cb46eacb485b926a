"""`hearback keys announce`, for a Kafka that has lost the keys."""

from pathlib import Path

import asyncpg

from services.ingest import access_store
from shared.contracts.decoding import decode
from tests.cli.installation import Installation
from tests.servers import PostgresServer

SENT = "DELETE FROM outbox RETURNING position, key, value"


async def test_every_tenant_and_key_is_put_into_the_outbox_as_it_was_announced_last(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = await postgres_server.create_database("hearback_keys_announced")
    (tmp_path / ".hearback").mkdir()
    (tmp_path / "pyproject.toml").touch()
    alone = Installation(tmp_path)
    await alone.call("migrate", "ingest", HEARBACK_INGEST_DATABASE_URL=url)
    create = ("keys", "create", "--tenant", "acme", "--scope", "admin", "--wait", "0")
    for _ in range(2):
        await alone.call(*create, HEARBACK_INGEST_DATABASE_URL=url)
    connection = await asyncpg.connect(url)
    revoked = await connection.fetchval("SELECT min(id) FROM keys")
    await alone.call("keys", "revoke", revoked, "--tenant", "acme", "--wait", "0", HEARBACK_INGEST_DATABASE_URL=url)
    announced = {row["key"]: decode(row["value"]) for row in sorted(await connection.fetch(SENT), key=lambda row: row["position"])}

    said = await alone.call("keys", "announce", HEARBACK_INGEST_DATABASE_URL=url)

    again = {row["key"]: decode(row["value"]) for row in await connection.fetch(SENT)}
    await connection.close()
    assert said.stdout == "put into the outbox of ingest: 1 tenants, 2 keys\n"
    assert {key: (event.sequence, event.data) for key, event in again.items()} == {
        key: (event.sequence, event.data) for key, event in announced.items()
    }
    assert {event.sequence for event in again.values()} == {1, 2}
    assert all(event.source == access_store.SOURCE for event in again.values())

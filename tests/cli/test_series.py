"""`hearback series announce`, for a Kafka that has lost what rules asked of scoring."""

import asyncio
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text

from services.alerts import configuration
from services.alerts.domain.rule import read_rule
from shared.clock import utc_now
from shared.contracts.decoding import decode
from shared.contracts.topics import SERIES_WANTED
from shared.database.engine import create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.settings import DatabaseSettings
from tests.cli.installation import Installation
from tests.servers import PostgresServer

RULE = {"rule": "low", "metric": "csat", "window": "1h", "filter": {"channel": "phone"}, "condition": {"below": 0.7}}


async def test_a_series_that_a_rule_needs_is_asked_for_again(postgres_server: PostgresServer, tmp_path: Path) -> None:
    database = DatabaseSettings(url=SecretStr(await postgres_server.create_database("hearback_series_announced")))
    await asyncio.to_thread(upgrade, "alerts", database)
    (tmp_path / ".hearback").mkdir()
    (tmp_path / "pyproject.toml").touch()
    engine = create_engine(database, "test")
    async with create_sessions(engine).begin() as session:
        await configuration.put_rule(session, "acme", read_rule(RULE), "api", "key:k", utc_now())

    said = await Installation(tmp_path).call("series", "announce", HEARBACK_ALERTS_DATABASE_URL=database.url.get_secret_value())

    async with engine.connect() as connection:
        wishes = (await connection.execute(text("SELECT value FROM outbox WHERE topic = :topic"), {"topic": SERIES_WANTED})).scalars()
        first, again = (decode(bytes(value)) for value in wishes)
    await engine.dispose()
    assert (said.returncode, said.stdout) == (0, "put into the outbox of alerts: 1 series\n"), said.stderr
    assert (again.id, again.sequence, again.data) == (first.id, first.sequence, first.data)

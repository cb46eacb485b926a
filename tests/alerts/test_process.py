"""Alerts as its processes start. Kills, doubles and drains are in tests/faults."""

import asyncio
import os
import sys
from pathlib import Path

import pytest_asyncio
from cryptography.fernet import Fernet

from shared.database.engine import Sessions
from shared.kafka.topics import ensure_topics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.servers import KafkaServer

KEY = Fernet.generate_key().decode()


@pytest_asyncio.fixture
async def environment(kafka_server: KafkaServer, alerts_database: DatabaseSettings, sessions: Sessions) -> dict[str, str]:
    """What a process is told, on empty tables."""
    await ensure_topics(KafkaSettings(bootstrap=kafka_server.bootstrap))
    return {
        "HEARBACK_KAFKA_BOOTSTRAP": kafka_server.bootstrap,
        "HEARBACK_KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "HEARBACK_ALERTS_DATABASE_URL": alerts_database.url.get_secret_value(),
        "HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS": "true",
        "HEARBACK_ALERTS_SECRETS_KEY": KEY,
    }


async def test_a_folder_that_makes_no_sense_ends_the_start_with_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("rules: [{rule: low}]")
    run = "import sys; from services.alerts.main import main; from shared.errors import ConfigurationError\n"
    run += "try: main()\nexcept ConfigurationError as error: sys.exit(str(error))"

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", run, env={**os.environ, **environment, "HEARBACK_ALERTS_CONFIGURATION": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await child.communicate()

    assert child.returncode == 1
    assert said.decode().startswith("HEARBACK_ALERTS_CONFIGURATION: acme.yaml: rules, low: ")
    assert said.count(b"\n") == 1

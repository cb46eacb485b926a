"""`hearback up` against a Kafka and a PostgreSQL that somebody else runs: they are used, not started, and not stopped."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from services.cli.stack.child import started_at
from services.cli.stack.kafka import KafkaTuning
from services.cli.stack.ports import free_port
from services.cli.stack.stack_file import StackFile
from tests.servers import QUICK_HEAP, KafkaServer, PostgresServer

PATIENCE_SECONDS = 120.0


async def test_named_servers_are_used_and_left_running(postgres_server: PostgresServer, tmp_path: Path) -> None:
    kafka = await KafkaServer.start(tmp_path / "theirs", KafkaTuning(QUICK_HEAP))
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".hearback").mkdir()
    environment = {"HEARBACK_KAFKA_BOOTSTRAP": kafka.bootstrap, "SIMULATE": "0"}
    for service in ("ingest", "scoring", "closed_loop", "alerts"):
        environment[f"HEARBACK_{service.upper()}_DATABASE_URL"] = await postgres_server.create_database(f"theirs_{service}")
        environment[f"HEARBACK_{service.upper()}_PORT"] = str(free_port())

    command = (sys.executable, "-m", "services.cli.main", "up")
    up = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env={**os.environ, **environment})
    file = tmp_path / ".hearback" / "stack.json"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists() and up.returncode is None and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    stack = StackFile.read(file)
    up.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_SECONDS):
        code = await up.wait()

    assert code == 0
    assert (stack.kafka.bootstrap, stack.kafka.pid, stack.postgres.pid) == (kafka.bootstrap, None, None)
    assert stack.postgres.databases["ingest"] == environment["HEARBACK_INGEST_DATABASE_URL"]
    keys = {"demo.key", "secrets.key", "ingest-secrets.key", "pseudonyms.key"}
    assert {path.name for path in (tmp_path / ".hearback").iterdir()} == {"logs", "lock", *keys}
    assert started_at(kafka.pid) is not None
    assert started_at(postgres_server.pid) is not None
    await kafka.stop()

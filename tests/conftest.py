"""One Kafka and one PostgreSQL for the whole session, started when the first test asks for them."""

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.cli.stack.kafka import KafkaTuning
from services.cli.stack.postgres import PostgresTuning
from tests.servers import QUICK_HEAP, KafkaServer, PostgresServer

LONGEST = "test_make_run.py"
WITHOUT_SERVERS = {"adapters", "contracts", "domain", "personal"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first and what is short last, so that at the end no process is left alone with long work."""
    items.sort(key=lambda item: (item.path.name != LONGEST, not WITHOUT_SERVERS.isdisjoint(item.path.parts)))


@pytest_asyncio.fixture(scope="session")
async def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    """Kafka for all tests. A test that kills it restarts it before it ends."""
    folder = tmp_path_factory.mktemp("kafka")
    server = await KafkaServer.start(folder, KafkaTuning(QUICK_HEAP))
    yield server
    await server.stop()
    shutil.rmtree(folder / "kafka")


@pytest_asyncio.fixture(scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """PostgreSQL for all tests; each module makes databases of its own with `create_database`.

    Without fsync: tests kill it, and only a machine that stops would lose what the kernel has taken.
    """
    folder = tmp_path_factory.mktemp("postgres")
    server = await PostgresServer.start(folder, PostgresTuning(fsync=False))
    yield server
    await server.stop()
    shutil.rmtree(folder / "postgres")

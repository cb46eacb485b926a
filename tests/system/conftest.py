"""One platform for all system tests: ingest and scoring, one process each."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.servers import KafkaServer, PostgresServer
from tests.shared.delivery.test_mail import Mailbox, mail_server
from tests.system.platform import SHORT_WAITS, Platform, Service
from tests.system.receiver import Received, receiving


@pytest_asyncio.fixture(scope="session")
async def mailbox() -> AsyncIterator[Mailbox]:
    """Where all mails to customers arrive; `port` is its server's."""
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as mailbox.port:
        yield mailbox


@pytest_asyncio.fixture(scope="session")
async def platform(
    kafka_server: KafkaServer, postgres_server: PostgresServer, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """Topics and databases are there; no service runs yet."""
    platform = Platform(kafka_server, postgres_server, tmp_path_factory.mktemp("services"))
    smtp = {"HOST": "localhost", "PORT": str(mailbox.port), "SENDER": "surveys@hearback.example", "ENCRYPTION": "none"}
    mails = {f"HEARBACK_INGEST_SMTP__{name}": value for name, value in smtp.items()}
    waits = {**SHORT_WAITS, **mails, "HEARBACK_INGEST_DELIVERY_TIMEOUT_SECONDS": "2"}
    await platform.prepare("ingest", "scoring", "closed_loop", "alerts", waits=waits)
    yield platform
    await platform.stop_all()


@pytest_asyncio.fixture(scope="session")
async def ingest(platform: Platform) -> Service:
    """The ingest process that all tests share."""
    return await platform.start("ingest")


@pytest_asyncio.fixture(scope="session")
async def closed_loop(platform: Platform) -> Service:
    """The closed_loop process that all tests share."""
    return await platform.start("closed_loop")


@pytest_asyncio.fixture(scope="session")
async def alerts(platform: Platform) -> Service:
    """The alerts process that all tests share."""
    return await platform.start("alerts")


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Received]:
    """A receiver of webhooks."""
    async with receiving() as received:
        yield received


@pytest_asyncio.fixture(scope="session")
async def scoring(platform: Platform) -> Service:
    """The scoring process that all tests share."""
    return await platform.start("scoring")

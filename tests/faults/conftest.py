"""A receiver of webhooks. Each test starts the services that it hurts itself: see tests.system.platform.running."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.system.receiver import Received, receiving


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Received]:
    """A receiver of webhooks."""
    async with receiving() as received:
        yield received

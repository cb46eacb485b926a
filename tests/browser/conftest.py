"""Debian's Chromium, and the role `surveys` served on loopback. Where there is no Chromium these tests are left out, and say so."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.ingest.surveys.conftest import sessions, surveys_database, world  # noqa: F401 - fixtures
from tests.ingest.surveys.serving import serving
from tests.ingest.surveys.world import World

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """The role, and where it is served."""

    world: World
    url: str


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each makes a context of its own."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium fonts-noto-cjk")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def site(world: World) -> AsyncIterator[Site]:  # noqa: F811 - the fixture
    """Pages to visit."""
    async with serving(world.app) as url:
        yield Site(world, url)

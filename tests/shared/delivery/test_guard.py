"""The guard on outgoing addresses; names are resolved by this machine."""

import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpcore
import pytest
import pytest_asyncio

from shared.clock import utc_now
from shared.delivery.delivery import Delivery, Verdict
from shared.delivery.guard import GuardedNetwork, RefusedAddress, check_address
from shared.delivery.webhook import WebhookSender, WebhookTarget
from tests.shared.delivery.receivers import Receiver, listening

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REFUSED = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "224.0.1.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::",
]
ALLOWED = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest_asyncio.fixture
async def guarded() -> AsyncIterator[WebhookSender]:
    """A sender that refuses private addresses."""
    network = GuardedNetwork(allow_private=False)
    yield WebhookSender(network, utc_now)
    network.close()


def delivery() -> Delivery:
    return Delivery(
        id=uuid4(), tenant="acme", group_key="g", receiver="a", kind="webhook", sequence=1, body=b"{}", state="leased", attempt=1,
        failures=0, created_at=NOW, trying_since=NOW, next_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    with pytest.raises(RefusedAddress):
        check_address(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_allowed(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1", "0", "169.254.169.254", "10.1.2.3"],
)
async def test_no_spelling_of_a_private_address_is_connected_to(guarded: WebhookSender, receiver: Receiver, host: str) -> None:
    outcome = await guarded.send(WebhookTarget(receiver.url("/a", host)), delivery())

    assert outcome.verdict is Verdict.REFUSED
    assert outcome.detail == "the receiver's address is private, loopback, link-local or reserved"
    assert receiver.arrivals == []


async def test_a_name_that_resolves_to_loopback_is_refused_when_the_connection_is_made() -> None:
    network = GuardedNetwork(allow_private=False)

    with pytest.raises(RefusedAddress):
        await network.connect_tcp("localhost", 80)
    network.close()


async def test_private_addresses_may_be_allowed_and_names_keep_their_place_in_the_request(receiver: Receiver) -> None:
    network = GuardedNetwork(allow_private=True)

    outcome = await WebhookSender(network, utc_now).send(WebhookTarget(receiver.url("/a?b=c", "localhost")), delivery())

    assert outcome.verdict is Verdict.DELIVERED
    assert receiver.arrivals[0].headers["host"] == f"localhost:{receiver.port}"
    network.close()


async def test_only_tcp_is_a_network_to_the_guard() -> None:
    network = GuardedNetwork(allow_private=True)

    with pytest.raises(NotImplementedError):
        await network.connect_unix_socket("/run/docker.sock")
    assert isinstance(network, httpcore.AsyncNetworkBackend)
    network.close()


async def test_a_name_that_does_not_resolve_comes_again() -> None:
    class Nameless(GuardedNetwork):
        async def resolve(self, host: str, port: int) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    network = Nameless(allow_private=False)

    outcome = await WebhookSender(network, utc_now).send(WebhookTarget("http://receiver.invalid/"), delivery())

    assert outcome.verdict is Verdict.AGAIN
    network.close()


async def test_tls_is_asked_for_the_name_and_not_for_the_address(certificate: Path) -> None:
    network = GuardedNetwork(allow_private=True)
    webhooks = WebhookSender(network, utc_now, ssl.create_default_context(cafile=str(certificate)))

    async with listening(certificate) as receiver:
        named = await webhooks.send(WebhookTarget(receiver.url("/a", "localhost").replace("http:", "https:")), delivery())
        unnamed = await webhooks.send(WebhookTarget(receiver.url("/a", "127.0.0.1").replace("http:", "https:")), delivery())

    assert named.verdict is Verdict.DELIVERED
    assert unnamed.verdict is Verdict.AGAIN
    assert "127.0.0.1" in unnamed.detail
    network.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "http://",
        "//a.example",
        "http://user:word@a.example/",
        "http://a b/",
        f"http://{'x' * 70}/",
    ],
)
async def test_a_url_that_is_none_is_refused(guarded: WebhookSender, url: str) -> None:
    outcome = await guarded.send(WebhookTarget(url), delivery())

    assert outcome.verdict is Verdict.REFUSED

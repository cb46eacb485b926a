"""The guard on outgoing addresses: what a customer of ours configures must not reach into the network we run in.

Names are resolved here, every address is judged, and the connection goes to an address that was judged: a name cannot
say one thing when it is checked and another when it is used. Registries: IANA's special-purpose addresses, RFC 6890.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import httpcore
import httpx

from shared.delivery.tls import trusted
from shared.errors import HearbackError

CONNECT_SECONDS = 5.0
RESOLVERS = 64
"""Threads for names: one whose servers do not answer must not stand in the way of the others."""

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class RefusedAddress(HearbackError):
    """The address lies in a network where nothing may be sent to."""


def check_address(address: str) -> None:
    """Raise RefusedAddress unless this IP address is one of the public internet, also where it wraps another address."""
    for one in _meant(ipaddress.ip_address(address.partition("%")[0])):
        if not one.is_global or one.is_multicast:
            raise RefusedAddress("the receiver's address is private, loopback, link-local or reserved")


def _meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address itself, and the IPv4 addresses that a translator or a tunnel would reach through it."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    inside = [a for a in (address.sixtofour, *(address.teredo or ())) if a is not None]
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        inside.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *inside]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """The network for httpcore. TLS still sees the name that was asked for."""

    def __init__(self, *, allow_private: bool) -> None:
        self.allows_private = allow_private
        self._network = httpcore.AnyIOBackend()
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")

    def close(self) -> None:
        """Let the threads go."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a name, all of them allowed. Raises RefusedAddress, and OSError when there are none."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if not self.allows_private:
            for address in addresses:
                check_address(address)
        return addresses

    async def connect(self, host: str, port: int) -> socket.socket:
        """A socket, connected to the first address that answers, for protocols of others. Raises RefusedAddress and OSError."""
        failure = OSError("the name has no address")
        for address in await self.resolve(host, port):
            connecting = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            connecting.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await asyncio.get_running_loop().sock_connect(connecting, (address, port))
            except OSError as failed:  # TimeoutError is one
                connecting.close()
                failure = failed
            except asyncio.CancelledError:
                connecting.close()
                raise
            else:
                return connecting
        raise failure

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises RefusedAddress, OSError and httpcore's errors."""
        failure: Exception = OSError("the name has no address")
        for address in await self.resolve(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout or CONNECT_SECONDS, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                failure = failed
        raise failure


class GuardedTransport(httpx.AsyncHTTPTransport):
    """The network for httpx, which takes one for its own pool of connections only. Also raises RefusedAddress."""

    def __init__(self, network: GuardedNetwork) -> None:
        super().__init__(verify=trusted("http"))
        self._pool = httpcore.AsyncConnectionPool(ssl_context=trusted("http"), network_backend=network)


def transport(network: GuardedNetwork | None) -> httpx.AsyncBaseTransport | None:
    """For a client of httpx: guarded by a network, or as usual where there is none."""
    return None if network is None else GuardedTransport(network)

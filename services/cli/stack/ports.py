"""Loopback ports: what sets them, free ones for tests, and the one clear line when a wanted one is taken."""

import socket

from shared.errors import ConfigurationError

HOST = "127.0.0.1"


def port_variable(service: str) -> str:
    """The environment variable that sets the port of a service."""
    return f"HEARBACK_{service.upper()}_PORT"


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def require_free(port: int, part: str, variable: str) -> None:
    """Raises ConfigurationError, naming the variable that moves the part elsewhere, when the port is taken."""
    if not is_free(port):
        raise ConfigurationError(
            f"port {port} for {part} is taken by another program: stop that program, or choose another port with {variable}={free_port()}"
        )

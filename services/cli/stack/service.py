"""The parts that are processes of this project: the services and the simulator."""

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from services.cli.stack.child import Command
from services.cli.stack.ports import HOST, port_variable, require_free

MISCONFIGURED = 2  # what every process of ours exits with when it refuses its configuration


def hearback(*arguments: str) -> tuple[str, ...]:
    """A `hearback` command of this very installation."""
    return (sys.executable, "-m", "services.cli.main", *arguments)


class Service:
    """One service with all its roles in one process."""

    start_seconds = 60.0
    refusal_code = MISCONFIGURED

    def __init__(self, name: str, port: int, environment: Mapping[str, str], log: Path, client: httpx.AsyncClient) -> None:
        self.name = name
        self.url = f"http://{HOST}:{port}"
        self._port, self._environment, self._log, self._client = port, environment, log, client

    def prepare(self) -> None:
        """Raises ConfigurationError when the port is taken."""
        require_free(self._port, self.name, port_variable(self.name))

    def command(self) -> Command:
        """`hearback serve <service>`."""
        return Command(hearback("serve", self.name), self._log, self._environment)

    async def is_ready(self) -> bool:
        """Whether it says so itself."""
        try:
            answer = await self._client.get(f"{self.url}/health/ready")
        except httpx.HTTPError:
            return False
        return answer.is_success


class Simulator:
    """A contact centre that posts through the public API of the running stack."""

    name = "simulator"
    url = None
    start_seconds = 30.0
    refusal_code = MISCONFIGURED

    def __init__(self, log: Path) -> None:
        self._log = log

    def prepare(self) -> None:
        """Nothing: it finds the stack through stack.json."""

    def command(self) -> Command:
        """`hearback simulate`."""
        return Command(hearback("simulate"), self._log)

    async def is_ready(self) -> bool:
        """It listens nowhere: when it runs it works."""
        return True

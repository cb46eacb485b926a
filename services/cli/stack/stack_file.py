"""`.hearback/stack.json`: what runs where, for the commands and for scripts. Written by the supervisor, mode 0600."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from services.cli.stack.child import started_at
from services.cli.stack.files import replace_file
from shared.errors import ConfigurationError


class Listening(BaseModel):
    """A part with an address; `pid` is None while it is down or when it is not ours."""

    url: str
    pid: int | None


class KafkaEntry(BaseModel):
    """Where Kafka is."""

    bootstrap: str
    pid: int | None


class PostgresEntry(BaseModel):
    """Where PostgreSQL is; `databases` gives each service's own URL, with its password."""

    url: str
    pid: int | None
    databases: dict[str, str]


class Demo(BaseModel):
    """A key of the tenant that the simulator fills, with every scope except `operator`."""

    tenant: str
    key: str


class StackFile(BaseModel):
    """The running stack."""

    supervisor_pid: int
    services: dict[str, Listening]
    kafka: KafkaEntry
    postgres: PostgresEntry
    simulator_pid: int | None = None
    demo: Demo | None = None
    ready_seconds: float | None = None

    def write(self, path: Path) -> None:
        """Replace the file as a whole."""
        replace_file(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "StackFile":
        """The stack that runs. Raises ConfigurationError when none does."""
        try:
            stack = cls.model_validate_json(path.read_text())
        except FileNotFoundError:
            raise ConfigurationError(f"no stack runs here ({path} is not there): start it with `make run`") from None
        except ValidationError:
            raise ConfigurationError(f"{path} cannot be understood: stop the stack with `make stop` and start it again") from None
        if started_at(stack.supervisor_pid) is None:
            raise ConfigurationError("the stack that ran here was killed: start it again with `make run`")
        return stack

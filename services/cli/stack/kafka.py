"""Apache Kafka as one KRaft node in a folder of ours, started from its Maven jars; nothing is installed on the machine."""

import asyncio
import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from services.cli.stack import jars
from services.cli.stack.child import Command, run_to_end
from services.cli.stack.disk import raise_if_full
from services.cli.stack.java import find_java
from services.cli.stack.layout import CONFIG, JAVA_REQUIREMENTS
from services.cli.stack.ports import HOST, require_free
from shared.errors import ConfigurationError

HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError")
SHORT_RUN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # what optimises a server only delays a program of a second


@dataclass(frozen=True, slots=True)
class KafkaSources:
    """Where Java and the jars come from. `cache` is shared by all checkouts of a user."""

    cache: Path
    java_home: Path | None = None
    repository: str | None = None


def new_cluster_id() -> str:
    """A random id as Kafka writes them: 16 bytes in URL-safe Base64, never with a leading dash."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_", 1)


@dataclass(frozen=True, slots=True)
class KafkaTuning:
    """What a test may set differently from what `make run` does: the heap, any property, and one node of several.

    `controllers` are the controller ports of all nodes, by node; the nodes of one cluster share its `cluster_id`.
    """

    heap: tuple[str, ...] = HEAP
    properties: Mapping[str, str] = field(default_factory=dict)
    node: int = 1
    controllers: Mapping[int, int] = field(default_factory=dict)
    cluster_id: str = field(default_factory=new_cluster_id)


class Kafka:
    """A part of the stack. `data` keeps the log between runs; ports may change from run to run."""

    name = "kafka"
    start_seconds = 60.0
    refusal_code = None

    def __init__(
        self,
        data: Path,
        log: Path,
        port: int,
        controller_port: int,
        sources: KafkaSources,
        say: Callable[[str], None],
        tuning: KafkaTuning | None = None,
    ) -> None:
        self.bootstrap = f"{HOST}:{port}"
        self._data, self._log = data, log
        self._port, self._controller_port = port, controller_port
        self._sources, self._say = sources, say
        self._tuning = tuning or KafkaTuning()
        self._java = Path()
        self._class_path = ""

    @property
    def url(self) -> str:
        """The bootstrap address."""
        return self.bootstrap

    def download(self) -> None:
        """Find Java and the jars; without the network when they are there. Raises ConfigurationError."""
        self._java = find_java(self._sources.java_home, JAVA_REQUIREMENTS, self._say)
        lock = jars.read_lock(CONFIG / "kafka.lock")
        paths = jars.fetch(lock, self._sources.cache / "kafka", self._sources.repository, self._say)
        self._class_path = ":".join(str(path) for path in paths)

    def require_ports(self) -> None:
        """Raises ConfigurationError when one of its ports is taken."""
        require_free(self._port, "Kafka", "HEARBACK_LOCAL_KAFKA_PORT")
        require_free(self._controller_port, "Kafka's controller", "HEARBACK_LOCAL_KAFKA_CONTROLLER_PORT")

    def prepare(self) -> None:
        """Write the configuration and format the storage of a new folder. Raises ConfigurationError."""
        if not self._class_path:
            self.download()
        self.require_ports()
        self._data.mkdir(parents=True, exist_ok=True)
        self._properties.write_text((CONFIG / "kafka.properties").read_text() + self._placement())
        if not (self._log_dir / "meta.properties").exists():
            self._format()

    def command(self) -> Command:
        """The broker's process."""
        return Command(arguments=(*self._java_with(*self._tuning.heap), "kafka.Kafka", str(self._properties)), log=self._log)

    async def is_ready(self) -> bool:
        """Whether the broker is registered and answers; a port that listens is not enough."""
        try:
            _, writer = await asyncio.open_connection(HOST, self._port)
        except OSError:
            return False
        writer.close()
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2000)
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()

    @property
    def _properties(self) -> Path:
        return self._data / "server.properties"

    @property
    def _log_dir(self) -> Path:
        return self._data / "log"

    def _placement(self) -> str:
        tuning = self._tuning
        voters = (tuning.controllers or {tuning.node: self._controller_port}).items()
        tuned = "".join(f"{name}={value}\n" for name, value in tuning.properties.items())
        return (
            f"\n{tuned}node.id={tuning.node}\n"
            f"listeners=PLAINTEXT://{self.bootstrap},CONTROLLER://{HOST}:{self._controller_port}\n"
            f"advertised.listeners=PLAINTEXT://{self.bootstrap}\n"
            f"controller.quorum.voters={','.join(f'{node}@{HOST}:{port}' for node, port in voters)}\n"
            f"log.dirs={self._log_dir}\n"
        )

    def _java_with(self, *options: str) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={CONFIG / 'log4j2.yaml'}"
        return (str(self._java), *options, "-Djava.awt.headless=true", logging, "-cp", self._class_path)

    def _format(self) -> None:
        arguments = ("kafka.tools.StorageTool", "format", "--cluster-id", self._tuning.cluster_id, "--config", str(self._properties))
        code, output = run_to_end(*self._java_with(*SHORT_RUN), *arguments)
        if code != 0:
            raise_if_full(output, self._data)
            raise ConfigurationError(f"Kafka cannot format {self._log_dir}: {output.splitlines()[0]}")

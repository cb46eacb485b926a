"""The Kafka and the PostgreSQL that a test session runs on: the same code that `make run` uses, on free ports in a temporary folder."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from services.cli.settings import LocalSettings
from services.cli.stack.child import Child
from services.cli.stack.kafka import Kafka, KafkaSources, KafkaTuning, new_cluster_id
from services.cli.stack.part import Part, bring_up, bring_up_again
from services.cli.stack.ports import free_port
from services.cli.stack.postgres import Postgres, PostgresTuning
from shared.settings import load

QUICK_HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
"""Starts in half the time and CPU of what `make run` has, which is made to run for long."""

NODES = 3
SMALL_HEAP = ("-Xms96m", "-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
REPLICATED = {
    "offsets.topic.replication.factor": "3",
    "min.insync.replicas": "2",
    "broker.session.timeout.ms": "3000",
}


class Server:
    """A started part. Tests may kill it, at once and without warning, and bring it back with its data and address."""

    def __init__(self, part: Part, child: Child) -> None:
        self._part, self._child = part, child

    @property
    def pid(self) -> int:
        """The process of now; another one after `restart`."""
        return self._child.pid

    def kill(self) -> None:
        """SIGKILL; returns at once."""
        self._child.kill()

    async def restart(self) -> None:
        """Stop it when it runs, start it again, return when it is ready."""
        await self._child.stop()
        self._child = await bring_up_again(self._part)

    async def stop(self) -> None:
        """End it in its orderly way."""
        await self._child.stop()


class KafkaServer(Server):
    """Kafka on `bootstrap`; topics are not made by themselves."""

    def __init__(self, part: Kafka, child: Child) -> None:
        super().__init__(part, child)
        self.bootstrap = part.bootstrap

    @classmethod
    async def start(cls, folder: Path, tuning: KafkaTuning | None = None) -> "KafkaServer":
        """Start it with its data in `folder`, from the jars in the user's cache."""
        tuning = tuning or KafkaTuning()
        settings = load(LocalSettings)
        sources = KafkaSources(settings.cache, settings.java_home, settings.local_maven_repository)
        controller_port = tuning.controllers.get(tuning.node) or free_port()
        part = Kafka(folder / "kafka", folder / "kafka.log", free_port(), controller_port, sources, print, tuning)
        return cls(part, await bring_up(part))


class KafkaCluster:
    """Three brokers on `bootstrap`, each a controller too: with two of them dead there is neither a quorum nor a second replica."""

    def __init__(self, nodes: Sequence[KafkaServer]) -> None:
        self.nodes = nodes
        self.bootstrap = ",".join(node.bootstrap for node in nodes)

    @classmethod
    async def start(cls, folder: Path) -> "KafkaCluster":
        """Start them together, since none is ready before a majority is, with small heaps and everything replicated three times."""
        cluster_id, controllers = new_cluster_id(), {node: free_port() for node in range(1, NODES + 1)}
        tunings = [KafkaTuning(SMALL_HEAP, REPLICATED, node, controllers, cluster_id) for node in controllers]
        return cls(await asyncio.gather(*(KafkaServer.start(folder / f"node-{tuning.node}", tuning) for tuning in tunings)))

    async def kill(self) -> None:
        """End all of them at once; in their orderly way each would wait for the others."""
        for node in self.nodes:
            node.kill()
        await asyncio.gather(*(node.stop() for node in self.nodes))


class PostgresServer(Server):
    """PostgreSQL with any number of databases."""

    def __init__(self, part: Postgres, child: Child) -> None:
        super().__init__(part, child)
        self._postgres = part

    @classmethod
    async def start(cls, folder: Path, tuning: PostgresTuning | None = None) -> "PostgresServer":
        """Start it with its data in `folder`, durable as in `make run` unless tuned otherwise."""
        part = Postgres(folder / "postgres", folder / "postgres.log", free_port(), tuning)
        return cls(part, await bring_up(part))

    def url_for(self, database: str) -> str:
        """`postgresql://user:password@host:port/database`."""
        return self._postgres.url_for(database)

    async def create_database(self, name: str) -> str:
        """An empty database for one test module; its URL. An existing one stays as it is."""
        return await self._postgres.ensure_database(name)

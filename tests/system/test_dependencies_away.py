"""Kafka and PostgreSQL are killed under all four services: each waits and goes on in the same process, and ends in order afterwards."""

import asyncio
from pathlib import Path

import pytest

from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform

SERVICES = ("ingest", "scoring", "closed_loop", "alerts")


@pytest.mark.parametrize("away", ["postgres", "kafka"])
async def test_every_service_outlives_its_dependencies(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path, away: str
) -> None:
    platform = Platform(kafka_server, postgres_server, tmp_path)
    await platform.prepare(*SERVICES)
    services = [await platform.start(name) for name in SERVICES]
    server = {"postgres": postgres_server, "kafka": kafka_server}[away]

    for pause in (0.5, 3.0):
        server.kill()
        await asyncio.sleep(pause)
        await server.restart()
        for service in services:
            await service.ready()

    assert {service.name: service.ended for service in services} == dict.fromkeys(SERVICES)
    await platform.stop_all()

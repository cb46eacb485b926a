"""`hearback offsets`: decides where a consumer goes on when its stored offset lies outside the log."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.dialects.postgresql import insert

from services.cli.databases import open_database
from services.cli.kafka_log import open_log
from services.cli.running import join_running_stack
from shared.contracts.topics import TOPICS
from shared.database.metadata import new_metadata
from shared.database.offsets import Partition
from shared.errors import ConfigurationError
from shared.settings import KafkaSettings, load

GROUPS = {"scoring": "scoring", "closed_loop": "closed_loop", "alerts": "alerts", "ingest-surveys": "ingest"}
"""Each consumer group, and the service in whose database its offsets are."""

app = typer.Typer(no_args_is_help=True, add_completion=False, help="How far consumers have read.")


class End(StrEnum):
    """An end of a log."""

    BEGINNING = "beginning"
    END = "end"


@app.callback()
def offsets() -> None:
    """How far consumers have read."""


@app.command()
def seek(
    group: Annotated[str, typer.Argument(help=f"The consumer group: {', '.join(GROUPS)}.")],
    topic: Annotated[str, typer.Argument(help="The topic; `hearback topics list` shows them.")],
    to: Annotated[End, typer.Option(help="Where to go on: at the first record that is still kept, or after the last.")],
) -> None:
    """Store a new offset for every partition of a topic.

    From the beginning nothing counts twice; from the end, what lies between is never read.
    """
    if group not in GROUPS:
        raise ConfigurationError(f"there is no consumer group {group}: it must be one of {', '.join(GROUPS)}")
    if topic not in TOPICS:
        raise ConfigurationError(f"there is no topic {topic}: see `hearback topics list`")
    join_running_stack()
    stored = asyncio.run(_seek(group, topic, to))
    for partition, offset in stored.items():
        typer.echo(f"{group}: {partition.topic}/{partition.number} goes on at {offset}, the {to} of the log")
    typer.echo(f"a {group} that runs notices it with the next record it reads; one that has ended can be started now")


async def _seek(group: str, topic: str, to: End) -> dict[Partition, int]:
    cluster, log_offsets = await _log(load(KafkaSettings), topic, to)
    table = new_metadata().tables["consumer_offsets"]
    rows = [
        {"consumer_group": group, "topic": p.topic, "partition": p.number, "cluster_id": cluster, "next_offset": offset}
        for p, offset in sorted(log_offsets.items())
    ]
    put = insert(table).values(rows)
    changed = {"cluster_id": cluster, "next_offset": put.excluded.next_offset, "watermark": None, "oldest_unread": None}
    async with open_database(GROUPS[group], "hearback offsets") as sessions, sessions.begin() as session:
        await session.execute(put.on_conflict_do_update(index_elements=table.primary_key.columns, set_=changed))
    return dict(sorted(log_offsets.items()))


async def _log(kafka: KafkaSettings, topic: str, to: End) -> tuple[str, dict[Partition, int]]:
    """The cluster's id, and where the log of each partition begins or ends. Raises Unavailable, ConfigurationError."""
    async with open_log(kafka, "hearback-offsets", [topic]) as log:
        read = log.client.beginning_offsets if to is End.BEGINNING else log.client.end_offsets
        found = await read(log.partitions)
    return log.cluster_id, {Partition(p.topic, p.partition): offset for p, offset in found.items()}

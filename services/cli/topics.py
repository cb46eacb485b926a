"""`hearback topics`: the one table of topics, and making a cluster have them."""

import asyncio

import typer
from rich.console import Console
from rich.table import Table

from services.cli.running import join_running_stack
from shared.contracts.topics import TOPICS
from shared.kafka.topics import ensure_topics
from shared.settings import KafkaSettings, load

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The topics of Hearback.")


@app.command("list")
def list_topics() -> None:
    """Show the table: who writes and reads each topic, and how long it keeps."""
    table = Table("topic", "partitions", "keeps", "written by", "read by")
    for topic in TOPICS.values():
        keeps = "the newest per key" if topic.compacted else f"{topic.retention_days} d"
        table.add_row(topic.name, str(topic.partitions), keeps, topic.written_by, ", ".join(topic.read_by))
    Console().print(table)


@app.command()
def create() -> None:
    """Create what is missing on the cluster, and say where it differs from the table."""
    join_running_stack()
    for topic in asyncio.run(ensure_topics(load(KafkaSettings))):
        if topic.created:
            typer.echo(f"{topic.name}: created with {topic.partitions} partitions")
        elif topic.partitions != topic.wanted:
            typer.echo(f"{topic.name}: has {topic.partitions} partitions, the table says {topic.wanted}; left as it is")

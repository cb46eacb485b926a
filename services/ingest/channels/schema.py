"""The tables of channels: endpoints with their sealed secrets, what they counted, kept and used up, and what is still to be fetched."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ingest.schema import metadata
from shared.database.metadata import INSTANT

endpoints = sa.Table(
    "channel_endpoints",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("country", sa.Text),
    sa.Column("options", sa.JSON, nullable=False),  # not JSONB, which forgets the order of members
    sa.Column("calls_per_minute", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    sa.Column("disabled_at", INSTANT),
    sa.Column("next_call_at", INSTANT, nullable=False),
    sa.Index(None, "tenant", "id"),
)

channel_secrets = sa.Table(
    "channel_secrets",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.ForeignKey("channel_endpoints.id"), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("valid_until", INSTANT),
)

counts = sa.Table(
    "channel_counts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("last_at", INSTANT, nullable=False),
)

unreadable = sa.Table(
    "channel_unreadable",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("received_at", INSTANT, nullable=False),
    sa.Column("last_at", INSTANT, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Index(None, "last_at"),
)

once = sa.Table(
    "channel_once",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("token", sa.LargeBinary, primary_key=True),
    sa.Column("used_at", INSTANT, nullable=False),
    sa.Index(None, "used_at"),
)

_waiting = sa.text("state = 'waiting'")
fetches = sa.Table(
    "channel_fetches",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("first", pg.JSONB, nullable=False),
    sa.Column("step", pg.JSONB, nullable=False),
    sa.Column("again", pg.JSONB),
    sa.Column("begun", sa.Boolean, nullable=False),
    sa.Column("every_seconds", sa.Float),
    sa.Column("round_at", INSTANT),
    sa.Column("next_at", INSTANT, nullable=False),
    sa.Column("attempt", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("broken_off", sa.Integer, server_default="0", nullable=False),
    sa.Column("trying_since", INSTANT, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("ix_channel_fetches_due", "endpoint", "next_at", postgresql_where=_waiting),
    sa.Index("ix_channel_fetches_channel", "channel", "next_at", postgresql_where=_waiting),
)

collected = sa.Table(
    "channel_collected",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("post", sa.Text, primary_key=True),
    sa.Column("existing", sa.BigInteger, nullable=False),
    sa.Column("told_at", INSTANT, nullable=False),
    sa.Index(None, "told_at"),
)

comments = sa.Table(
    "channel_comments",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("endpoint", sa.Text, primary_key=True),
    sa.Column("post", sa.Text, primary_key=True),
    sa.Column("comment", sa.Text, primary_key=True),
    sa.Column("taken_at", INSTANT, nullable=False),
    sa.Index(None, "taken_at"),
)

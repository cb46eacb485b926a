"""The tables of scoring's database."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from shared.database.metadata import INSTANT, new_metadata

metadata = new_metadata()

observations = sa.Table(
    "observations",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("backfill", sa.Boolean, nullable=False),
    sa.Column("measures", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("components", pg.ARRAY(sa.BigInteger), nullable=False),
    comment="one row per event ever handled (its identity and revision), with what it added to which measures",
)

slices = sa.Table(
    "slices",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("measure", sa.Text, nullable=False),
    sa.Column("dimension", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.UniqueConstraint("tenant", "measure", "dimension", "value"),
    comment="a measure of a tenant, in total or for one value of one dimension",
)

buckets = sa.Table(
    "buckets",
    metadata,
    sa.Column("slice", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("level", sa.SmallInteger, primary_key=True, comment="length in minutes: 1, 15, 1440 (the UTC day)"),
    sa.Column("start", INSTANT, primary_key=True),
    sa.Column("writer", sa.SmallInteger, primary_key=True, comment="the source partition whose owner writes the row; reads sum over it"),
    sa.Column("component", sa.BigInteger, primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False, comment="negative where a revision took back what another writer had added"),
)

slice_activity = sa.Table(
    "slice_activity",
    metadata,
    sa.Column("slice", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("writer", sa.SmallInteger, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("changed_at", INSTANT, nullable=False, index=True),
    comment="how the publisher finds what changed without reading the buckets",
)

published_series = sa.Table(
    "published_series",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("series", sa.Text, primary_key=True),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("dimension", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("window", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="of the sample claimed last; 0 before the first"),
    sa.Column("digest", sa.Text, comment="of what a reader would notice in it"),
    sa.Column("sample", pg.JSONB, comment="the data of metric.sampled.v1"),
    sa.Column("claimed_at", INSTANT, index=True),
    sa.Column("published_at", INSTANT, comment="null while its acknowledgement by Kafka is not known"),
    sa.Index("ix_published_series_unmarked", "claimed_at", postgresql_where=sa.text("published_at IS NULL")),
)

"""Observations, slices, buckets and published series."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "observations",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("measures", pg.ARRAY(sa.Text()), nullable=False),
        sa.Column("components", pg.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "event", name="pk_observations"),
        comment="one row per event ever handled (its identity and revision), with what it added to which measures",
    )
    op.create_table(
        "slices",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slices"),
        sa.UniqueConstraint("tenant", "measure", "dimension", "value", name="uq_slices_tenant_measure_dimension_value"),
        comment="a measure of a tenant, in total or for one value of one dimension",
    )
    op.create_table(
        "buckets",
        sa.Column("slice", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False, comment="length in minutes: 1, 15, 1440 (the UTC day)"),
        sa.Column("start", INSTANT, nullable=False),
        sa.Column(
            "writer", sa.SmallInteger(), nullable=False, comment="the source partition whose owner writes the row; reads sum over it"
        ),
        sa.Column("component", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False, comment="negative where a revision took back what another writer had added"),
        sa.PrimaryKeyConstraint("slice", "level", "start", "writer", "component", name="pk_buckets"),
    )
    op.create_table(
        "slice_activity",
        sa.Column("slice", sa.Integer(), nullable=False),
        sa.Column("writer", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("slice", "writer", name="pk_slice_activity"),
        comment="how the publisher finds what changed without reading the buckets",
    )
    op.create_index("ix_slice_activity_changed_at", "slice_activity", ["changed_at"])
    op.create_table(
        "published_series",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the sample claimed last; 0 before the first"),
        sa.Column("digest", sa.Text(), comment="of what a reader would notice in it"),
        sa.Column("sample", pg.JSONB(), comment="the data of metric.sampled.v1"),
        sa.Column("claimed_at", INSTANT),
        sa.Column("published_at", INSTANT, comment="null while its acknowledgement by Kafka is not known"),
        sa.PrimaryKeyConstraint("tenant", "series", name="pk_published_series"),
    )
    op.create_index("ix_published_series_claimed_at", "published_series", ["claimed_at"])
    op.create_index("ix_published_series_unmarked", "published_series", ["claimed_at"], postgresql_where=sa.text("published_at IS NULL"))


def downgrade() -> None:
    for table in ("published_series", "slice_activity", "buckets", "slices", "observations"):
        op.drop_table(table)

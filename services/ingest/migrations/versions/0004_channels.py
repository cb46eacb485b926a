"""Channels: endpoints with sealed secrets, what they count and keep, tokens used up, and what is still to be fetched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "channel_endpoints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("disabled_at", INSTANT),
        sa.Column("next_call_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name="fk_channel_endpoints_tenant"),
        sa.PrimaryKeyConstraint("id", name="pk_channel_endpoints"),
    )
    op.create_index("ix_channel_endpoints_tenant_id", "channel_endpoints", ["tenant", "id"])
    op.create_table(
        "channel_secrets",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("valid_until", INSTANT),
        sa.ForeignKeyConstraint(["endpoint"], ["channel_endpoints.id"], name="fk_channel_secrets_endpoint"),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "version", name="pk_channel_secrets"),
    )
    op.create_table(
        "channel_collected",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("existing", sa.BigInteger(), nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "post", name="pk_channel_collected"),
    )
    op.create_index("ix_channel_collected_told_at", "channel_collected", ["told_at"])
    op.create_table(
        "channel_comments",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "post", "comment", name="pk_channel_comments"),
    )
    op.create_index("ix_channel_comments_taken_at", "channel_comments", ["taken_at"])
    op.create_table(
        "channel_counts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "kind", "reason", name="pk_channel_counts"),
    )
    op.create_table(
        "channel_fetches",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("first", pg.JSONB(), nullable=False),
        sa.Column("step", pg.JSONB(), nullable=False),
        sa.Column("again", pg.JSONB()),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("every_seconds", sa.Float()),
        sa.Column("round_at", INSTANT),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("trying_since", INSTANT, nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "key", name="pk_channel_fetches"),
    )
    op.create_index("ix_channel_fetches_channel", "channel_fetches", ["channel", "next_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index("ix_channel_fetches_due", "channel_fetches", ["endpoint", "next_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_table(
        "channel_once",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "token", name="pk_channel_once"),
    )
    op.create_index("ix_channel_once_used_at", "channel_once", ["used_at"])
    op.create_table(
        "channel_unreadable",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "id", name="pk_channel_unreadable"),
    )
    op.create_index("ix_channel_unreadable_last_at", "channel_unreadable", ["last_at"])


def downgrade() -> None:
    for table in (
        "channel_unreadable",
        "channel_once",
        "channel_fetches",
        "channel_counts",
        "channel_comments",
        "channel_collected",
        "channel_secrets",
        "channel_endpoints",
    ):
        op.drop_table(table)

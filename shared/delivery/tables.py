"""The two tables that a service which sends something keeps in its own database.

`delivery_tables(metadata)` adds them to the metadata; the service's migration makes them with these
statements (`INSTANT = sa.DateTime(timezone=True)`, as in the runtime's own migration):

    def upgrade() -> None:
        op.create_table(
            "deliveries",
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("tenant", sa.Text(), nullable=False),
            sa.Column("group_key", sa.Text(), nullable=False),
            sa.Column("receiver", sa.Text(), nullable=False),
            sa.Column("kind", sa.Text(), nullable=False),
            sa.Column("sequence", sa.BigInteger(), nullable=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("attempt", sa.Integer(), nullable=False),
            sa.Column("failures", sa.Integer(), nullable=False),
            sa.Column("created_at", INSTANT, nullable=False),
            sa.Column("trying_since", INSTANT, nullable=False),
            sa.Column("next_at", INSTANT, nullable=False),
            sa.Column("lease_until", INSTANT),
            sa.Column("first_failed_at", INSTANT),
            sa.Column("first_error", sa.Text()),
            sa.Column("last_error", sa.Text()),
            sa.Column("last_status", sa.Integer()),
            sa.Column("finished_at", INSTANT),
            sa.Column("dead_because", sa.Text()),
            sa.Column("superseded_by", sa.Uuid()),
            sa.Column("traceparent", sa.Text()),
            sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        )
        is_open = sa.text("state IN ('pending', 'leased')")
        op.create_index("ix_deliveries_due", "deliveries", ["next_at"], postgresql_where=is_open)
        op.create_index("ix_deliveries_receiver", "deliveries", ["tenant", "receiver", "next_at"], postgresql_where=is_open)
        op.create_index("uq_deliveries_open", "deliveries", ["tenant", "group_key", "receiver"], unique=True, postgresql_where=is_open)
        op.create_index("uq_deliveries_sequence", "deliveries", ["tenant", "group_key", "receiver", "sequence"], unique=True)
        op.create_index("ix_deliveries_newest", "deliveries", ["tenant", "created_at", "id"])
        op.create_table(
            "delivery_attempts",
            sa.Column("delivery", sa.Uuid(), nullable=False),
            sa.Column("attempt", sa.Integer(), nullable=False),
            sa.Column("started_at", INSTANT, nullable=False),
            sa.Column("finished_at", INSTANT),
            sa.Column("verdict", sa.Text()),
            sa.Column("status", sa.Integer()),
            sa.Column("detail", sa.Text()),
            sa.PrimaryKeyConstraint("delivery", "attempt", name="pk_delivery_attempts"),
            sa.ForeignKeyConstraint(
                ["delivery"], ["deliveries.id"], name="fk_delivery_attempts_delivery_deliveries", ondelete="CASCADE"
            ),
        )
"""

import sqlalchemy as sa

from shared.database.metadata import INSTANT


def delivery_tables(metadata: sa.MetaData) -> None:
    """Add `deliveries` and `delivery_attempts` to a service's metadata. An attempt without `finished_at` was never reported."""
    is_open = sa.text("state IN ('pending', 'leased')")
    sa.Table(
        "deliveries",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("group_key", sa.Text, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("trying_since", INSTANT, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("first_failed_at", INSTANT),
        sa.Column("first_error", sa.Text),
        sa.Column("last_error", sa.Text),
        sa.Column("last_status", sa.Integer),
        sa.Column("finished_at", INSTANT),
        sa.Column("dead_because", sa.Text),
        sa.Column("superseded_by", sa.Uuid),
        sa.Column("traceparent", sa.Text),
        sa.Index("ix_deliveries_due", "next_at", postgresql_where=is_open),
        sa.Index("ix_deliveries_receiver", "tenant", "receiver", "next_at", postgresql_where=is_open),
        sa.Index("uq_deliveries_open", "tenant", "group_key", "receiver", unique=True, postgresql_where=is_open),
        sa.Index("uq_deliveries_sequence", "tenant", "group_key", "receiver", "sequence", unique=True),
        sa.Index("ix_deliveries_newest", "tenant", "created_at", "id"),
    )
    sa.Table(
        "delivery_attempts",
        metadata,
        sa.Column("delivery", sa.ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("verdict", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("detail", sa.Text),
    )

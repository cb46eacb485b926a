"""The tables that the shared runtime keeps in every service's database, and the naming of constraints."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

INSTANT = sa.DateTime(timezone=True)


def new_metadata() -> sa.MetaData:
    """Metadata of one service's database, the runtime's own tables already in it."""
    metadata = sa.MetaData(naming_convention=NAMING)
    sa.Table(
        "consumer_offsets",
        metadata,
        sa.Column("consumer_group", sa.Text, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("watermark", INSTANT),
        sa.Column("oldest_unread", INSTANT),
    )
    sa.Table(
        "outbox",
        metadata,
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("header_names", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("header_values", pg.ARRAY(sa.LargeBinary), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False, server_default=sa.text("now()")),
    )
    sa.Table(
        "audit",
        metadata,
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("before", pg.JSONB),
        sa.Column("after", pg.JSONB),
        sa.Index(None, "tenant", "at"),
    )
    sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("response", pg.JSONB, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Index(None, "created_at"),
    )
    return metadata

"""The traces that alerts and deliveries belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("alerts", sa.Column("traceparent", sa.Text(), comment="of what fired it, where its trace is recorded"))
    op.add_column("deliveries", sa.Column("traceparent", sa.Text()))

"""The trace that a case was opened in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    comment = "of the event that opened it, where its trace is recorded"
    op.add_column("cases", sa.Column("traceparent", sa.Text(), comment=comment))

"""Where an endpoint's phone numbers are at home; how often a process ended over a fetch."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("channel_endpoints", sa.Column("country", sa.Text()))
    op.add_column("channel_fetches", sa.Column("broken_off", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("channel_fetches", "broken_off")
    op.drop_column("channel_endpoints", "country")

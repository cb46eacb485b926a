"""What a tenant wants done to personal data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("tenants", sa.Column("country", sa.Text()))
    op.add_column("tenants", sa.Column("redaction", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tenants", sa.Column("redacted", pg.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("tenants", sa.Column("national_ids", pg.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("tenants", sa.Column("pseudonyms", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for column in ("pseudonyms", "national_ids", "redacted", "redaction", "country"):
        op.drop_column("tenants", column)

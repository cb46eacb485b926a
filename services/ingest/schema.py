"""The tables of ingest's database: tenants and keys, beside the shared runtime's."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from shared.database.metadata import INSTANT, new_metadata

metadata = new_metadata()

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("languages", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("country", sa.Text),
    sa.Column("redaction", sa.Boolean, server_default=sa.false(), nullable=False),
    sa.Column("redacted", pg.ARRAY(sa.Text), server_default="{}", nullable=False),
    sa.Column("national_ids", pg.ARRAY(sa.Text), server_default="{}", nullable=False),
    sa.Column("pseudonyms", sa.Boolean, server_default=sa.false(), nullable=False),
    sa.Column("survey_addresses", sa.Boolean, server_default=sa.false(), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("expires_at", INSTANT),
    sa.Column("revoked_at", INSTANT),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index(None, "tenant", "id"),
)

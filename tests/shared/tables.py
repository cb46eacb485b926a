"""A database of the shared runtime's tables and one table of a consumer's own, as small as one can be."""

import sqlalchemy as sa

from shared.database.metadata import new_metadata

metadata = new_metadata()

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("words", sa.ARRAY(sa.Text), nullable=False),
)

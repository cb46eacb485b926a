"""A database of the shared runtime's tables and one table of a consumer's own, as small as one can be."""

from collections.abc import Sequence
from typing import NamedTuple

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


class Note(NamedTuple):
    """A row of `notes`, as `seen` takes it."""

    tenant: str
    event: bytes
    revision: int
    words: Sequence[str]

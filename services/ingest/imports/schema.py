"""The tables of imports, on ingest's metadata: each import with its accounting, its file in parts, and the rows that were refused."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ingest.schema import metadata
from shared.database.metadata import INSTANT

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("name", sa.Text, comment="what the rows' source is called; null: the hash of the file"),
    sa.Column("act", sa.Boolean, nullable=False),
    sa.Column("start_at_once", sa.Boolean, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, comment="of the file's bytes"),
    sa.Column("options", pg.JSONB, nullable=False),
    sa.Column("mapping", pg.JSONB, comment="null: guess, or the rows are events"),
    sa.Column("form", pg.JSONB, comment="what the file turned out to be"),
    sa.Column("preview", pg.JSONB, comment="first rows, problems; gone when the import has ended"),
    sa.Column("read", sa.BigInteger, nullable=False),
    sa.Column("accepted", sa.BigInteger, nullable=False),
    sa.Column("duplicate", sa.BigInteger, nullable=False),
    sa.Column("refused", sa.BigInteger, nullable=False),
    sa.Column("share", sa.Double, nullable=False, comment="of the file, 0 to 1"),
    sa.Column("rows_per_second", sa.Double, nullable=False),
    sa.Column("waiting_for", sa.Text),
    sa.Column("detail", sa.Text, comment="why it failed"),
    sa.Column("cancelling", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, comment="how often it was taken up since it last came forward"),
    sa.Column("lease", sa.Text),
    sa.Column("leased_until", INSTANT),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    sa.Column("started_at", INSTANT),
    sa.Column("ended_at", INSTANT),
    sa.CheckConstraint("read = accepted + duplicate + refused", name="accounting"),
    sa.Index(None, "created_at", postgresql_where=sa.text("state IN ('checking', 'running')")),
    sa.Index(None, "updated_at"),
)

import_parts = sa.Table(
    "import_parts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("import_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "import_id"], ["imports.tenant", "imports.id"], ondelete="CASCADE"),
)

import_refused = sa.Table(
    "import_refused",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("import_id", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False, comment="the how-manieth row of data"),
    sa.Column("line", sa.BigInteger, nullable=False, comment="where a person finds it in the file"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("cells", pg.JSONB, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "import_id"], ["imports.tenant", "imports.id"], ondelete="CASCADE"),
)

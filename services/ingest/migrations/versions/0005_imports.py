"""Imports: files in parts, the accounting of their rows, and the rows that were refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime(timezone=True)
OF_IMPORT = (["tenant", "import_id"], ["imports.tenant", "imports.id"])


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), comment="what the rows' source is called; null: the hash of the file"),
        sa.Column("act", sa.Boolean(), nullable=False),
        sa.Column("start_at_once", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="of the file's bytes"),
        sa.Column("options", pg.JSONB(), nullable=False),
        sa.Column("mapping", pg.JSONB(), comment="null: guess, or the rows are events"),
        sa.Column("form", pg.JSONB(), comment="what the file turned out to be"),
        sa.Column("preview", pg.JSONB(), comment="first rows, problems; gone when the import has ended"),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("duplicate", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False, comment="of the file, 0 to 1"),
        sa.Column("rows_per_second", sa.Double(), nullable=False),
        sa.Column("waiting_for", sa.Text()),
        sa.Column("detail", sa.Text(), comment="why it failed"),
        sa.Column("cancelling", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="how often it was taken up since it last came forward"),
        sa.Column("lease", sa.Text()),
        sa.Column("leased_until", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_imports"),
        sa.CheckConstraint("read = accepted + duplicate + refused", name="ck_imports_accounting"),
    )
    working = sa.text("state IN ('checking', 'running')")
    op.create_index("ix_imports_created_at", "imports", ["created_at"], postgresql_where=working)
    op.create_index("ix_imports_updated_at", "imports", ["updated_at"])
    op.create_table(
        "import_parts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "import_id", "position", name="pk_import_parts"),
        sa.ForeignKeyConstraint(*OF_IMPORT, name="fk_import_parts_tenant_import_id", ondelete="CASCADE"),
    )
    op.create_table(
        "import_refused",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False, comment="the how-manieth row of data"),
        sa.Column("line", sa.BigInteger(), nullable=False, comment="where a person finds it in the file"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cells", pg.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "import_id", "position", name="pk_import_refused"),
        sa.ForeignKeyConstraint(*OF_IMPORT, name="fk_import_refused_tenant_import_id", ondelete="CASCADE"),
    )


def downgrade() -> None:
    for table in ("import_refused", "import_parts", "imports"):
        op.drop_table(table)

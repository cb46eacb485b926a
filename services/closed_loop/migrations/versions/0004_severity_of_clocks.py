"""A clock bears the severity of its case, so that what is due is found in the order in which it fires."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

HAS_TIMER = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    severity = sa.Column("severity", sa.Text(), server_default="normal", nullable=False, comment="of its case: what fires first")
    op.add_column("clocks", severity)
    op.execute("""
        UPDATE clocks SET severity = cases.severity FROM cases
        WHERE cases.tenant = clocks.tenant AND cases.id = clocks.case_id AND cases.severity <> 'normal'
    """)
    op.create_index("ix_clocks_severity_next_at", "clocks", ["severity", "next_at"], postgresql_where=HAS_TIMER)
    op.drop_index("ix_clocks_next_at", "clocks")
    op.execute("ALTER TABLE cases SET (fillfactor = 85)")  # room beside a case for its next version: its indexes then need no new entry


def downgrade() -> None:
    op.execute("ALTER TABLE cases RESET (fillfactor)")
    op.create_index("ix_clocks_next_at", "clocks", ["next_at"], postgresql_where=HAS_TIMER)
    op.drop_index("ix_clocks_severity_next_at", "clocks")
    op.drop_column("clocks", "severity")

"""Keys of people are sorted into their index at once, so that finding a person reads no list of what was not sorted in yet."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("ALTER INDEX ix_survey_invitations_person_keys SET (fastupdate = off)")
    op.execute("SELECT gin_clean_pending_list('ix_survey_invitations_person_keys')")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_survey_invitations_person_keys RESET (fastupdate)")

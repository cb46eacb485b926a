"""Standing addresses, answers that come back as messages, and what a completed survey earns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0007"
down_revision = "0006"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("survey_invitations", sa.Column("place", sa.Text()))
    op.create_table(
        "survey_places",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("context", pg.JSONB(), nullable=False),
        sa.Column("kiosk", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_places_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_survey_places"),
    )
    op.create_index("ix_survey_places_id", "survey_places", ["id"], unique=True)
    op.create_table(
        "survey_replies",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("message", sa.Uuid(), nullable=False),
        sa.Column("invitation", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "message", name="pk_survey_replies"),
    )
    _incentives()


def _incentives() -> None:
    op.create_table(
        "survey_rewards",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("invitation", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("points", sa.Integer()),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "invitation"], ["survey_invitations.tenant", "survey_invitations.id"], name="fk_survey_rewards_tenant_invitation"
        ),
        sa.PrimaryKeyConstraint("tenant", "survey", "number", name="pk_survey_rewards"),
    )
    op.create_index("ix_survey_rewards_tenant_invitation", "survey_rewards", ["tenant", "invitation"], unique=True)
    op.create_table(
        "survey_coupons",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("invitation", sa.Text()),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_coupons_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "survey", "code", name="pk_survey_coupons"),
    )
    op.create_index(
        "ix_survey_coupons_free",
        "survey_coupons",
        ["tenant", "survey", "position"],
        unique=False,
        postgresql_where=sa.text("invitation IS NULL"),
    )
    op.create_index(
        "ix_survey_coupons_given",
        "survey_coupons",
        ["tenant", "invitation"],
        unique=True,
        postgresql_where=sa.text("invitation IS NOT NULL"),
    )
    op.create_table(
        "survey_draws",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("up_to", sa.Integer(), nullable=False),
        sa.Column("entrants", pg.ARRAY(sa.Integer()), nullable=False),
        sa.Column("winners", pg.ARRAY(sa.Integer()), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_draws_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "survey", "number", name="pk_survey_draws"),
    )


def downgrade() -> None:
    for table in ("survey_draws", "survey_coupons", "survey_rewards", "survey_replies", "survey_places"):
        op.drop_table(table)
    op.drop_column("survey_invitations", "place")

"""Standing addresses, answers that come back as messages, and what a completed survey earns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0007"
down_revision = "0006"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "survey_invitations", sa.Column("place", sa.Text(), comment="where somebody walked in and answered without having been asked")
    )
    op.alter_column(
        "survey_invitations",
        "state",
        comment="planned, sent, walked_in, passed_over, cancelled, failed",
        existing_type=sa.Text(),
        existing_nullable=False,
    )
    op.create_table(
        "survey_places",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="stands in the public address"),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("context", pg.JSONB(), nullable=False, comment="what every answer given there says"),
        sa.Column("kiosk", sa.Boolean(), nullable=False, comment="one screen for many people, who must not see each other's answers"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_places_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_survey_places"),
        comment="standing addresses at which anybody may answer",
    )
    op.create_index("ix_survey_places_id", "survey_places", ["id"], unique=True)
    op.create_table(
        "survey_replies",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("message", sa.Uuid(), nullable=False, comment="hash of the event's source and id"),
        sa.Column("invitation", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "message", name="pk_survey_replies"),
        comment="messages that were answers, so that each is one once",
    )
    _incentives()


def _incentives() -> None:
    op.create_table(
        "survey_rewards",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="1, 2, 3 … without gaps"),
        sa.Column("invitation", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="points, coupon, draw"),
        sa.Column("points", sa.Integer()),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "invitation"], ["survey_invitations.tenant", "survey_invitations.id"], name="fk_survey_rewards_tenant_invitation"
        ),
        sa.PrimaryKeyConstraint("tenant", "survey", "number", name="pk_survey_rewards"),
        comment="what a completed survey has earned, whatever its answers are",
    )
    op.create_index("ix_survey_rewards_tenant_invitation", "survey_rewards", ["tenant", "invitation"], unique=True)
    op.create_table(
        "survey_coupons",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(), nullable=False, comment="in the order in which they came"),
        sa.Column("invitation", sa.Text(), comment="whose completion it was given for; null while it is free"),
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
        sa.Column("up_to", sa.Integer(), nullable=False, comment="the last reward that took part; the next draw begins after it"),
        sa.Column("entrants", pg.ARRAY(sa.Integer()), nullable=False, comment="numbers of rewards"),
        sa.Column("winners", pg.ARRAY(sa.Integer()), nullable=False, comment="numbers of rewards, in the order in which they were drawn"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_draws_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "survey", "number", name="pk_survey_draws"),
    )


def downgrade() -> None:
    for table in ("survey_draws", "survey_coupons", "survey_rewards", "survey_replies", "survey_places"):
        op.drop_table(table)
    op.drop_column("survey_invitations", "place")
